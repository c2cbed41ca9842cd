"""What the tests have in common that let the product make a repository and the independent reader read it.

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
CHEAP = ("--kdf-memory", "19", "--kdf-passes", "2")


class ReaderCase(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="perdure-reader-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.repo, self.tree = self.dir / "repo", self.dir / "tree"
        (self.dir / "password").write_text("correct horse\n")
        self.env = {**os.environ, "PERDURE_REPOSITORY": str(self.repo), "PERDURE_PASSWORD": "correct horse",
                    "PERDURE_CONFIG_DIR": str(self.dir / "config"), "PERDURE_CACHE_DIR": str(self.dir / "cache")}

    def run_one(self, *words, code=0, **options):
        done = subprocess.run([*map(str, words)], env=self.env, capture_output=True, **options)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout.decode()}{done.stderr.decode()}")
        return done.stdout.decode()

    def perdure(self, *words, **options):
        return [json.loads(line) for line in
                self.run_one(os.environ["PERDURE"], "--json", *words, **options).splitlines()]

    def back_up(self, version):
        self.tree.mkdir(exist_ok=True)
        (self.tree / "same").write_bytes(random.Random(1).randbytes(2_500_000))
        (self.tree / "changes").write_bytes(random.Random(version).randbytes(1_500_000))
        return self.perdure("backup", self.tree)[-1]["point"]

    def read(self, repo, *words):
        """What the independent reader prints."""
        return self.run_one(sys.executable, "-m", "independent_reader", "--repo", repo, "--password-file",
                            self.dir / "password", *words, cwd=TOOLS)

    def expect_restores(self, repo, point, files, name="out"):
        """`files`: names and contents below the tree that was backed up."""
        target = self.dir / name
        self.read(repo, "restore", point, "--target", target)
        found = target / str(self.tree).lstrip("/")
        for file, content in files.items():
            self.assertEqual((found / file).read_bytes(), content, file)

    def files(self):
        return {file.name: file.read_bytes() for file in self.tree.iterdir()}
