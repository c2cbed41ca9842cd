"""Each system call fails in turn, by strace, in a backup and in a restore of the real program.

Whatever fails: no crash and no hang; the exit code says what is there; earlier points stay; the order
of a commit holds (commit_trace.py); and the next run, without failures, completes the work.

Once: the n-th call of each thread fails. For good: it and all after it. The long form takes every n.
"""

import os
import re
import shutil
import time

from commit_trace import Checker, TRACED
from process_harness import LONG, ProcessTest, content_of, count, main, needs

# System calls of a kind, and the errors that each of them is given.
READING = {
    "openat": ("EIO", "EMFILE", "EACCES", "ENOMEM"),
    "read,pread64": ("EIO", "ENOMEM"),
    "newfstatat,statx,fstat": ("EIO", "EACCES", "ENOMEM"),
    "getdents64": ("EIO", "ENOMEM"),
    "flistxattr,llistxattr,listxattr,fgetxattr,lgetxattr,getxattr": ("EIO", "ENOMEM"),
    "readlinkat,readlink": ("EIO", "ENOMEM"),
    "lseek": ("EIO",),
    "mmap,brk": ("ENOMEM",),
    "clone3": ("EAGAIN",),
    "close": ("EIO",),
}
WRITING = {
    "write,pwrite64": ("EIO", "ENOSPC"),
    "linkat,link": ("EIO", "ENOSPC", "EACCES"),
    "fsync,fdatasync": ("EIO", "ENOSPC"),
    "mkdirat,mkdir": ("ENOSPC", "EACCES", "EIO"),
    "ftruncate,fallocate": ("ENOSPC", "EIO"),
    "renameat2,renameat,rename": ("EIO", "EACCES"),
    "unlinkat,unlink": ("EIO", "EACCES"),
}
METADATA = {
    "fchmod,fchmodat,chmod": ("EIO", "EPERM"),
    "fchown,fchownat,lchown": ("EIO", "EPERM"),
    "fsetxattr,lsetxattr,setxattr": ("EIO", "ENOSPC"),
    "utimensat": ("EIO", "EPERM"),
    "symlinkat,mknodat": ("EIO", "ENOSPC"),
}
SAMPLE = None if LONG else 1  # how many n of each row, in each mode
ENDS = (0, 1, 3, 4)  # success, failed, partial, and unknown whether it was committed
ONE_FILE = {"large", "d0/linked"}  # by two names
HANGS = 30  # seconds
BY_LOADER = re.compile(r"error while loading shared libraries|cannot (map|allocate|create)|^out of memory")


def everything(root):
    """content_of(), and the extended attributes."""
    found = content_of(root)
    for key in found:
        path = os.path.join(root, key)
        names = os.listxattr(path, follow_symlinks=False)
        found[key] = (*found[key], {n: os.getxattr(path, n, follow_symlinks=False) for n in names})
    return found


def different(a, b):
    return sorted(k for k in {*a, *b} if a.get(k) != b.get(k))


def unnamed(wrong, issues):
    """What an issue neither names nor has above it; that of the root names it only, and not all."""
    named = {i or "." for i in issues}
    if named & ONE_FILE:
        named |= ONE_FILE
    return [w for w in wrong if not any(w == i or w.startswith(f"{i}/") for i in named)]


