"""FORMAT.md, 12: recipes and tree pages."""

from dataclasses import dataclass, field

from .primitives import Address, Corrupt, Reader, read_birth_pack

ENTRIES, INNER, RUNS, RUNS_INNER, BYTES = range(1, 6)
FILE, DIRECTORY, SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = range(1, 8)
MOST = {ENTRIES: 1 << 14, INNER: 1 << 14, RUNS: 1 << 16, RUNS_INNER: 1 << 16, BYTES: 1 << 20}
OUTLINED = 257
MAX_DEPTH = 16
MAX_WEIGHT = 1 << 19


@dataclass
class Run:
    """A stretch of a block, or a hole (address None)."""

    address: Address | None
    offset: int
    length: int = 0


@dataclass
class Entry:
    path: bytes
    type: int
    mode: int = 0
    uid: int = 0
    gid: int = 0
    user: bytes = b""
    group: bytes = b""
    mtime: int = 0
    ctime: int = 0
    inode: int = 0
    links: int = 1
    device: int = 0
    flags: int = 0
    project: int = 0
    xattrs: list = field(default_factory=list)  # (name, value or Address)
    size: int = 0
    recipe: list | Address = field(default_factory=list)
    target: bytes = b""
    major: int = 0
    minor: int = 0


def start(page, kind=None):
    reader = Reader(page)
    if reader.u8() != 1:
        raise Corrupt("page of an unknown version")
    found, count = reader.u8(), reader.varint()
    if found not in MOST or (kind is not None and found != kind) or count > MOST[found]:
        raise Corrupt("page of a wrong kind or size")
    return found, count, reader


def read_packs(reader):
    return [read_birth_pack(reader) for _ in range(reader.varint())]


def read_place(reader, packs):
    index, slot = reader.varint(), reader.varint()
    if index >= len(packs):
        raise Corrupt("page names a pack that is not in its dictionary")
    return Address(packs[index], slot)


def read_paths(reader, count):
    shared, rests, text = reader.column(), reader.column(), reader.column()
    last, paths = b"", []
    for _ in range(count):
        prefix = shared.varint()
        if prefix > len(last):
            raise Corrupt("damaged path")
        last = last[:prefix] + text.take(rests.varint())
        paths.append(last)
    for column in (shared, rests, text):
        column.done()
    return paths


def read_times(reader, count):
    seconds, nanoseconds = reader.column(), reader.column()
    last, times = 0, []
    for _ in range(count):
        last += seconds.svarint()
        rest = nanoseconds.varint()
        if rest >= 10**9:
            raise Corrupt("damaged time")
        times.append(last * 10**9 + rest)
        if not -(1 << 63) <= times[-1] < 1 << 63:
            raise Corrupt("damaged time")
    seconds.done()
    nanoseconds.done()
    return times


def read_dictionary(reader, count, read_item):
    number, items = reader.varint(), reader.column()
    known = [read_item(items) for _ in range(number)]
    items.done()
    column = reader.column()
    chosen = []
    for _ in range(count):
        index = column.varint()
        if index >= number:
            raise Corrupt("damaged dictionary")
        chosen.append(known[index])
    column.done()
    return chosen


def read_xattrs(data, packs):
    reader, xattrs = Reader(data), []
    for _ in range(reader.varint()):
        name, outlined = reader.sized(), reader.u8()
        if outlined > 1:
            raise Corrupt("damaged attribute")
        xattrs.append((name, read_place(reader, packs) if outlined else reader.sized()))
    reader.done()
    return xattrs


class RunReader:
    def __init__(self, reader, packs):
        self.reader, self.packs, self.last = reader, packs, None

    def read(self, length):
        """`length()` gives the length once the rest of the run is read."""
        tag = self.reader.varint()
        if tag == 3:
            run = Run(None, 0)
        elif tag == 2:
            run = Run(read_place(self.reader, self.packs), self.reader.varint())
        elif tag > 3 or self.last is None:
            raise Corrupt("damaged run")
        elif tag == 0:
            run = Run(self.last.address, self.last.offset + self.last.length)
        else:
            run = Run(Address(self.last.address.pack, self.last.address.slot + 1), 0)
        run.length = length()
        if run.length == 0 or (run.address and run.offset + run.length > 1 << 20):
            raise Corrupt("damaged run")
        if run.address:
            self.last = run
        return run


