#!/usr/bin/env python3
"""Words: no folder that says nothing (util, common, misc …), and no unfinished work without an issue."""

import pathlib
import re

import tree
from tree import Finding

FOLDERS = {"util", "utils", "common", "misc", "helpers", "helper", "lib", "stuff"}
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")


def lint(root: pathlib.Path) -> list[Finding]:
    findings = []
    for top in (*tree.SOURCE_FOLDERS, "tools"):
        for path in sorted((root / top).rglob("*")):
            if path.is_dir() and path.name in FOLDERS:
                findings.append(Finding(str(path.relative_to(root)), 1,
                                        "name the folder by what it holds"))
    for file in tree.cpp_files(root):
        text = file.read_text()
        for match in UNFINISHED.finditer(text):
            findings.append(Finding(str(file.relative_to(root)), tree.line_of(text, match.start()),
                                    f"{match.group(0)} needs its issue: {match.group(0)}(#12)"))
    return findings


if __name__ == "__main__":
    tree.main("words", lint)
