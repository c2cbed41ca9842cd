"""Golden repositories, read by the independent reader in tools/, which is written from FORMAT.md alone.

Run by a python that has tools/independent_reader/requirements.txt (scripts/setup makes one in build/python).
"""

import subprocess
import sys
import unittest

from golden import HERE, IS_ROOT, GoldenTest

TOOLS = HERE / "../../tools/independent_reader"
PARTIAL, WRONG_KEY = 3, 12


class IndependentReader(GoldenTest):
    def reader(self, repository, option, key, *args, codes=(0,)):
        run = subprocess.run([sys.executable, "-m", "independent_reader", "--repo", repository, option, key, *args],
                             cwd=TOOLS, capture_output=True, timeout=600)
        self.assertIn(run.returncode, codes, f"{args}: {run.stdout.decode()}{run.stderr.decode()}")
        return run

    def restore(self, repository, option, key):
        codes = (0,) if IS_ROOT else (0, PARTIAL)
        return lambda point, target: self.reader(repository, option, key, "restore", point, "--target", target, codes=codes)

    def test_every_point_is_listed(self):
        for golden in self.goldens:
            lines = self.reader(golden.repository, "--password-file", golden.password, "list").stdout.decode().splitlines()
            self.assertEqual([line.split()[0] for line in lines], list(golden.points))
            for line, expected in zip(lines, golden.points.values()):
                self.assertEqual(line.split()[2:5], [expected["kind"], expected["host"], expected["outcome"].upper()])

    def test_every_point_is_restored_by_password(self):
        for golden in self.goldens:
            self.restores(golden, "by password", self.restore(golden.repository, "--password-file", golden.password))

    def test_every_point_is_restored_by_recovery_key(self):
        for golden in self.goldens:
            self.restores(golden, "by recovery key",
                          self.restore(golden.repository, "--recovery-key-file", golden.recovery_key))

    def test_every_point_is_restored_from_the_essentials(self):
        """What the packs say of themselves must do."""
        for golden in self.goldens:
            bare = self.copy(golden, "index", "hints", "merged", "keys")
            self.restores(golden, "bare", self.restore(bare, "--recovery-key-file", golden.recovery_key))

    def test_a_wrong_password_says_so(self):
        wrong = self.dir / "wrong"
        wrong.write_text("another\n")
        for golden in self.goldens:
            self.reader(golden.repository, "--password-file", wrong, "list", codes=(WRONG_KEY,))


if __name__ == "__main__":
    unittest.main()
