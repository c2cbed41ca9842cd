#!/usr/bin/env python3
"""Reads the runs that scripts/test left in a folder: minutes of each label against its bound, and
the committed list of safety tests against what was executed.

For each run R the folder holds R.xml (ctest's JUnit file) and R.json (ctest's list of tests, for
their labels). Exit 1 when a bound is passed, or a safety test is missing, skipped or under its count.
"""

import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml
from dataclasses import dataclass

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
COUNT = re.compile(r"^COUNT (\S+) (\d+)$", re.M)


@dataclass
class Case:
    run: str
    name: str
    labels: list[str]
    status: str  # ctest's words: run (passed), fail, notrun (skipped), disabled
    seconds: float
    output: str


def labels_of(listing: pathlib.Path) -> dict[str, list[str]]:
    found = {}
    for test in json.loads(listing.read_text())["tests"]:
        for attribute in test.get("properties", []):
            if attribute["name"] == "LABELS":
                found[test["name"]] = attribute["value"]
    return found


def read_runs(folder: pathlib.Path) -> list[Case]:
    cases = []
    for file in sorted(folder.glob("*.xml")):
        labels = labels_of(file.with_suffix(".json"))
        root = xml.fromstring(NOT_XML.sub("?", file.read_text(errors="replace")))
        for case in root.iter("testcase"):
            name = case.get("name", "")
            cases.append(Case(file.stem, name, labels.get(name, []), case.get("status", ""),
                              float(case.get("time", "0")), case.findtext("system-out") or ""))
    return cases


def table_lines(path: pathlib.Path, columns: int) -> list[list[str]]:
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    wanted = [line for line in lines if line]
    for line in wanted:
        if len(line) != columns:
            sys.exit(f"{path}: {columns} columns wanted: {' '.join(line)}")
    return wanted


def check_minutes(cases: list[Case], folder: pathlib.Path, limits: pathlib.Path) -> list[str]:
    """Prints the minutes of each label (the sum over its tests, all runs) and of each step."""
    bounds = {name: float(minutes) for name, minutes in table_lines(limits, 2)}
    seconds: dict[str, float] = {}
    tests: dict[str, int] = {}
    for case in cases:
        # A long test has the bound of long ones, not that of what it belongs to otherwise.
        for label in ["long"] if "long" in case.labels else case.labels:
            seconds[label] = seconds.get(label, 0) + case.seconds
            tests[label] = tests.get(label, 0) + 1
    trouble = []
    print(f"{'label':<16}{'tests':>7}{'minutes':>9}{'bound':>7}")
    for label in sorted(seconds):
        bound = bounds.get(label, bounds["other"])
        minutes = seconds[label] / 60
        print(f"{label:<16}{tests[label]:>7}{minutes:>9.1f}{bound:>7.0f}")
        if minutes > bound:
            trouble.append(f"label {label} took {minutes:.1f} minutes, {bound:.0f} are allowed")
    whole = 0.0
    print()
    for line in (folder / "steps.tsv").read_text().splitlines():
        step, taken = line.split("\t")
        whole += float(taken) / 60
        print(f"{step:<23}{float(taken) / 60:>9.1f}")
    print(f"{'in all':<23}{whole:>9.1f}{bounds['all']:>7.0f}")
    if whole > bounds["all"]:
        trouble.append(f"the whole took {whole:.1f} minutes, {bounds['all']:.0f} are allowed")
    return trouble


def counted(cases: list[Case], key: str) -> int:
    """What tests printed as 'COUNT key n', summed; of one test in several runs, the largest."""
    largest: dict[str, int] = {}
    for case in cases:
        found = [int(n) for name, n in COUNT.findall(case.output) if name == key]
        if case.status == "run" and found:
            largest[case.name] = max(largest.get(case.name, 0), sum(found))
    return sum(largest.values())


def executed(cases: list[Case], kind: str, pattern: str) -> int:
    names = {case.name for case in cases if case.status == "run" and
             (pattern in case.labels if kind == "label" else re.search(pattern, case.name))}
    return len(names)


def check_safety(cases: list[Case], listed: pathlib.Path) -> list[str]:
    """Prints each line of the list with what was found."""
    trouble = []
    print(f"\n{'safety tests':<56}{'executed':>12}{'at least':>12}")
    for kind, pattern, least in table_lines(listed, 3):
        if kind not in ("label", "name", "count"):
            sys.exit(f"{listed}: unknown kind {kind}")
        found = counted(cases, pattern) if kind == "count" else executed(cases, kind, pattern)
        print(f"{kind + ' ' + pattern:<56}{found:>12}{int(least):>12}")
        if found < int(least):
            trouble.append(f"safety tests: {kind} {pattern}: {found} executed, {least} are wanted")
    for case in cases:
        if "safety" in case.labels and case.status in ("notrun", "disabled"):
            trouble.append(f"safety test {case.name} was skipped in the run {case.run}")
    return trouble


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--limits", type=pathlib.Path, required=True)
    parser.add_argument("--safety", type=pathlib.Path)
    given = parser.parse_args()
    cases = read_runs(given.folder)
    trouble = check_minutes(cases, given.folder, given.limits)
    if given.safety:
        trouble += check_safety(cases, given.safety)
    statuses = [case.status for case in cases]
    skipped = sum(status in ("notrun", "disabled") for status in statuses)
    print(f"\nall runs: {statuses.count('run')} passed, {statuses.count('fail')} failed, "
          f"{skipped} skipped")
    for line in trouble:
        print(f"FAILED: {line}")
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
