#!/usr/bin/env python3
"""Format: every tracked .h and .cc is as clang-format 14 writes it. format.py --fix rewrites them."""

import pathlib
import shutil
import subprocess
import sys

import tree
from tree import Finding

PROGRAM = "clang-format-14"


def tracked(root: pathlib.Path) -> list[str]:
    """What git knows; in an unpacked archive, every source file."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "*.h", "*.cc"],
                            capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name]
    if listed.returncode != 0 or not names:
        names = [str(file.relative_to(root)) for file in tree.cpp_files(root)]
    return [name for name in names if (root / name).is_file()]


def lint(root: pathlib.Path) -> list[Finding]:
    if shutil.which(PROGRAM) is None:
        return [Finding(".clang-format", 1, f"{PROGRAM} is not installed: run scripts/setup")]
    checked = subprocess.run([PROGRAM, "--dry-run", "-Werror", "-style=file", *tracked(root)],
                             cwd=root, capture_output=True, text=True, check=False)
    findings = {}
    for line in checked.stderr.splitlines():
        if ": error:" in line:
            path, number, _ = line.split(":", 2)
            findings.setdefault(path, Finding(path, int(number), f"not formatted: {PROGRAM} -i {path}"))
    if checked.returncode != 0 and not findings:
        return [Finding(".clang-format", 1, checked.stderr.strip())]
    return list(findings.values())


def fix(root: pathlib.Path) -> None:
    subprocess.run([PROGRAM, "-i", "-style=file", *tracked(root)], cwd=root, check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--fix"]:
        fix(pathlib.Path(__file__).resolve().parents[2])
    else:
        tree.main("format", lint)
