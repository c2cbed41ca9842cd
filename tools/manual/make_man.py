#!/usr/bin/env python3
"""Makes manual pages of the Markdown below docs/manual.

make_man.py FILE.md… --output DIRECTORY --version VERSION

The first line of a file is "# NAME(SECTION): summary" and names the page. What is understood:
headings, paragraphs, fenced blocks, items "- `term`: text", and in text **bold**, *italic* and
`literal`. Anything else is an error, so that the pages cannot rot quietly.
"""

import argparse
import pathlib
import re
import sys

TITLE = re.compile(r"# ([A-Z-]+)\((\d)\): (.+)")
ITEM = re.compile(r"- (`[^`]+`(?:, `[^`]+`)*)(?:: (.*)|\.)?(.*)")
INLINE = re.compile(r"\*\*(.+?)\*\*|`(.+?)`|(?<!\*)\*([^*]+?)\*(?!\*)")
REFERENCE = re.compile(r"\b(perdure(?:-json)?|ls)\((\d)\)")


def escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha")
    text = text.replace("~", "\\(ti").replace("`", "\\(ga").replace("…", "...")
    return text


def inline(text: str) -> str:
    out, at = [], 0
    for match in INLINE.finditer(text):
        out.append(escape(text[at:match.start()]))
        bold, literal, italic = match.groups()
        if italic is not None:
            out.append(f"\\fI{escape(italic)}\\fR")
        else:
            out.append(f"\\fB{escape(bold if bold is not None else literal)}\\fR")
        at = match.end()
    out.append(escape(text[at:]))
    return REFERENCE.sub(r"\\fB\1\\fR(\2)", "".join(out).replace("perdure\\-json", "perdure-json")
                         ).replace("perdure-json", "perdure\\-json")


def line(text: str) -> str:
    """A line of text; one that begins like a request is kept from being one."""
    return "\\&" + text if text[:1] in (".", "'") else text


class Page:
    def __init__(self, source: str, text: str, version: str):
        lines = text.splitlines()
        title = TITLE.fullmatch(lines[0])
        if title is None:
            raise ValueError(f"{source}:1: not a title")
        name, self.section, summary = title.groups()
        self.file = f"{name.lower()}.{self.section}"
        self.out = [f'.TH {name} {self.section} "" "perdure {version}" "Perdure"', ".SH NAME",
                    f"{escape(name.lower())} \\- {inline(summary)}"]
        self.source = source
        self.body(lines[1:])

    def body(self, lines):
        literal = False
        for number, text in enumerate(lines, 2):
            if text.startswith("```"):
                literal = not literal
                self.out += [".RS 4", ".nf"] if literal else [".fi", ".RE"]
            elif literal:
                self.out.append(line(escape(text)))
            elif text:
                self.block(number, text)

    def block(self, number, text):
        if text.startswith("## "):
            self.out.append(f".SH {escape(text[3:]).upper()}")
        elif text.startswith("### "):
            self.out.append(f".SS {inline(text[4:])}")
        elif text.startswith("- "):
            item = ITEM.fullmatch(text)
            if item is None:
                raise ValueError(f"{self.source}:{number}: not an item of the form - `term`: text")
            terms, told, rest = item.groups()
            self.out += [".TP", line(inline(terms)), line(inline((told or "") + rest)) or "\\&"]
        elif text[0] in "#>|" or text.startswith(("* ", "1. ")):
            raise ValueError(f"{self.source}:{number}: a form that manual pages do not have here")
        else:
            self.out += [".PP", line(inline(text))]

    def text(self) -> str:
        return "\n".join(self.out) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--version", default="")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for file in arguments.files:
        try:
            page = Page(str(file), file.read_text(encoding="utf-8"), arguments.version)
        except ValueError as error:
            print(f"make_man: {error}", file=sys.stderr)
            return 1
        (arguments.output / page.file).write_text(page.text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
