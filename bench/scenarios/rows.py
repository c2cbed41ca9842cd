"""The rows of the table: what is done in which order, what is recorded, what is aimed at."""

import os
import pathlib
import random
import shutil
from dataclasses import asdict, dataclass, field
from typing import Callable

import trees
from measure import Cost, WrongResult, settle
from tools import Tool


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    figure: str = "wall"   # wall (s), repository (bytes), peak (bytes), entries or bytes per CPU second
    of: str = ""           # the row whose runs it is a figure of, where not its own
    aim: str = ""
    ratio: float = 0.0     # best peer / Perdure must be at least this
    below: float = 0.0     # Perdure must be below this
    above: float = 0.0     # Perdure must be above this
    share: float = 0.0     # or: a plain loop's time / Perdure's must be at least this

    @property
    def source(self) -> str:
        return self.of or self.name


ROWS = [
    Row("usr-first", "first backup, `/usr`", aim="≥ 3.5× faster", ratio=3.5),
    Row("usr-size", "its repository", "repository", "usr-first", "no larger than the smallest peer's", ratio=1.0),
    Row("usr-memory", "its peak memory", "peak", "usr-first", "≤ 250 MB", below=250e6),
    Row("usr-second", "second backup, nothing changed, `/usr`", aim="≥ 5× faster", ratio=5.0),
    Row("usr-second-rate", "its entries per CPU second", "entries", "usr-second", "≥ 300,000", above=300e3),
    Row("usr-force", "second backup, every byte read again, `/usr`", aim="≥ 4× faster", ratio=4.0),
    Row("usr-force-rate", "its bytes per CPU second", "bytes", "usr-force", "≥ 1.4 GB/s with AVX-512",
        above=1.4e9),
    Row("usr-restore", "full restore, `/usr`", aim="≥ 3× faster", ratio=3.0),
    Row("usr-check", "check of all data, deep, `/usr`", aim="≥ 2.5× faster", ratio=2.5),
    Row("random-first", "first backup, 2 GiB incompressible", aim="≥ 3× faster", ratio=3.0),
    Row("random-force", "every byte read again, incompressible"),
    Row("random-restore", "full restore, large files", aim="≥ 2× faster", ratio=2.0),
    Row("random-check", "check of all data, deep, incompressible", aim="≥ 2.5× faster", ratio=2.5),
    Row("small-first", "first backup, 120,000 small files", aim="≥ 4× faster", ratio=4.0),
    Row("small-second", "second backup, nothing changed, small files", aim="≥ 2.5× faster", ratio=2.5),
    Row("small-second-rate", "its entries per CPU second", "entries", "small-second", "≥ 300,000", above=300e3),
    Row("dump-size", "4 versions of a 100 MB dump, repository", "repository",
        aim="≤ 0.6 of the smallest peer", ratio=1 / 0.6),
    Row("releases-size", "releases of a source tree, repository", "repository",
        aim="≤ 0.7 of the smallest peer", ratio=1 / 0.7),
    Row("million-file", "restore one small file of 10^6 entries", aim="< 0.3 s", below=0.3),
    Row("many-list", "`list` after 10,000 unchanged backups", aim="< 1 s", below=1.0),
    Row("points-forget", "forget and gc of 900 of 1,000 points", aim="≥ 10× faster", ratio=10.0),
]

S3_DELAYS = {"s3-": 0, "s3-30ms-": 30}  # prefix of the rows: milliseconds that each answer is late
PLAIN = "plain loop"                     # as a tool of the records


def s3_rows(prefix: str, delay: int) -> list[Row]:
    """The rows of one delay."""
    to = f"S3 server, {delay} ms" if delay else "S3 server"
    aim = {"aim": "≥ 2× faster, or ≥ 85 % of a plain loop", "ratio": 2.0, "share": 0.85}
    found = []
    for tree, title in (("random", "2 GiB incompressible"), ("small", "120,000 small files")):
        name = prefix + tree
        found += [Row(f"{name}-first", f"{to}: first backup, {title}", **aim),
                  Row(f"{name}-second", f"{to}: second backup, nothing changed", **aim),
                  Row(f"{name}-restore", f"{to}: full restore", **aim),
                  Row(f"{name}-check", f"{to}: check of all data", **aim),
                  Row(f"{name}-gc", f"{to}: forget and gc, half of it replaced since", aim="≥ 10× faster", ratio=10.0)]
        found += [Row(f"{name}-{step}-memory", "its peak memory", "peak", f"{name}-{step}", "≤ 300 MB", below=300e6)
                  for step in ("first", "restore", "check", "gc")]
    return found + [
        Row(f"{prefix}points-forget", f"{to}: forget and gc of 900 of 1,000 points", aim="≥ 10× faster", ratio=10.0),
        Row(f"{prefix}points-forget-memory", "its peak memory", "peak", f"{prefix}points-forget", "≤ 300 MB",
            below=300e6),
        Row(f"{prefix}many-list", f"{to}: `list` of 10,000 points, nothing in the cache"),
        Row(f"{prefix}many-list-memory", "its peak memory", "peak", f"{prefix}many-list", "≤ 300 MB", below=300e6)]


