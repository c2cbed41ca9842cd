"""The manual tells of every command, option, JSON type and variable, and of nothing else."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

from harness import CliTest

SOURCE = pathlib.Path(os.environ.get("PERDURE_SOURCE", pathlib.Path(__file__).parents[2]))
MANUAL = SOURCE / "docs/manual"
# Options that a section on several commands has for all of them.
FILTERS = {"--host", "-H", "--tag", "--path", "--before"}


def sections(text):
    """Heading -> what stands below it, up to the next heading."""
    found, heading = {}, ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        found.setdefault(heading, []).append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def documented(text):
    """The options of a section's items."""
    terms = re.findall(r"^- `([^`]+)`", text, re.M)
    return {word.rstrip(",") for term in terms for word in term.split() if word.startswith("-")}


class Manual(CliTest):
    def setUp(self):
        super().setUp()
        self.page = sections((MANUAL / "perdure.1.md").read_text())

    def section_of(self, command):
        """The heading is the command's name and its arguments."""
        names = [h for h in self.page if re.sub(r"( \[?[A-Z].*)?$", "", h) == command]
        self.assertEqual(len(names), 1, f"sections on {command}")
        return self.page[names[0]]

    def test_every_command_and_option_is_in_the_manual_and_nothing_else(self):
        commands = self.json("help").of_type("command")
        groups = {c["name"].rsplit(" ", 1)[0] for c in commands if " " in c["name"]}
        for command in commands:
            name = command["name"]
            if name in groups:
                continue
            options = {n for o in command["options"] if not o["positional"] for n in o["names"]}
            if not name:
                self.assertEqual(documented(self.page["Global options"]), options)
                continue
            options -= {"--help", "-h", "--help-all"}
            text = self.section_of(name)
            for alias in command["aliases"]:
                self.assertIn(f"**{alias}**", text)
            if FILTERS <= options and name != "list":
                self.assertIn("Has the filter options.", text)
                options -= FILTERS
            else:
                self.assertNotIn("Has the filter options.", text)
            self.assertEqual(documented(text), options, name)

    def test_every_section_on_a_command_is_of_one_that_is_there(self):
        names = {c["name"] for c in self.json("help").of_type("command")}
        for line in (MANUAL / "perdure.1.md").read_text().splitlines():
            if line.startswith("### "):
                self.assertIn(re.sub(r"( \[?[A-Z].*)?$", "", line[4:]), names)

    def test_every_type_of_json_line_is_in_the_manual(self):
        source = "\n".join(p.read_text() for p in (SOURCE / "src/cli").glob("*.cc"))
        calls = re.findall(r"print_json\(\s*(?:\w+\.\w+ \? )?\"(\w+)\"(?: : \"(\w+)\")?", source)
        printed = {name for call in calls for name in call if name} | {"error"}
        headings = {w for h in sections((MANUAL / "json.md").read_text()) for w in h.split(" and ")}
        self.assertEqual(printed - headings, set())
        self.assertEqual({h for h in headings if h and h.islower() and "(" not in h} - printed, set())
        topic = self.run_program("help", "json").out
        for name in printed - {"completion"}:
            self.assertRegex(topic, rf"\b{name}\b")

    def test_every_variable_is_in_the_manual(self):
        source = "\n".join(p.read_text() for d in ("src/cli", "src/app") for p in (SOURCE / d).glob("*.[ch]*"))
        read = set(re.findall(r'"(PERDURE_(?!TEST|VERSION)[A-Z_]+)"', source))
        self.assertEqual(set(re.findall(r"^- `(PERDURE_\w+)`", self.page["Environment"], re.M)), read)
        topic = self.run_program("help", "environment").out
        self.assertEqual(set(re.findall(r"^(PERDURE_\w+)", topic, re.M)), read)

    def test_every_exit_code_is_in_the_manual(self):
        header = (SOURCE / "src/base/outcome.h").read_text()
        codes = set(re.findall(r"kExit\w+ = (\d+)", header))
        self.assertEqual(set(re.findall(r"^- `(\d+)`", self.page["Exit codes"], re.M)), codes)
        topic = self.run_program("help", "exit-codes").out
        self.assertEqual(set(re.findall(r"^(\d+) ", topic, re.M)), codes)

    def test_the_pages_are_well_formed(self):
        subprocess.run([sys.executable, SOURCE / "tools/manual/make_man.py", *MANUAL.glob("*.md"),
                        "--output", self.dir / "man", "--version", "0"], check=True)
        self.assertEqual(sorted(os.listdir(self.dir / "man")), ["perdure-json.5", "perdure.1"])
        if shutil.which("groff") is None:
            return
        for page in (self.dir / "man").iterdir():
            formatted = subprocess.run(["groff", "-man", "-Tutf8", "-ww", page], check=True, capture_output=True)
            self.assertEqual(formatted.stderr.decode(), "")
            self.assertGreater(len(formatted.stdout), 3000)

    def test_a_form_the_pages_do_not_have_is_refused(self):
        for text in ("no title\n", "# X(1): y\n\n| a | table |\n", "# X(1): y\n\n- an item without a term\n"):
            file = self.dir / "page.md"
            file.write_text(text)
            made = subprocess.run([sys.executable, SOURCE / "tools/manual/make_man.py", file, "--output", self.dir / "man"],
                                  capture_output=True, check=False)
            self.assertEqual(made.returncode, 1, text)
            self.assertIn(b"page.md:", made.stderr)


if __name__ == "__main__":
    unittest.main()
