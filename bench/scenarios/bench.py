#!/usr/bin/env python3
"""Perdure and its peers side by side on the same trees. See scripts/bench --help."""

import argparse
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
from tools import TOOLS, Tool

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
EPILOG = """rows:
""" + "\n".join(f"  {row.name:<16}{row.title}" for row in rows.ROWS) + """

A row name may end in * (usr-*). Each run has a fresh repository; the cache of the system is warm; the
time includes key derivation, all child processes and `sync -f` of the repository. A wrong exit code or
a restored tree with another hash fails the bench. Raw runs, one JSON object a line, the table in
Markdown and JSON lie in build/bench/<time>/; --report joins several such folders."""


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

    def each(self, prefix: str, body, only_perdure: bool = False, runs: int | None = None) -> None:
        """body(chain) for each tool and run, tools taking turns so that drift hits all alike."""
        for run in range(1, (runs or self.given.runs) + 1):
            for tool, program, version in self.tools:
                if only_perdure and tool.name != "perdure":
                    continue
                place = self.work / "run"
                trees.empty_aside(place, self.aside)
                print(f"bench: {prefix}, run {run}, {tool.name} {version}", flush=True)
                chain = rows.Chain(tool(place, program), version, run, self.wanted)
                body(chain)
                with (self.output / "raw.jsonl").open("a") as raw:
                    for record in chain.records:
                        raw.write(json.dumps(asdict(record)) + "\n")
                        print(f"    {record.row:<16}{record.wall:8.2f} s {record.user + record.system:8.2f} CPU s"
                              f"{record.peak_kib / 1024:7.0f} MiB {record.repository / 1e6:10.1f} MB", flush=True)
                trees.empty_aside(place, self.aside)

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
        if self.wants("many-"):
            few = self.tree("few", lambda root, _: trees.make_small(root, 1 / 300))
            count = max(10, int(10_000 * self.given.scale))
            self.each("many", lambda chain: rows.run_many(chain, few, count), only_perdure=True, runs=1)


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