for _prefix, _delay in S3_DELAYS.items():
    ROWS += s3_rows(_prefix, _delay)


@dataclass
class Record:
    row: str
    tool: str
    version: str
    run: int
    wall: float
    sync: float
    user: float
    system: float
    peak_kib: int
    repository: int
    entries: int = 0
    bytes: int = 0
    verified: bool = False  # a restore of this repository had the hash of its source
    extra: dict[str, float] = field(default_factory=dict)


class Chain:
    """One repository, filled step by step; the steps whose rows are wanted are recorded."""

    def __init__(self, tool: Tool, version: str, run: int, wanted: set[str], made: bool = False) -> None:
        """`made`: there is a repository already."""
        self.tool, self.version, self.run, self.wanted = tool, version, run, wanted
        self.records: list[Record] = []
        self.entries = self.bytes = 0
        settle()
        if not made:
            tool.init()

    def wants(self, *rows: str) -> bool:
        return bool(self.wanted.intersection(rows))

    def step(self, row: str, action: Callable[[], Cost], **extra: float) -> None:
        settle()
        cost = action()
        if row in self.wanted:
            self.records.append(Record(row, self.tool.name, self.version, self.run, **asdict(cost),
                                       repository=self.tool.stored(),
                                       entries=self.entries, bytes=self.bytes, extra=extra))

    def plain(self, *steps: tuple[str, str]) -> None:
        """(row, put or get): what a plain loop takes for as many bytes as the repository has now, as
        records of their own."""
        if self.tool.name != "perdure":
            return
        size = self.tool.stored()
        for row, what in steps:
            settle()
            seconds = self.tool.server.plain_loop(what, size)
            if row in self.wanted:
                self.records.append(Record(row, PLAIN, "", self.run, seconds, 0.0, 0.0, 0.0, 0, repository=size))
        self.tool.server.forget_plain()

    def restore_and_compare(self, row: str, path: pathlib.Path, expected: str) -> None:
        """Restores the latest backup; a tree with another hash fails the bench."""
        target = self.tool.place / "restored"
        self.step(row, lambda: self.tool.restore(path, target))
        inner = target / path.relative_to("/")
        found = trees.tree_hash(inner if inner.is_dir() else target)
        if found != expected:
            raise WrongResult(f"{self.tool.name}: the restored {path} differs from the original "
                              f"(kept in {target})")
        trees.empty_aside(target, self.tool.place.with_name("aside"))
        for record in self.records:
            record.verified = True


def run_tree(chain: Chain, prefix: str, path: pathlib.Path, expected: str) -> None:
    """First backup, second, second with all bytes read again, restore, check."""
    chain.entries, chain.bytes = trees.count_entries(path)
    chain.step(f"{prefix}-first", lambda: chain.tool.backup(path))
    if chain.wants(f"{prefix}-second"):
        chain.step(f"{prefix}-second", lambda: chain.tool.backup(path))
    if chain.wants(f"{prefix}-force"):
        chain.step(f"{prefix}-force", lambda: chain.tool.backup(path, force=True))
    chain.restore_and_compare(f"{prefix}-restore", path, expected)
    if chain.wants(f"{prefix}-check"):
        chain.step(f"{prefix}-check", chain.tool.check)


