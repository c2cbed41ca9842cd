#!/usr/bin/env python3
"""Clock: the product asks what time it is in src/base/clock.cc alone; the rest is handed a Clock.

So a year of schedules tests in milliseconds and a clock that jumps can be played.
"""

import pathlib
import re

import tree
from tree import Finding

ALLOWED = {"src/base/clock.cc"}
ASKS = re.compile(
    r"\b(?:system_clock|steady_clock|high_resolution_clock|file_clock|utc_clock)\s*::\s*now\b"
    r"|\bclock_gettime\s*\(|\bgettimeofday\s*\(|\btimespec_get\s*\("
    r"|\bstd\s*::\s*time\s*\(|(?<![\w.>:])(?:::\s*)?time\s*\(\s*(?:nullptr|NULL|0|&)")


def lint(root: pathlib.Path) -> list[Finding]:
    findings = []
    for file in tree.cpp_files(root, "src"):
        path = str(file.relative_to(root))
        if path in ALLOWED or tree.is_test(path):
            continue
        text = tree.without_comments(file.read_text())
        for match in ASKS.finditer(text):
            findings.append(Finding(path, tree.line_of(text, match.start()),
                                    f"'{match.group(0)}' asks the system clock; take a Clock&"))
    return findings


if __name__ == "__main__":
    tree.main("clock", lint)
