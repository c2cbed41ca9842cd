"""What the lints share: which files they read, C++ text without its comments, and how they report.

Each lint is a program: LINT.py [ROOT], exit 0 when clean, 1 with one line a finding.
"""

import pathlib
import re
import sys
from typing import Callable, Iterator, NamedTuple

SOURCE_FOLDERS = ("src", "tests", "bench", "fuzz")
_COMMENT_OR_LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'",
    re.S)


class Finding(NamedTuple):
    path: str
    line: int
    text: str


def cpp_files(root: pathlib.Path, *folders: str) -> Iterator[pathlib.Path]:
    """Every .h and .cc below the folders, in a fixed order."""
    for folder in folders or SOURCE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cc") and path.is_file():
                yield path


def is_test(path: str) -> bool:
    """Tests and benches may do what the product may not (ask the clock, show a key)."""
    return not path.startswith("src/") or path.endswith("_test.cc")


def without_comments(text: str, keep_strings: bool = False) -> str:
    """The code alone; every newline stays, so that line numbers hold."""

    def blank(match: re.Match[str]) -> str:
        found = match.group(0)
        if keep_strings and not found.startswith(("//", "/*")):
            return found
        newlines = "\n" * found.count("\n")
        return newlines if found.startswith(("//", "/*")) else '""' + newlines

    return _COMMENT_OR_LITERAL.sub(blank, text)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def main(name: str, lint: Callable[[pathlib.Path], list[Finding]]) -> None:
    """Runs one lint on the checkout that holds it, or on the ROOT that is named."""
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    findings = lint(root.resolve())
    for finding in findings:
        print(f"{finding.path}:{finding.line}: {finding.text}")
    print(f"lint {name}: {len(findings)} findings" if findings else f"lint {name}: clean")
    sys.exit(1 if findings else 0)