def run_s3(chain: Chain, prefix: str, path: pathlib.Path, expected: str,
           changed: tuple[pathlib.Path, str] | None) -> None:
    """As run_tree, each beside a plain loop over the same server; then `changed`, a tree of which half is
    new and its hash, takes the place of `path` for one more backup, and those before it are forgotten."""
    chain.entries, chain.bytes = trees.count_entries(path)
    chain.step(f"{prefix}-first", lambda: chain.tool.backup(path))
    chain.plain((f"{prefix}-first", "put"), (f"{prefix}-restore", "get"), (f"{prefix}-check", "get"))
    if chain.wants(f"{prefix}-second"):
        chain.step(f"{prefix}-second", lambda: chain.tool.backup(path))
    if chain.wants(f"{prefix}-restore"):
        chain.restore_and_compare(f"{prefix}-restore", path, expected)
    if chain.wants(f"{prefix}-check"):
        chain.step(f"{prefix}-check", chain.tool.check)
    if changed is not None:
        with trees.in_place_of(path, changed[0]):
            chain.tool.backup(path)
        run_forget(chain, f"{prefix}-gc", path, changed[1], keep=1)


def run_forget(chain: Chain, row: str, path: pathlib.Path, expected: str, keep: int) -> None:
    """All but the `keep` latest backups are forgotten, and what only they needed is deleted at once; the
    latest of those left still restores."""
    before = chain.tool.stored()
    chain.step(row, lambda: chain.tool.forget(keep))
    chain.records[-1].extra["freed_mb"] = (before - chain.tool.stored()) / 1e6
    chain.restore_and_compare("", path, expected)


def make_points(tool: Tool, path: pathlib.Path, count: int) -> None:
    """As many backups of a small tree, of which one file is new each time."""
    rng = random.Random(1000)
    tool.as_writer = True
    for number in range(count):
        (path / "new").write_bytes(f"{number}\n".encode() + rng.randbytes(256 << 10))
        tool.backup(path)
    tool.as_writer = False


def run_versions(chain: Chain, prefix: str, versions: list[pathlib.Path]) -> None:
    """Each version at the same path, one backup each; then the last one is restored and compared."""
    path = versions[0].parent / "current"
    total = Cost()
    for version in versions:
        version.rename(path)
        try:
            settle()
            total = total.plus(chain.tool.backup(path))
            if version == versions[-1]:
                chain.step(f"{prefix}-size", lambda: total)
                chain.restore_and_compare("", path, trees.tree_hash(path))
        finally:
            path.rename(version)


def run_million(chain: Chain, path: pathlib.Path) -> None:
    """One small file out of a point of a million entries. The first restore finds what a backup left in
    the cache; one with an empty cache is in the raw record."""
    chain.entries, chain.bytes = trees.count_entries(path)
    chain.tool.backup(path)
    wanted = path / "003" / "777"
    if not wanted.is_file():
        wanted = next(path.glob("*/777"))
    restores = []
    for cached in (True, False):
        target = chain.tool.place / f"one-{cached}"
        if not cached:
            shutil.rmtree(chain.tool.place / "cache", ignore_errors=True)
        settle()
        restores.append(chain.tool.restore_file(wanted, target))
        (found,) = [file for file in target.rglob("*") if file.is_file()]
        if found.read_bytes() != wanted.read_bytes():
            raise WrongResult(f"{chain.tool.name}: {found} differs from {wanted}")
    chain.step("million-file", lambda: restores[0], wall_without_cache=restores[1].wall)
    chain.records[-1].verified = True


def make_unchanged(tool: Tool, path: pathlib.Path, backups: int) -> None:
    """As many backups of a tree in which nothing changes; what one took is kept in a file."""
    tool.as_writer = True
    total = sum(tool.do("backup", "--quiet", str(path)).wall for _ in range(backups))
    (tool.place / "seconds").write_text(str(total / backups))


def run_many(chain: Chain, row: str, path: pathlib.Path, backups: int) -> None:
    """`list` of what make_unchanged made. Over S3 by a machine that never saw the repository; how long
    the next one takes is in the raw record."""
    tool = chain.tool
    objects = sum(len(files) for _, _, files in os.walk(tool.server.folder if tool.server else tool.repository))
    chain.entries, chain.bytes = trees.count_entries(path)
    if tool.server:
        shutil.rmtree(tool.place / "cache", ignore_errors=True)
    chain.step(row, lambda: tool.do("list", "--json"), backups=backups,
               seconds_a_backup=float((tool.place / "seconds").read_text()), objects_a_point=objects / backups)
    chain.records[-1].extra["again_s"] = tool.do("list", "--json").wall
    chain.restore_and_compare("", path, trees.tree_hash(path))
