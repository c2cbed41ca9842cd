#!/usr/bin/env python3
"""The report of scripts/test fails for a safety test that is missing, skipped or under its count,
and for a label or a run that took longer than its bound."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from xml.sax.saxutils import escape

REPORT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "ci" / "test_report.py"


class Report(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        (self.folder / "limits").write_text("unit 1\nother 1\nall 2\n")
        (self.folder / "steps.tsv").write_text("asan build\t60\n")

    def add_run(self, run: str, cases: list[tuple[str, list[str], str, float, str]]) -> None:
        """cases: (name, labels, status, seconds, output)."""
        tests = [{"name": name, "properties": [{"name": "LABELS", "value": labels}]}
                 for name, labels, *_ in cases]
        (self.folder / f"{run}.json").write_text(json.dumps({"tests": tests}))
        lines = [f'<testcase name="{escape(name)}" time="{seconds}" status="{status}">'
                 f"<system-out>{escape(output)}</system-out></testcase>"
                 for name, _, status, seconds, output in cases]
        (self.folder / f"{run}.xml").write_text(f"<testsuite>{''.join(lines)}</testsuite>")

    def report(self, safety: str) -> tuple[int, str]:
        (self.folder / "safety").write_text(safety)
        done = subprocess.run([sys.executable, REPORT, self.folder, "--limits", self.folder / "limits",
                               "--safety", self.folder / "safety"],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_enough_of_each_kind_passes(self):
        self.add_run("asan", [("Crash.A", ["crash", "safety"], "run", 1, "x\nCOUNT states 40\n"),
                              ("Crash.B", ["crash"], "run", 1, "COUNT states 2\n")])
        code, text = self.report("label crash 2\nname ^Crash 2\ncount states 42\n")
        self.assertEqual(code, 0, text)
        self.assertIn("all runs: 2 passed, 0 failed, 0 skipped", text)

    def test_a_case_in_two_runs_counts_once(self):
        for run in ("asan", "tsan"):
            self.add_run(run, [("Crash.A", ["crash"], "run", 1, "COUNT states 40\n")])
        self.assertEqual(self.report("label crash 2\n")[0], 1)
        self.assertEqual(self.report("count states 41\n")[0], 1)

    def test_a_failed_case_is_not_executed(self):
        self.add_run("asan", [("Crash.A", ["crash"], "fail", 1, "COUNT states 40\n")])
        self.assertEqual(self.report("name ^Crash 1\n")[0], 1)
        self.assertEqual(self.report("count states 1\n")[0], 1)

    def test_a_skipped_or_disabled_safety_test_fails_whatever_the_counts(self):
        for status in ("notrun", "disabled"):
            self.add_run("asan", [("Crash.A", ["safety"], status, 0, "")])
            code, text = self.report("label safety 0\n")
            self.assertEqual(code, 1)
            self.assertIn("Crash.A was skipped", text)

    def test_a_label_past_its_bound_fails(self):
        self.add_run("asan", [("Slow.A", ["unit"], "run", 61, "")])
        code, text = self.report("")
        self.assertEqual(code, 1)
        self.assertIn("label unit took 1.0 minutes, 1 are allowed", text)

    def test_a_long_test_counts_as_long_and_as_nothing_else(self):
        (self.folder / "limits").write_text("unit 1\nlong 3\nother 1\nall 2\n")
        self.add_run("long", [("Slow.A", ["unit", "long"], "run", 170, "")])
        self.assertEqual(self.report("")[0], 0)
        self.add_run("long", [("Slow.A", ["unit", "long"], "run", 190, "")])
        self.assertIn("label long took 3.2 minutes, 3 are allowed", self.report("")[1])

    def test_a_whole_past_its_bound_fails(self):
        (self.folder / "steps.tsv").write_text("asan build\t61\nasan tests\t61\n")
        self.add_run("asan", [("A.A", ["unit"], "run", 1, "")])
        code, text = self.report("")
        self.assertEqual(code, 1)
        self.assertIn("the whole took 2.0 minutes", text)


if __name__ == "__main__":
    unittest.main()
