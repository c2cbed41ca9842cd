"""What the tests of the golden repositories share: where they lie, what they must give, and comparing a restore with it.

Every v1-*/ holds `repository`, `password` (and `other-password`, of a second slot), `recovery-key`, `expected.json` (its points, written by whoever made it, not by a
program that reads it) and for each point of files a listing, POINT.jsonl.xz. As root all is compared, else all that another
user can restore.
"""

import json
import lzma
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
IS_ROOT = os.geteuid() == 0
GOLDEN = sorted(HERE.glob("v*-*/"))


class Golden:
    def __init__(self, folder):
        self.folder, self.name = folder, folder.name
        self.repository, self.password = folder / "repository", folder / "password"
        self.recovery_key = folder / "recovery-key"
        self.expected = json.loads((folder / "expected.json").read_text())
        self.points = self.expected["points"]


def listing(*options, **how):
    run = subprocess.run([sys.executable, HERE / "listing.py", *options], capture_output=True, check=True, **how)
    return run.stdout.decode().splitlines()


class GoldenTest(unittest.TestCase):
    """A scratch directory `self.dir`; the golden repositories are never opened where they lie."""

    def setUp(self):
        self.assertTrue(GOLDEN, "there is no golden repository")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="perdure-golden-"))
        self.addCleanup(self.clear, self.dir)
        self.goldens = [Golden(folder) for folder in GOLDEN]

    @staticmethod
    def clear(folder):
        if folder.exists():  # directories of the golden trees may not be written to
            subprocess.run(["chmod", "-R", "u+rwx", folder], check=True)
            shutil.rmtree(folder)

    def copy(self, golden, *left_out):
        """A copy of the repository without these of its folders."""
        at = self.dir / f"{golden.name}-{len(list(self.dir.iterdir()))}"
        shutil.copytree(golden.repository, at, ignore=lambda folder, names: [
            n for n in names if n in left_out and pathlib.Path(folder) == golden.repository])
        return at

    def restores(self, golden, what, restore):
        """`restore(point, target)` makes every point again, the same in content and metadata."""
        for point, expected in golden.points.items():
            with self.subTest(f"{golden.name} {point} {what}"):
                target = self.dir / "target"
                self.clear(target)
                restore(point, target)
                if expected["kind"] == "stream":
                    content = "".join(f"{i}\n" for i in range(1, expected["lines"] + 1))
                    self.assertEqual((target / expected["name"]).read_text(), content)
                    continue
                root = target / golden.expected["root"]
                wanted = lzma.decompress((golden.folder / f"{point}.jsonl.xz").read_bytes())
                if IS_ROOT:
                    self.same(wanted.decode().splitlines(), listing(root))
                else:
                    self.same(listing("--strip", input=wanted), listing("--unprivileged", root))

    def same(self, wanted, found):
        different = [f"-{w}" for w in wanted if w not in set(found)] + [f"+{f}" for f in found if f not in set(wanted)]
        self.assertEqual(different[:20], [])
        self.assertEqual(wanted, found)