def entries_page(page):
    _, count, reader = start(page, ENTRIES)
    packs = read_packs(reader)
    paths = read_paths(reader, count)
    types = reader.column()
    owners = read_dictionary(reader, count, lambda r: (r.varint(), r.varint(), r.varint(), r.sized(), r.sized()))
    mtimes, ctimes = read_times(reader, count), read_times(reader, count)
    inodes, links = reader.column(), reader.column()
    places = read_dictionary(reader, count, lambda r: (r.varint(), r.varint(), r.varint()))
    xattrs = read_dictionary(reader, count, lambda r: r.sized())
    sizes, run_counts, runs, lengths, targets, devices = (reader.column() for _ in range(6))
    reader.done()
    run_reader, inode, weight, entries = RunReader(runs, packs), 0, 0, []
    for i in range(count):
        e = Entry(paths[i], types.u8())
        e.mode, e.uid, e.gid, e.user, e.group = owners[i]
        e.mtime, e.ctime = mtimes[i], ctimes[i]
        inode = (inode + inodes.svarint()) % (1 << 64)
        e.inode, e.links = inode, links.varint()
        e.device, e.flags, e.project = places[i]
        e.xattrs = read_xattrs(xattrs[i], packs)
        if not FILE <= e.type <= BLOCK or e.mode > 0o7777:
            raise Corrupt("damaged entry")
        if e.type == FILE:
            e.size, number = sizes.varint(), run_counts.varint()
            if number > OUTLINED:
                raise Corrupt("damaged entry")
            e.recipe = read_place(run_counts, packs) if number == OUTLINED else read_recipe(
                run_reader, number, e.size, lengths)
        elif e.type == SYMLINK:
            e.target = targets.sized()
        elif e.type in (CHARACTER, BLOCK):
            e.major, e.minor = devices.varint(), devices.varint()
        entries.append(e)
        weight += weight_of(e)
        if i > 0 and weight > MAX_WEIGHT:
            raise Corrupt("page is heavier than a page may be")
    for column in (types, inodes, links, sizes, run_counts, runs, lengths, targets, devices):
        column.done()
    return entries


def weight_of(e):
    """FORMAT.md, 13."""
    runs = len(e.recipe) if isinstance(e.recipe, list) else 0
    inline = sum(16 + len(name) + (0 if isinstance(value, Address) else len(value)) for name, value in e.xattrs)
    return 64 + len(e.path) + len(e.target) + len(e.user) + len(e.group) + 24 * runs + inline


def read_recipe(run_reader, number, size, lengths):
    recipe, rest = [], size
    for j in range(number):
        left = rest
        run = run_reader.read(lengths.varint if j + 1 < number else lambda: left)
        recipe.append(run)
        rest -= run.length
    if rest != 0:
        raise Corrupt("a recipe does not add up")
    return recipe


def inner_page(page):
    _, count, reader = start(page, INNER)
    packs = read_packs(reader)
    paths, column = read_paths(reader, count), reader.column()
    children = [(paths[i], read_place(column, packs), column.varint(), column.varint()) for i in range(count)]
    if count > 1 and sum(64 + len(path) for path in paths) > MAX_WEIGHT:
        raise Corrupt("page is heavier than a page may be")
    column.done()
    reader.done()
    return children


def runs_page(page):
    _, count, reader = start(page, RUNS)
    packs = read_packs(reader)
    runs, lengths = reader.column(), reader.column()
    run_reader = RunReader(runs, packs)
    recipe = [run_reader.read(lengths.varint) for _ in range(count)]
    for column in (runs, lengths, reader):
        column.done()
    return recipe


def runs_inner_page(page):
    _, count, reader = start(page, RUNS_INNER)
    packs = read_packs(reader)
    column = reader.column()
    children = [(read_place(column, packs), column.varint()) for _ in range(count)]
    column.done()
    reader.done()
    return children


def bytes_page(page):
    _, count, reader = start(page, BYTES)
    value = reader.take(count)
    reader.done()
    return value


def check_path(path, before):
    """Before anything is made: FORMAT.md, 12.3."""
    parts = path.split(b"/") if path else []
    if len(path) > 65535 or any(p in (b"", b".", b"..") or len(p) > 255 or b"\0" in p for p in parts):
        raise Corrupt(f"an entry has the path {path!r}")
    if before is not None and before >= parts:
        raise Corrupt(f"the entry {path!r} is out of order")
    return parts


class Tree:
    """The entries below a root page; `load(address)` gives the raw bytes of a page."""

    def __init__(self, root, load):
        self.root, self.load = root, load

    def entries(self):
        before = None
        for entry in self._walk(self.root, 0):
            before = check_path(entry.path, before)
            yield entry

    def _walk(self, address, depth):
        page = self.load(address)
        if start(page)[0] == ENTRIES:
            yield from entries_page(page)
            return
        if depth >= MAX_DEPTH:
            raise Corrupt("pages are nested too deep")
        for _, child, _, _ in inner_page(page):
            yield from self._walk(child, depth + 1)

    def recipe(self, entry):
        if isinstance(entry.recipe, list):
            return entry.recipe
        recipe = list(self._runs(entry.recipe, 0))
        if sum(run.length for run in recipe) != entry.size:
            raise Corrupt("a recipe does not add up")
        return recipe

    def _runs(self, address, depth):
        page = self.load(address)
        if start(page)[0] == RUNS:
            yield from runs_page(page)
            return
        if depth >= MAX_DEPTH:
            raise Corrupt("run pages are nested too deep")
        for child, _ in runs_inner_page(page):
            yield from self._runs(child, depth + 1)

    def xattrs(self, entry):
        return [(name, bytes_page(self.load(value)) if isinstance(value, Address) else value)
                for name, value in entry.xattrs]
