"""What the black-box tests share: a scratch directory, a repository in it, and the program.

The program is named by PERDURE_BINARY, or by PERDURE, which ctest sets. New key slots are as cheap
as the program lets them be; nothing of the caller's environment but PATH is passed on.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ.get("PERDURE_BINARY") or os.environ.get("PERDURE", "perdure")
PASSWORD = "correct horse"
NOBODY = 65534
CHEAP_SLOTS = ["--kdf-memory", "19", "--kdf-passes", "2"]
IS_ROOT = os.geteuid() == 0

needs_root = unittest.skipUnless(IS_ROOT, "needs root")


class Result:
    def __init__(self, code, out, err):
        self.code, self.raw, self.err = code, out, err
        self.out = out.decode(errors="surrogateescape")

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def of_type(self, kind):
        return [line for line in self.lines() if line["type"] == kind]

    def one(self, kind):
        found = self.of_type(kind)
        assert len(found) == 1, f"{len(found)} lines of type {kind} in {self.out}"
        return found[0]


class CliTest(unittest.TestCase):
    """A scratch directory `self.dir`, and the environment of a user who has never run perdure."""

    cheap_slots = True

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="perdure-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        os.chmod(self.dir, 0o755)
        self.repo = self.dir / "repo"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.dir / "home"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PERDURE_PASSWORD": PASSWORD,
            "PERDURE_REPOSITORY": str(self.repo),
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        (self.dir / "home").mkdir()

    def command(self, args, user=None):
        words = [PROGRAM, *map(str, args)]
        makes_slot = "init" in words or {"key", "add"} <= set(words) or {"key", "rotate"} <= set(words)
        if self.cheap_slots and makes_slot and not {"help", "writer"} & set(words):
            words += CHEAP_SLOTS
        if user is not None:
            words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *words]
        return words

    def start(self, *args, user=None, env=None, **options):
        """A running process with pipes, killed at the end of the test if it still runs."""
        process = subprocess.Popen(
            self.command(args, user), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**self.env, **(env or {})}, start_new_session=True,
            **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def run_program(self, *args, code=0, input=b"", user=None, env=None, cwd=None, timeout=300):
        """Runs to the end and checks the exit code; None takes any."""
        process = subprocess.run(
            self.command(args, user), input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**self.env, **(env or {})}, cwd=cwd, timeout=timeout, start_new_session=True)
        result = Result(process.returncode, process.stdout, process.stderr.decode(errors="replace"))
        if code is not None:
            self.assertEqual(result.code, code, f"{args}\nout: {result.out}\nerr: {result.err}")
        return result

    def json(self, *args, **options):
        result = self.run_program("--json", *args, **options)
        for line in result.lines():
            self.assertIn("type", line)
            self.assertEqual(line["version"], 1)
        return result

    def fails(self, *args, code, says, **options):
        """An error for people: one line that names the object, and what to do next."""
        result = self.run_program(*args, code=code, **options)
        self.assertRegex(result.err, says)
        self.assertTrue(result.err.startswith("perdure: "), result.err)
        return result

    def make_tree(self, files, name="tree"):
        """Files by relative path: bytes or text; None makes a directory."""
        root = self.dir / name
        root.mkdir(exist_ok=True)
        for path, content in files.items():
            at = root / path
            if content is None:
                at.mkdir(parents=True, exist_ok=True)
                continue
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    @staticmethod
    def give_to_nobody(*roots):
        for root in roots:
            for path in [root, *root.rglob("*")]:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def init(self):
        return self.json("init").one("init")

    def backup(self, *args, code=0, **options):
        return self.json("backup", *args, code=code, **options).one("summary")

    def points(self, *args):
        return self.json("list", *args).of_type("point")


def wait_until(condition, seconds=60):
    """Whether `condition` came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False


def size_below(folder):
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(at, name)).st_size
            except FileNotFoundError:
                pass
    return total


def content_of(root):
    """Relative path -> (type, mode, mtime, content or target), for comparing trees."""
    found = {}
    for at, directories, names in os.walk(root):
        for name in [".", *directories, *names]:
            path = os.path.join(at, name)
            info = os.lstat(path)
            key = os.path.relpath(path, root)
            if os.path.islink(path):
                found[key] = ("link", os.readlink(path))
            elif os.path.isdir(path):
                found[key] = ("directory", info.st_mode & 0o7777, info.st_mtime_ns)
            else:
                with open(path, "rb") as file:
                    found[key] = ("file", info.st_mode & 0o7777, info.st_mtime_ns, file.read())
    return found


__all__ = ["CliTest", "IS_ROOT", "NOBODY", "PASSWORD", "PROGRAM", "Result", "content_of",
           "needs_root", "signal", "size_below", "wait_until"]
