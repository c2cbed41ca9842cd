"""What the tests share that drive the real program as processes, and hurt them.

On top of tests/cli/harness.py: scratch directories in memory where there is some, seeded trees that
change, the oracle (restore and compare, then check), and counts for tests/safety_tests.txt.

PERDURE_SEED   the seed of what is drawn; 1 unless set. Printed, so that a failure can be repeated.
PERDURE_LONG   set: the long form of each test.

A test that cannot run here is skipped by ctest (exit code 77), which scripts/test reports as failed.
"""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

from harness import CliTest, PROGRAM, Result, content_of, signal, wait_until  # noqa: E402

LONG = bool(os.environ.get("PERDURE_LONG"))
SEED = os.environ.get("PERDURE_SEED", "1")
SKIPPED = 77
# Killing a process needs no disk, and a disk that others write to would make each fsync slow.
if "TMPDIR" not in os.environ and os.path.isdir("/dev/shm"):
    tempfile.tempdir = "/dev/shm"

# LeakSanitizer stops its own threads with ptrace, which a traced process cannot.
WITHOUT_LEAK_CHECK = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}

counts = {}


def count(key, number=1):
    """Adds to what is printed as "COUNT KEY n" at the end."""
    counts[key] = counts.get(key, 0) + number


def needs(*programs):
    """Skips where one of the programs of scripts/setup is missing, or root is."""
    missing = [p for p in programs if shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
    reason = f"needs {', '.join(missing)}" if missing else "needs root"
    return unittest.skipUnless(not missing and os.geteuid() == 0, reason)


class ProcessTest(CliTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(f"{SEED} {self.id()}")

    # ------------------------------------------------------------------------------ trees

    def random_tree(self, name="tree", files=40, size=100_000):
        """A tree of `files` files of about `size` bytes, half of them compressible."""
        self.make_tree({f"d{i % 5}/f{i}": self.some_bytes(size) for i in range(files)}, name)
        return self.dir / name

    def some_bytes(self, size):
        length = self.random.randrange(size // 2, size * 2)
        if self.random.random() < 0.5:
            return self.random.randbytes(length)
        word = self.random.randbytes(40).hex().encode()
        return (word * (length // len(word) + 1))[:length]

    def change(self, tree, share=0.15, size=100_000):
        """Some files get new content, are patched, vanish, or come."""
        files = sorted(p for p in tree.rglob("*") if p.is_file())
        for path in self.random.sample(files, max(1, int(len(files) * share))):
            what = self.random.randrange(4)
            if what == 0 and len(files) > 10:
                path.unlink()
            elif what == 1:
                data = bytearray(path.read_bytes())
                data[len(data) // 2:len(data) // 2] = b"patch" * self.random.randrange(1, 100)
                path.write_bytes(data)
            else:
                path.write_bytes(self.some_bytes(size))
        (tree / f"new-{self.random.randrange(1 << 40):x}").write_bytes(self.some_bytes(size))

    # ------------------------------------------------------------------------------ oracle

    def restored(self, point, tree, **options):
        """What `point` holds of `tree`, as content_of() tells it."""
        target = self.dir / "restored"
        self.run_program("restore", f"{point}:{tree}", "--target", target, **options)
        content = content_of(target)
        shutil.rmtree(target)
        return content

    def assert_restores(self, point, tree, content, **options):
        found = self.restored(point, tree, **options)
        different = sorted(k for k in {*found, *content} if found.get(k) != content.get(k))
        self.assertEqual(different, [], f"point {point} does not hold what was there")

    def assert_deep_check_is_clean(self, **options):
        summary = self.json("check", "--level", "deep", **options).one("summary")
        self.assertEqual((summary["problems"], summary["points_hurt"]), (0, 0), summary)

    def listed(self, *args, **options):
        return [p["id"] for p in self.json("list", *args, **options).of_type("point")]

    # ------------------------------------------------------------------------------ processes

    def run_wrapped(self, wrapper, *args, code=None, env=None, timeout=120):
        """Runs the program under another one, as strace."""
        process = subprocess.run(
            [*wrapper, *self.command(args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**self.env, **WITHOUT_LEAK_CHECK, **(env or {})},
            timeout=timeout, start_new_session=True)
        result = Result(process.returncode, process.stdout, process.stderr.decode(errors="replace"))
        if code is not None:
            self.assertEqual(result.code, code, f"{args}\nout: {result.out}\nerr: {result.err}")
        return result

    def ended(self, process, timeout=120):
        """The result of a process that was started; a hang fails the test."""
        out, err = process.communicate(timeout=timeout)
        return Result(process.returncode, out, err.decode(errors="replace"))

    def killed_after(self, process, seconds):
        """SIGKILL after `seconds`, unless it ended before. True if it was killed."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait(120)
        if process.returncode == -signal.SIGKILL:
            return True
        self.assertEqual(process.returncode, 0, process.stderr.read())
        return False


def files_below(root):
    return [os.path.join(at, name) for at, _, names in os.walk(root) for name in names]


def main():
    """unittest.main(), then the counts; nothing that was skipped may pass for a success."""
    print(f"seed {SEED}{', long' if LONG else ''}: {PROGRAM}", flush=True)
    started = time.monotonic()
    program = unittest.main(exit=False, verbosity=2)
    print(f"\n{time.monotonic() - started:.1f} s")
    for key, number in sorted(counts.items()):
        print(f"COUNT {key} {number}")
    if not program.result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if program.result.skipped else 0)
