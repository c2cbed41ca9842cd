#!/usr/bin/env python3
"""Perdure and its peers side by side on the same trees. See scripts/bench --help."""

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import asdict

import rows
import table
import trees
from measure import WrongResult
from s3_server import Server
from tools import TOOLS, Tool

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
EPILOG = """rows:
""" + "\n".join(f"  {row.name:<32}{row.title}" for row in rows.ROWS) + """

A row name may end in * (usr-*). Each run has a fresh repository; the cache of the system is warm; the
time includes key derivation, all child processes and `sync -f` of the repository. A wrong exit code or
a restored tree with another hash fails the bench. Raw runs, one JSON object a line, the table in
Markdown and JSON lie in build/bench/<time>/; --report joins several such folders.

The rows over S3 run against versitygw (scripts/setup builds it), a new one for each run, directly and
through a proxy of the bench that makes each answer 30 ms late; beside them a plain loop of PUTs or GETs
over the same server moves as many bytes. Durable is what the server calls so; nothing is flushed."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="*", help="comma-separated, default all")
    parser.add_argument("--peers", default="", help="comma-separated of " + ", ".join(TOOLS) +
                        "; default: all that are installed")
    parser.add_argument("--runs", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--usr", type=pathlib.Path, default=pathlib.Path("/usr"), help="the tree of the usr rows")
    parser.add_argument("--work", type=pathlib.Path, default=CHECKOUT / "build" / "bench" / "work",
                        help="where trees and repositories go: 20 GB for all rows")
    parser.add_argument("--output", type=pathlib.Path, help="default build/bench/<time>")
    parser.add_argument("--scale", type=float, default=1.0, help="smaller trees, to try the bench itself")
    parser.add_argument("--lock", type=pathlib.Path, help="a file whose lock (flock) is held while a tool runs")
    parser.add_argument("--report", type=pathlib.Path, nargs="+", metavar="FOLDER",
                        help="no run: the table of earlier ones")
    return parser.parse_args()


def chosen_rows(text: str) -> set[str]:
    wanted = set()
    for pattern in text.split(","):
        prefix = pattern[:-1] if pattern.endswith("*") else None
        found = {row.source for row in rows.ROWS
                 if row.name == pattern or (prefix is not None and row.name.startswith(prefix))}
        if not found:
            sys.exit(f"bench: no row {pattern}")
        wanted |= found
    return wanted


def chosen_tools(text: str) -> list[tuple[type[Tool], str, str]]:
    """(tool, program, version); Perdure always first."""
    names = [name for name in text.split(",") if name != "perdure"] if text else list(TOOLS)[1:]
    found = []
    for name in ["perdure", *names]:
        if name not in TOOLS:
            sys.exit(f"bench: no peer {name}")
        program = TOOLS[name].find(CHECKOUT)
        if program is None:
            if name == "perdure" or text:
                sys.exit(f"bench: {name} is not installed (scripts/setup --bench, --rustic)")
            print(f"bench: without {name}, which is not installed")
            continue
        found.append((TOOLS[name], program, TOOLS[name].version(program)))
    return found


def about(given: argparse.Namespace) -> dict:
    commit = subprocess.run(["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=12"],
                            capture_output=True, text=True, check=False).stdout.strip()
    model = "unknown CPU"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {"date": time.strftime("%Y-%m-%d %H:%M"), "commit": commit, "scale": given.scale,
            "machine": f"{os.cpu_count()} CPUs {model}, kernel {platform.release()}"}


class Bench:
    """Runs the chains of each tree with each tool, and keeps every record as soon as it is there."""

    def __init__(self, given: argparse.Namespace, output: pathlib.Path) -> None:
        self.given, self.output = given, output
        self.wanted = chosen_rows(given.rows)
        self.tools = chosen_tools(given.peers)
        self.work = given.work.resolve()
        self.aside = self.work / "aside"
        self.suffix = "" if given.scale == 1 else f"-{given.scale}"

    def tree(self, name: str, make):
        self.work.mkdir(parents=True, exist_ok=True)
        return trees.prepared(self.work / (name + self.suffix), make, self.given.scale)

    def each(self, prefix: str, body, only_perdure: bool = False, runs: int | None = None,
             delay: int | None = None, made=None) -> None:
        """body(chain) for each tool and run, tools taking turns so that drift hits all alike. `delay`: to
        an S3 server whose answers are that many milliseconds late. `made`: places that the tools filled
        earlier, of which each run gets a copy."""
        for run in range(1, (runs or self.given.runs) + 1):
            for tool, program, version in self.tools:
                if only_perdure and tool.name != "perdure":
                    continue
                if delay is not None and not tool.has_s3 or made is not None and tool.name not in made:
                    continue
                with self.undisturbed():
                    self.one(prefix, run, (tool, program, version), body, delay, made)

    def one(self, prefix: str, run: int, chosen: tuple[type[Tool], str, str], body, delay: int | None,
            made: dict[str, pathlib.Path] | None) -> None:
        tool, program, version = chosen
        place = self.work / "run"
        trees.empty_aside(place, self.aside)
        if made is not None:
            subprocess.run(["cp", "-a", str(made[tool.name]), str(place)], check=True)
        print(f"bench: {prefix}, run {run}, {tool.name} {version}", flush=True)
        server = None if delay is None else Server(delay)
        try:
            if server is not None and made is not None:
                server.adopt(place / "repository")
            chain = rows.Chain(tool(place, program, server), version, run, self.wanted, made is not None)
            body(chain)
        finally:
            if server is not None:
                server.stop()
        with (self.output / "raw.jsonl").open("a") as raw:
            for record in chain.records:
                raw.write(json.dumps(asdict(record)) + "\n")
                print(f"    {record.row:<24}{record.tool:<12}{record.wall:8.2f} s"
                      f"{record.user + record.system:8.2f} CPU s{record.peak_kib / 1024:7.0f} MiB"
                      f"{record.repository / 1e6:10.1f} MB", flush=True)
        trees.empty_aside(place, self.aside)

    @contextlib.contextmanager
    def undisturbed(self):
        """Where builds on this machine take a lock, none runs while one tool is measured."""
        if self.given.lock is None:
            yield
            return
        with self.given.lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def made(self, name: str, fill, only_perdure: bool = False) -> dict[str, pathlib.Path]:
        """The places that `fill(tool)` fills, once for each tool."""
        places = {}
        for tool, program, version in self.tools:
            if only_perdure and tool.name != "perdure" or not tool.has_s3:
                continue
            place = places[tool.name] = self.work / f"{name}{self.suffix}-{tool.name}-{version}"
            done = place.with_name(place.name + ".done")
            if not done.exists():
                trees.empty_aside(place, self.aside)
                print(f"bench: making {place}", flush=True)
                kin = places.get(tool.same_format)
                if kin is not None:
                    subprocess.run(["cp", "-a", str(kin), str(place)], check=True)
                filled = tool(place, program)
                if kin is None:
                    filled.init()
                    fill(filled)
                filled.list()  # the cache is warm
                done.touch()
        return places

    def wants(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self.wanted)

    def all(self) -> None:
        for prefix, path in (("usr", lambda: self.given.usr.resolve()),
                             ("random", lambda: self.tree("random", trees.make_random)),
                             ("small", lambda: self.tree("small", trees.make_small))):
            if self.wants(prefix + "-"):
                tree = path()
                expected = trees.tree_hash(tree)  # this also warms the cache
                self.each(prefix, lambda chain: rows.run_tree(chain, prefix, tree, expected))
                if trees.tree_hash(tree) != expected:
                    raise WrongResult(f"{tree} changed while it was measured")
        for prefix, make in (("dump", trees.make_dump_versions), ("releases", trees.make_releases)):
            if self.wants(prefix + "-"):
                versions = self.tree(prefix, make)
                self.each(prefix, lambda chain: rows.run_versions(chain, prefix, versions), runs=1)
        if self.wants("million-"):
            million = self.tree("million", trees.make_million)
            self.each("million", lambda chain: rows.run_million(chain, million), only_perdure=True)
        for prefix, delay in rows.S3_DELAYS.items():
            self.over_s3(prefix, delay)
        self.many_points()

    def over_s3(self, prefix: str, delay: int) -> None:
        """The rows of trees, each run with a server of its own."""
        for name, make in (("random", trees.make_random), ("small", trees.make_small)):
            row = prefix + name
            if not self.wants(row + "-"):
                continue
            tree = self.tree(name, make)
            expected = trees.tree_hash(tree)
            changed = None
            if f"{row}-gc" in self.wanted:
                half = self.tree(name + "-half", lambda target, _: trees.half_replaced(tree, target))
                changed = (half, trees.tree_hash(half))
            self.each(row, lambda chain: rows.run_s3(chain, row, tree, expected, changed), delay=delay)

    def many_points(self) -> None:
        """The rows of repositories with many points, which are made once, in a folder."""
        kept = max(1, int(100 * self.given.scale))
        backups = max(10, int(10_000 * self.given.scale))
        for prefix, delay in (("", None), *rows.S3_DELAYS.items()):
            if f"{prefix}points-forget" in self.wanted:
                tree = self.tree("points", lambda root, _: trees.make_small(root, 1 / 300))
                places = self.made("points", lambda tool: rows.make_points(tool, tree, 10 * kept))
                expected = trees.tree_hash(tree)
                self.each(f"{prefix}points", lambda chain: rows.run_forget(
                    chain, f"{prefix}points-forget", tree, expected, kept), delay=delay, made=places)
            if f"{prefix}many-list" in self.wanted:
                few = self.tree("few", lambda root, _: trees.make_small(root, 1 / 300))
                places = self.made("many", lambda tool: rows.make_unchanged(tool, few, backups), only_perdure=True)
                self.each(f"{prefix}many", lambda chain: rows.run_many(
                    chain, f"{prefix}many-list", few, backups), only_perdure=True, delay=delay, made=places)


def main() -> int:
    given = arguments()
    if given.report:
        print(table.markdown(*table.load(given.report)))
        return 0
    output = given.output or CHECKOUT / "build" / "bench" / time.strftime("%Y%m%d-%H%M%S")
    output.mkdir(parents=True)
    (output / "about.json").write_text(json.dumps(about(given), indent=1) + "\n")
    (output / "raw.jsonl").touch()
    try:
        bench = Bench(given, output)
        bench.all()
        shutil.rmtree(bench.aside, ignore_errors=True)
    except WrongResult as wrong:
        print(f"bench: FAILED: {wrong}", file=sys.stderr)
        return 1
    finally:
        records, what = table.load([output])
        if records:
            (output / "table.md").write_text(table.markdown(records, what))
            (output / "records.json").write_text(json.dumps({"about": what, "records": records}, indent=1) + "\n")
    print("\n" + (output / "table.md").read_text())
    print(f"bench: raw runs and this table are in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
