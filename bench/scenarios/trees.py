"""Trees to back up: how each is made (reproducibly), and the hash that a restored one must have."""

import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys
import tarfile

import sql_dump

WORDS = ("backup restore point block leaf pack index tree page writer reader session commit owner key "
         "server request response error warning info debug path size mode time user group host value "
         "return import class def if else for while true false none null int string list map").split()

# Feature releases of one project with plain sdists: what a tree looks like over years.
RELEASES = ("Django", ("2.2", "3.0", "3.1", "3.2", "4.0", "4.1", "4.2", "5.0", "5.1", "5.2"))


def tree_hash(root: pathlib.Path) -> str:
    """Over relative names, kinds, modes, link targets and contents of everything below root, in order.
    Sockets are left out: not every tool keeps them."""
    whole = hashlib.sha256()

    def visit(folder: str, relative: str) -> None:
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: os.fsencode(entry.name))
        for entry in entries:
            name = f"{relative}/{entry.name}"
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISSOCK(mode):
                continue
            # Some tools cannot set modes of symlinks, and nobody can on Linux.
            shown = stat.S_IFMT(mode) if stat.S_ISLNK(mode) else mode
            whole.update(os.fsencode(f"{name}\0{shown:o}\0"))
            if stat.S_ISLNK(mode):
                whole.update(os.fsencode(os.readlink(entry.path)))
            elif stat.S_ISREG(mode):
                with open(entry.path, "rb") as file:
                    whole.update(hashlib.file_digest(file, "sha256").digest())
            elif stat.S_ISDIR(mode):
                visit(entry.path, name)

    visit(str(root), "")
    return whole.hexdigest()


def count_entries(root: pathlib.Path) -> tuple[int, int]:
    """(entries, bytes of regular files) below root, root counted."""
    entries, size = 1, 0
    for where, folders, files in os.walk(root):
        entries += len(folders) + len(files)
        for name in files:
            status = os.lstat(os.path.join(where, name))
            size += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return entries, size


def warm(root: pathlib.Path) -> None:
    """Reads everything once, so that every tool finds a warm cache."""
    buffer = bytearray(1 << 20)
    for where, _, files in os.walk(root):
        for name in files:
            path = os.path.join(where, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb", buffering=0) as file:
                    while file.readinto(buffer):
                        pass


def make_random(root: pathlib.Path, scale: float) -> None:
    """2 GiB that nothing compresses, in 8 files."""
    rng = random.Random(8)
    root.mkdir(parents=True)
    for number in range(8):
        with (root / f"random-{number}").open("wb") as file:
            for _ in range(max(1, int(256 * scale))):
                file.write(rng.randbytes(1 << 20))


def make_small(root: pathlib.Path, scale: float) -> None:
    """120,000 files of text in 300 folders: half below 1 KiB, few above 10 KiB."""
    rng = random.Random(120)
    text = " ".join(rng.choice(WORDS) for _ in range(200_000)).encode()
    for folder in range(max(1, int(300 * scale))):
        place = root / f"{folder % 17:02d}" / f"{folder:03d}"
        place.mkdir(parents=True)
        for number in range(400):
            size = min(int(rng.lognormvariate(6.9, 1.0)) + 1, 65536)
            start = rng.randrange(len(text) - size)
            head = f"# {folder} {number} {rng.getrandbits(64):x}\n".encode()
            (place / f"{number:03d}.txt").write_bytes(head + text[start:start + size])


def half_replaced(source: pathlib.Path, target: pathlib.Path) -> None:
    """A copy of a tree in which every other file has other content of the same size."""
    rng = random.Random(2)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    for file in sorted(path for path in target.rglob("*") if path.is_file())[::2]:
        left = file.stat().st_size
        with file.open("r+b") as out:
            while left > 0:
                left -= out.write(rng.randbytes(min(left, 1 << 20)))


@contextlib.contextmanager
def in_place_of(path: pathlib.Path, other: pathlib.Path):
    """`other` at the place of `path`, for as long as it is needed there."""
    kept = path.with_name(path.name + ".kept")
    path.rename(kept)
    other.rename(path)
    try:
        yield
    finally:
        path.rename(other)
        kept.rename(path)


def make_million(root: pathlib.Path, scale: float) -> None:
    """10^6 files of some bytes in 1000 folders."""
    for folder in range(max(1, int(1000 * scale))):
        place = root / f"{folder:03d}"
        place.mkdir(parents=True)
        for number in range(1000):
            (place / f"{number:03d}").write_text(f"{folder} {number}\n")


def make_dump_versions(root: pathlib.Path, scale: float) -> list[pathlib.Path]:
    """4 versions of a 100 MB dump, 0.35 % of the rows changed from one to the next."""
    versions = []
    for number in range(4):
        folder = root / f"v{number}"
        folder.mkdir(parents=True)
        if number == 0:
            sql_dump.make(str(folder / "dump.sql"), 100 * scale, seed=1)
        else:
            sql_dump.change(str(versions[-1] / "dump.sql"), str(folder / "dump.sql"), 0.0035, seed=number + 1)
        versions.append(folder)
    return versions


def make_releases(root: pathlib.Path, scale: float) -> list[pathlib.Path]:
    """Unpacked source archives of a project's releases, from PyPI."""
    project, releases = RELEASES
    releases = releases[:max(2, int(len(releases) * scale))] if scale < 1 else releases
    archives, versions = root / "archives", []
    archives.mkdir(parents=True)
    for release in releases:
        folder = root / f"v{release}"
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
                        "--disable-pip-version-check", "--dest", str(archives / release),
                        f"{project}=={release}"], check=True)
        (archive,) = (archives / release).iterdir()
        with tarfile.open(archive) as packed:
            packed.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        (inner,) = folder.iterdir()
        inner.rename(folder / "tree")  # the archive's top folder carries the version in its name
        versions.append(folder)
    shutil.rmtree(archives)
    return versions


def empty_aside(tree: pathlib.Path, aside: pathlib.Path) -> None:
    """Frees what the files of a tree hold, and moves it away, without deleting anything: ext4 gives no
    inode out again within minutes of its deletion, and looks at each of those for every file it makes.
    What one run deletes would make the restores of the next ones several times slower."""
    if not tree.exists():
        return
    for where, _, files in os.walk(tree):
        for name in files:
            path = os.path.join(where, name)
            if not os.path.islink(path) and os.path.isfile(path):
                os.truncate(path, 0)
    aside.mkdir(exist_ok=True)
    tree.rename(aside / str(len(list(aside.iterdir()))))


def prepared(root: pathlib.Path, make, scale: float):
    """Makes a tree once; what a broken-off run left is made anew. Returns what `make` made."""
    done = root.with_name(root.name + ".done")
    if not done.exists():
        shutil.rmtree(root, ignore_errors=True)
        print(f"bench: making {root}", flush=True)
        make(root, scale)
        done.touch()
    return sorted((path for path in root.iterdir() if path.name.startswith("v")),
                  key=lambda path: [int(part) for part in path.name[1:].split(".")]) \
        if make in (make_dump_versions, make_releases) else root
