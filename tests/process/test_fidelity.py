"""Whole trees through the whole engine, compared by tools that are not ours; the repository alone.

The corpus of tests/fidelity on ext4, xfs and btrfs; a repository of which only the objects that count
and the recovery key are left; /usr/include, in the long form all of /usr.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

from disks import LoopDisk, run
from process_harness import LONG, ProcessTest, count, main, needs

REAL_TREE = "/usr" if LONG else "/usr/include"
HOUR = 3600
FIDELITY = pathlib.Path(__file__).resolve().parent.parent / "fidelity"
TOOLS = ("mkfs.ext4", "mkfs.xfs", "mkfs.btrfs", "rsync", "getfattr", "getfacl", "getcap", "lsattr", "perl")


class Compared(ProcessTest):
    def compare(self, a, b):
        done = subprocess.run([FIDELITY / "compare.sh", a, b], capture_output=True, text=True, errors="replace")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)


@needs(*TOOLS)
class Fidelity(Compared):
    def corpus_on(self, kind):
        disk = LoopDisk(self, kind, 3 << 30, kind)
        tree = disk.at / "a"
        made = subprocess.run([FIDELITY / "make_corpus.py", *([] if LONG else ["--small"]), tree],
                              capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        print(made.stdout, end="")
        disk.mount_again()
        return disk, tree

    def back_and_forth(self, kind):
        disk, tree = self.corpus_on(kind)
        self.init()
        for attempt in ("first", "unchanged", "re-read"):
            disk.mount_again()
            summary = self.backup(tree, *(["--force"] if attempt == "re-read" else []))
            self.assertEqual((summary["outcome"], summary["issues"]), ("success", 0), attempt)
        target = disk.at / "b"
        result = self.run_program("restore", f"latest:{tree}", "--target", target)
        self.assertIn("success", result.out)
        disk.mount_again()
        self.compare(tree, target)
        self.assert_deep_check_is_clean()
        count("fidelity_entries", summary["entries"])
        disk.unmount()

    def test_ext4(self):
        self.back_and_forth("ext4")

    def test_xfs(self):
        self.back_and_forth("xfs")

    def test_btrfs(self):
        self.back_and_forth("btrfs")


@needs(*TOOLS)
class RepositoryAlone(ProcessTest):
    def rsync(self, a, b):
        done = subprocess.run(["rsync", "-nacHAXx", "--delete", "--itemize-changes", f"{a}/", f"{b}/"],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def make_points(self):
        """Three points and a rotation between them: (point, a copy of the tree as it was)."""
        made = self.init()
        tree = self.random_tree()
        os.link(tree / "d0/f0", tree / "linked")
        os.symlink("nowhere", tree / "link")
        os.setxattr(tree / "d0/f0", "user.colour", b"red")
        points = []
        for i in range(3):
            kept = self.dir / f"kept{i}"
            points.append((self.backup(tree)["point"], tree, kept))
            run("cp", "-a", tree, kept)
            self.change(tree)
            if i == 1:
                password = self.dir / "new"
                password.write_text("after the rotation")
                made = self.json("key", "rotate", "--new-password-file", password).one("rotation")
                self.env["PERDURE_PASSWORD"] = "after the rotation"
        return made["recovery_key"], points

    def test_restores_with_the_recovery_key_and_no_index_hints_or_merges(self):
        recovery_key, points = self.make_points()
        alone = self.dir / "elsewhere/alone"
        shutil.copytree(self.repo, alone)
        for name in ("index", "hints", "merged", "keys", "tmp"):
            shutil.rmtree(alone / name, ignore_errors=True)
        (alone / "reserve").unlink()
        for name in ("repo", "home", "tree"):
            shutil.rmtree(self.dir / name)
        (self.dir / "home").mkdir()
        self.env["PERDURE_PASSWORD"] = recovery_key
        self.env["PERDURE_REPOSITORY"] = str(alone)
        self.assertEqual(self.listed("--no-cache"), [point for point, _, _ in points])
        for point, tree, kept in points:
            target = self.dir / "target"
            self.run_program("restore", "--no-cache", f"{point}:{tree}", "--target", target)
            self.rsync(kept, target)
            shutil.rmtree(target)


@needs(*TOOLS)
class RealTree(Compared):
    def test_restores_identical(self):
        self.init()
        summary = self.backup(REAL_TREE, timeout=HOUR)
        self.assertEqual((summary["outcome"], summary["issues"]), ("success", 0))
        target = self.dir / "target"
        self.run_program("restore", f"latest:{REAL_TREE}", "--target", target, timeout=HOUR)
        self.compare(REAL_TREE, target)
        self.assert_deep_check_is_clean(timeout=HOUR)
        print(f"{REAL_TREE}: {summary['entries']} entries, {summary['bytes']} bytes")
        count("real_tree_entries", summary["entries"])


if __name__ == "__main__":
    if LONG:
        tempfile.tempdir = None  # on a disk: it is large
    main()
