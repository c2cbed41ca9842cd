"""A repository whose packs were repacked and collected, read by the independent reader.

Run by a python that has tools/independent_reader/requirements.txt; PERDURE names the program.
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).parent / "../../tools/independent_reader"


class Repacked(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="perdure-repacked-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.repo, self.tree = self.dir / "repo", self.dir / "tree"
        (self.dir / "password").write_text("correct horse\n")
        self.env = {**os.environ, "PERDURE_REPOSITORY": str(self.repo), "PERDURE_PASSWORD": "correct horse",
                    "PERDURE_CONFIG_DIR": str(self.dir / "config"), "PERDURE_CACHE_DIR": str(self.dir / "cache")}

    def run_one(self, *words, **options):
        done = subprocess.run([*map(str, words)], env=self.env, capture_output=True, **options)
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout.decode()}{done.stderr.decode()}")
        return done.stdout.decode()

    def perdure(self, *words):
        return [json.loads(line) for line in self.run_one(os.environ["PERDURE"], "--json", *words).splitlines()]

    def back_up(self, version):
        self.tree.mkdir(exist_ok=True)
        (self.tree / "same").write_bytes(random.Random(1).randbytes(2_500_000))
        (self.tree / "changes").write_bytes(random.Random(version).randbytes(1_500_000))
        return self.perdure("backup", self.tree)[-1]["point"]

    def expect_restores(self, *without):
        for folder in without:
            shutil.rmtree(self.repo / folder)
        target = self.dir / ("out" + "-".join(without))
        self.run_one(sys.executable, "-m", "independent_reader", "--repo", self.repo, "--password-file",
                     self.dir / "password", "restore", "latest", "--target", target, cwd=TOOLS)
        found = target / str(self.tree).lstrip("/")
        for name in ("same", "changes"):
            self.assertEqual((found / name).read_bytes(), (self.tree / name).read_bytes(), name)

    def test_blocks_are_found_where_they_were_moved(self):
        self.perdure("init", "--kdf-memory", "19", "--kdf-passes", "2")
        first = self.back_up(10)
        self.back_up(11)
        self.perdure("forget", first)
        summary = self.perdure("gc", "--now", "--max-unused", "0")[-1]
        self.assertGreater(summary["repacked_blocks"], 0)
        self.assertGreater(summary["freed"]["packs"], 0)
        self.expect_restores()
        self.expect_restores("index")


if __name__ == "__main__":
    unittest.main()
