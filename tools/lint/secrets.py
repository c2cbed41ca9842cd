#!/usr/bin/env python3
"""Secrets: Secret<N>, Key256, SecretText and Passphrase have no way to print them, nor what reveal() gives.

The compiler already refuses to format them; this keeps anyone from teaching it to, and from going
round by reveal(). One statement is looked at, at a time.
"""

import pathlib
import re

import tree
from tree import Finding

TYPES = r"(?:Secret\s*<[^<>;]*>|SecretText|Secret|Key256|Passphrase)"
PRINTERS = (
    (re.compile(r"operator\s*<<\s*\([^;{]*\b" + TYPES), "an operator<< prints a secret"),
    (re.compile(r"\b(?:to_string|format_as|to_json)\s*\([^;{]*\b" + TYPES), "turns a secret into text"),
    (re.compile(r"struct\s+(?:fmt\s*::\s*)?formatter\s*<\s*(?:perdure\s*::\s*)?" + TYPES),
     "a formatter prints a secret"),
    (re.compile(r"operator\s+(?:std\s*::\s*)?string(?:_view)?\s*\(\s*\)\s*const[^;{]*\{[^}]*\breveal\b"),
     "converts a secret to text"),
)
REVEALS = re.compile(r"\breveal(?:_mutable)?\s*\(")
OUTPUT = re.compile(r"\bfmt\s*::|\bv?f?d?s?n?printf\s*\(|\bstd\s*::\s*(?:cout|cerr|clog)\b|\bprint(?:ln)?\s*\("
                    r"|\bto_hex\s*\(|\bsyslog\s*\(|\bputs\s*\(|\bError\s*[({]|\.context\s*\(|\bmake_error\s*\(")
# Where one statement ends: blocks and `return` count, the braces of an initializer do not.
BOUNDARY = re.compile(r";|\breturn\b|(?<=\))\s*\{|\{[ \t]*\n|\}[ \t]*\n")


def statements(text: str):
    """(offset, text) of each statement."""
    start = 0
    for match in BOUNDARY.finditer(text):
        yield start, text[start:match.start()]
        start = match.end()
    yield start, text[start:]


def lint(root: pathlib.Path) -> list[Finding]:
    findings = []
    for file in tree.cpp_files(root, "src"):
        path = str(file.relative_to(root))
        if tree.is_test(path):
            continue
        text = tree.without_comments(file.read_text())
        for pattern, what in PRINTERS:
            for match in pattern.finditer(text):
                findings.append(Finding(path, tree.line_of(text, match.start()), what))
        for start, statement in statements(text):
            reveals = REVEALS.search(statement)
            if reveals and OUTPUT.search(statement):
                findings.append(Finding(path, tree.line_of(text, start + reveals.start()),
                                        "reveal() in a statement that prints or makes a message"))
    return findings


if __name__ == "__main__":
    tree.main("secrets", lint)