@needs("strace")
class FailingCalls(ProcessTest):
    def setUp(self):
        super().setUp()
        self.tree = self.make_tree({f"d{i}/f{j}": self.some_bytes(3000) for i in range(3) for j in range(3)})
        (self.tree / "large").write_bytes(self.random.randbytes(1_500_000))
        os.truncate(self.tree / "large", 3_000_000)
        os.link(self.tree / "large", self.tree / "d0/linked")
        os.symlink("nowhere", self.tree / "link")
        os.setxattr(self.tree / "d1/f1", "user.colour", b"red")
        self.init()
        self.backup(self.tree)
        self.earlier = everything(self.tree)
        self.kept = self.dir / "kept"

    def keep(self):
        self.kept.mkdir()
        shutil.copytree(self.repo, self.kept / "repo")
        shutil.copytree(self.dir / "home", self.kept / "home")

    def as_kept(self):
        for name, folder in (("repo", self.repo), ("home", self.dir / "home")):
            shutil.rmtree(folder)
            shutil.copytree(self.kept / name, folder)

    # ------------------------------------------------------------------------------ injection

    def traced(self, calls, inject, *words):
        """The result, and the trace by lines."""
        trace = self.dir / "trace"
        strace = ["strace", "-f", "-y", "-ttt", "-qq", "-s", "16", "-o", trace, "-e", f"trace={TRACED},{calls}"]
        result = self.run_wrapped([*strace, *(["-e", f"inject={calls}:{inject}"] if inject else [])], *words, timeout=HANGS)
        return result, trace.read_text(errors="replace").splitlines()

    def numbers(self, calls, *words):
        """Which n there are for a thread: from the first call of main(), which begins with prctl().

        The loader before it crashes without memory, which is not ours.
        """
        _, lines = self.traced(f"{calls},prctl", None, *words)
        names = set(calls.split(","))
        per_thread = {}
        first = 0
        for line, call in zip(lines, self.calls_by_line(lines)):
            pid = line.split()[0]
            if call in names:
                per_thread[pid] = per_thread.get(pid, 0) + 1
            elif "PR_SET_DUMPABLE" in line:
                first = per_thread.get(pid, 0)
        return range(first + 1, max(per_thread.values(), default=0) + 1)

    @staticmethod
    def calls_by_line(lines):
        begun = (re.match(r"\d+ +[\d.]+ (\w+)\(", line) for line in lines)
        return [m[1] if m else None for m in begun]

    def cases(self, table, *words):
        """(calls, injection): all of them, or in the short form some of each row."""
        for calls, errors in table.items():
            numbers = self.numbers(calls, *words)
            for error in errors:
                for suffix in ("", "+"):
                    chosen = numbers if SAMPLE is None else self.random.sample(numbers, min(SAMPLE, len(numbers)))
                    for number in chosen:
                        yield calls, f"error={error}:when={number}{suffix}"

    def run_failing(self, calls, inject, *words):
        """None if nothing failed; else what holds whatever fails is checked, and the result returned."""
        result, lines = self.traced(calls, inject, *words)
        if not any("(INJECTED)" in line for line in lines):
            return None
        count("failed_calls")
        if result.code == 127 and BY_LOADER.search(result.err):
            return None
        self.assertIn(result.code, ENDS, result.err)
        self.assertNotRegex(result.err, "terminate called|Sanitizer|Assertion|runtime error|internal")
        could_not_say = any("(INJECTED)" in line and re.search(r"write\([12]<", line) for line in lines)
        result.could_not_say = could_not_say
        if result.code in (1, 4) and not could_not_say:
            self.assertRegex(result.err, r"perdure: |\"type\":\"error\"")
        self.assertEqual(Checker(os.path.realpath(self.repo)).check(lines).violations, [])
        return result

    # ------------------------------------------------------------------------------ a backup

    def test_of_a_backup(self):
        self.keep()
        (self.tree / "d0/f0").write_bytes(b"changed content")
        (self.tree / "d2/new").write_bytes(self.random.randbytes(400_000))
        self.now = everything(self.tree)
        words = ["backup", self.tree]
        for calls, inject in self.cases({**READING, **WRITING}, *words):
            with self.subTest(calls=calls, inject=inject):
                self.as_kept()
                result = self.run_failing(calls, inject, *words)
                if result:
                    self.after_backup(result)
        self.as_kept()

    def test_what_was_stored_without_its_attributes_is_captured_again_though_unchanged(self):
        marked = self.tree / "d1/f1"
        os.setxattr(marked, "user.mark", b"kept")
        self.now = everything(self.tree)
        time.sleep(0.05)  # too old to be read again for its times
        for command in (["backup"], ["backup", "--no-cache"]):
            with self.subTest(command=command):
                result, _ = self.traced("getxattr,lgetxattr,fgetxattr", "error=EIO", *command, "--force", self.tree)
                self.assertEqual(result.code, 3, result.err)
                self.assertIn(f"{marked}: reading", result.err)
                self.assertEqual(self.backup(*command[1:], self.tree)["outcome"], "success")
                self.assertEqual(different(self.everything_in("latest"), self.now), [])

    def everything_in(self, point):
        target = self.dir / "restored"
        self.run_program("restore", f"{point}:{self.tree}", "--target", target)
        found = everything(target)
        shutil.rmtree(target)
        return found

    def after_backup(self, result):
        listed = self.listed()
        self.assertIn(listed, (["1-1"], ["1-1", "1-2"]), result.err)
        if result.code in (0, 3):
            self.assertEqual(len(listed), 2, "an acknowledged point is not listed")
        for point in listed[1:]:
            self.new_point_is_what_it_says(point, result)
        self.assertEqual(different(self.everything_in("1-1"), self.earlier), [], "the earlier point")
        self.assertEqual(self.backup(self.tree)["outcome"], "success")
        self.assertEqual(different(self.everything_in("latest"), self.now), [], "the next point")
        self.assert_deep_check_is_clean()

    def new_point_is_what_it_says(self, point, result):
        shown = self.json("show", point).one("point")
        outcome = shown["outcome"]
        if result.code in (0, 3):
            self.assertEqual(outcome, "success" if result.code == 0 else "partial", result.err)
        issues = [os.path.relpath(os.path.join(self.tree, i["path"]), self.tree) for i in shown["issue_list"]]
        not_listed = any(at == "." and re.search("^(listing|opening) the directory", i["text"])
                         for at, i in zip(issues, shown["issue_list"]))
        self.assertEqual(bool(issues), outcome == "partial")
        wrong = [] if not_listed else different(self.everything_in(point), self.now)
        self.assertEqual(unnamed(wrong, issues), [], f"not as it was, and not named: {issues}")

    # ------------------------------------------------------------------------------ a restore

    def test_of_a_restore(self):
        self.keep()
        target = self.dir / "target"
        words = ["--json", "restore", f"latest:{self.tree}", "--target", target]
        for calls, inject in self.restore_cases(words, target):
            with self.subTest(calls=calls, inject=inject):
                self.as_kept()
                before = content_of(self.repo)
                shutil.rmtree(target, ignore_errors=True)
                result = self.run_failing(calls, inject, *words)
                if result:
                    self.after_restore(result, words, target)
                    self.assertEqual(different(content_of(self.repo), before), [], "the repository changed")
        self.assertEqual(self.listed(), ["1-1"])
        self.assert_deep_check_is_clean()

    def restore_cases(self, words, target):
        for row in {**READING, **WRITING, **METADATA}.items():
            shutil.rmtree(target, ignore_errors=True)
            yield from self.cases(dict([row]), *words)

    def after_restore(self, result, words, target):
        issues = []
        if result.code == 3 and not result.could_not_say:
            issues = [i["path"] for i in result.of_type("issue")]
            self.assertNotEqual(issues, [])
        if result.code == 0 or issues:
            wrong = different(everything(target), self.earlier)
            self.assertEqual(unnamed(wrong, issues), [], f"not restored, and not named: {issues}")
        self.run_program(*words, "--overwrite", "if-changed")
        self.assertEqual(different(everything(target), self.earlier), [], "the next restore")


if __name__ == "__main__":
    main()
