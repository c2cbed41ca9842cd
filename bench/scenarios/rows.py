"""The rows of the table: what is done in which order, what is recorded, what is aimed at."""

import os
import pathlib
import shutil
from dataclasses import asdict, dataclass, field
from typing import Callable

import trees
from measure import Cost, WrongResult, bytes_below, settle
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
]


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

    def __init__(self, tool: Tool, version: str, run: int, wanted: set[str]) -> None:
        self.tool, self.version, self.run, self.wanted = tool, version, run, wanted
        self.records: list[Record] = []
        self.entries = self.bytes = 0
        settle()
        tool.init()

    def wants(self, *rows: str) -> bool:
        return bool(self.wanted.intersection(rows))

    def step(self, row: str, action: Callable[[], Cost], **extra: float) -> None:
        settle()
        cost = action()
        if row in self.wanted:
            self.records.append(Record(row, self.tool.name, self.version, self.run, **asdict(cost),
                                       repository=bytes_below(self.tool.repository),
                                       entries=self.entries, bytes=self.bytes, extra=extra))

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


def run_many(chain: Chain, path: pathlib.Path, backups: int) -> None:
    """Many unchanged backups of a small tree: time of `list`, objects a point."""
    tool = chain.tool
    tool.as_writer = True
    total = 0.0
    for _ in range(backups):
        total += tool.do("backup", "--quiet", str(path)).wall
    tool.as_writer = False
    objects = sum(len(files) for _, _, files in os.walk(tool.repository))
    chain.entries, chain.bytes = trees.count_entries(path)
    chain.step("many-list", lambda: tool.do("list", "--json"), backups=backups,
               seconds_a_backup=total / backups, objects_a_point=objects / backups)
    chain.restore_and_compare("", path, trees.tree_hash(path))
