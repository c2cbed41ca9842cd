"""The order of a commit, read off the system calls of the real program on a real file system.

No name before fsync, no reference before what it refers to is durable, no success before the
directories are: commit_trace.py states the rules. Traces with planted violations show that it sees.
"""

import os
import re
import tempfile
import unittest

from commit_trace import Checker, TRACED
from disks import LoopDisk
from process_harness import ProcessTest, count, main, needs

HAND_MADE = """\
1 0.1 openat(5</r/points>, ".", O_RDWR|O_CLOEXEC|O_TMPFILE, 0600) = 6</r/points/#7>(deleted)
1 0.2 pwrite64(6</r/points/#7>(deleted), "PRDR", 4, 0) = 4
1 0.3 fsync(6</r/points/#7>(deleted)) = 0
1 0.4 linkat(AT_FDCWD</x>, "/proc/self/fd/6", 5</r/points>, "1", AT_SYMLINK_FOLLOW) = 0
1 0.5 fsync(5</r/points>) = 0
1 0.6 write(1</dev/pts/0>, "point 1-1", 9) = 9
1 0.7 exit_group(0) = ?
""".splitlines()


def without(lines, number):
    return lines[:number] + lines[number + 1:]


def moved(lines, number, to):
    rest = without(lines, number)
    return rest[:to] + [lines[number]] + rest[to:]


class CheckerSeesPlantedViolations(unittest.TestCase):
    def sees(self, lines, what):
        self.assertRegex(" ".join(Checker("/r").check(lines).violations), what)

    def test_nothing_in_a_right_order(self):
        self.assertEqual(Checker("/r").check(HAND_MADE).violations, [])
        self.assertEqual(Checker("/r").check(HAND_MADE).named, ["points/1"])

    def test_a_name_without_fsync(self):
        self.sees(without(HAND_MADE, 2), "before its content was durable")

    def test_a_name_before_fsync(self):
        self.sees(moved(HAND_MADE, 3, 2), "before its content was durable")

    def test_a_name_after_an_fsync_that_failed(self):
        failed = HAND_MADE[2].replace("= 0", "= -1 EIO (Input/output error)")
        self.sees([*HAND_MADE[:2], failed, *HAND_MADE[3:]], "before its content was durable")

    def test_a_name_while_fsync_is_under_way(self):
        begun = HAND_MADE[2].replace(") = 0", " <unfinished ...>")
        link = HAND_MADE[3].replace("1 0.4", "2 0.4")
        resumed = "1 0.41 <... fsync resumed>) = 0"
        self.sees([*HAND_MADE[:2], begun, link, resumed, *HAND_MADE[4:]], "before its content was durable")

    def test_a_write_after_fsync(self):
        self.sees(moved(HAND_MADE, 1, 2), "before its content was durable")

    def test_success_without_fsync_of_the_directory(self):
        self.sees(without(HAND_MADE, 4), "success is said before /r/points/1 is durable")

    def test_success_before_fsync_of_the_directory(self):
        self.sees(moved(HAND_MADE, 5, 4), "success is said before")

    def test_a_directory_synced_before_the_name_was_given(self):
        self.sees(moved(HAND_MADE, 4, 3), "success is said before")

    def test_an_object_created_under_its_final_name(self):
        self.sees(['1 0.0 openat(5</r/points>, "1", O_RDWR|O_CREAT|O_EXCL, 0600) = 6</r/points/1>'],
                  "final name")

    def test_a_new_directory_without_fsync_of_its_parent(self):
        self.sees(['1 0.0 mkdirat(4</r>, "points", 0700) = 0', *HAND_MADE], "before /r/points is durable")

    def test_a_point_before_its_pack_is_durable(self):
        pack = [line.replace("points", "packs").replace("#7", "#8") for line in HAND_MADE[:4]]
        late = HAND_MADE[4].replace("points", "packs")
        self.sees([*pack, *HAND_MADE[:5], late, *HAND_MADE[5:]], "points/1 refers to /r/packs/1")


@needs("strace")
class CommitOrder(ProcessTest):
    def traced(self, *args):
        """The trace of a run that succeeded, and what the checker made of it."""
        trace = self.dir / "trace"
        result = self.run_wrapped(["strace", "-f", "-y", "-ttt", "-qq", "-s", "16", "-e", f"trace={TRACED}",
                                   "-o", trace], "--json", *args, code=0)
        lines = trace.read_text(errors="replace").splitlines()
        checker = Checker(os.path.realpath(self.repo)).check(lines)
        self.assertEqual(checker.violations, [])
        self.assertIn("{", result.out)
        self.assertTrue(any(re.search(r" write\(1<", line) for line in lines), "its answer is not in the trace")
        count("traced_names", len(checker.named))
        return lines, checker.named

    def kinds(self, named):
        return {name.split("/")[0] for name in named}

    def test_on_btrfs_nothing_is_written_into_a_file_without_a_name(self):
        """Its fsync keeps nothing of such a file: a power loss left every object empty (tests/power)."""
        disk = LoopDisk(self, "disk", 256 << 20, kind="btrfs")
        self.repo = disk.at / "repo"
        self.env["PERDURE_REPOSITORY"] = str(self.repo)
        for words in (["init"], ["backup", self.random_tree(files=5)]):
            lines, named = self.traced(*words)
            self.assertNotEqual(named, [])
            self.assertEqual([line for line in lines if "O_TMPFILE" in line], [])

    def test_from_init_to_rotation(self):
        lines, named = self.traced("init")
        self.assertEqual(self.kinds(named), {"reserve", "keys", "epochs", "perdure", "writers"})
        self.assertLess(named.index("epochs/00000001"), named.index("perdure"))
        tree = self.random_tree(files=60)
        lines, named = self.traced("backup", tree)
        self.assertEqual(self.kinds(named) - {"hints"}, {"log", "packs", "index", "points"})
        self.assertTrue(named[-1].startswith(("points/", "hints/")), named)
        self.mutants_are_seen(lines)
        self.change(tree)
        _, named = self.traced("backup", tree)
        self.assertLessEqual({"log", "packs", "points"}, self.kinds(named))
        password = self.dir / "new"
        password.write_text("new password")
        _, named = self.traced("key", "add", "--new-password-file", password)
        self.assertEqual(self.kinds(named), {"keys", "epochs"})
        _, named = self.traced("key", "rotate", "--new-password-file", password)
        self.assertIn("epochs", self.kinds(named))

    def mutants_are_seen(self, lines):
        """Every successful fsync of a run is needed: without it, the checker complains."""
        root = os.path.realpath(self.repo)
        needed = 0
        syncs = [i for i, line in enumerate(lines) if re.search(r" (fsync|fdatasync)\(\d+<" + re.escape(root), line)]
        for number in syncs:
            if "#" in lines[number] and "unfinished" not in lines[number]:
                mutant = [*lines[:number], lines[number].replace("= 0", "= -1 EIO"), *lines[number + 1:]]
                needed += bool(Checker(root).check(mutant).violations)
        files = sum("#" in lines[n] and "unfinished" not in lines[n] for n in syncs)
        # One is of the record that must be refused (FORMAT.md, the beginning of a session).
        self.assertGreaterEqual(needed, files - 1)
        self.assertGreater(needed, 4)
        count("planted_orders", needed)


if __name__ == "__main__":
    tempfile.tempdir = None  # a disk, not memory
    main()
