"""SIGKILL at random moments: what was acknowledged stays, the rest never half shows, work goes on.

A point counts as acknowledged when its backup exited 0. A backup that was killed after its commit
and before its exit may have made a point: then that point must be as good as any other.
"""

import shutil
import time

from key_commands import KeyCommandTest
from process_harness import LONG, ProcessTest, content_of, count, main, wait_until

BACKUP_KILLS = 2000 if LONG else 60
KILLS_PER_REPOSITORY = 100
OTHER_KILLS = 100 if LONG else 8


class KilledBackup(ProcessTest):
    def new_repository(self):
        shutil.rmtree(self.repo, ignore_errors=True)
        shutil.rmtree(self.dir / "home", ignore_errors=True)
        shutil.rmtree(self.dir / "tree", ignore_errors=True)
        self.init()
        self.tree = self.random_tree()
        self.known = {}  # point -> what it holds
        self.whole_backup()

    def whole_backup(self):
        started = time.monotonic()
        point = self.backup(self.tree)["point"]
        self.seconds = time.monotonic() - started
        self.known[point] = content_of(self.tree)

    def sessions_with_an_index(self):
        folder = self.repo / "index/00000001"
        return len(list(folder.iterdir())) if folder.is_dir() else 0

    def backup_killed_somewhere(self):
        """Anywhere in its life; one in three about where it commits. True if it was killed."""
        before = self.sessions_with_an_index()
        process = self.start("--json", "backup", self.tree)
        delay = self.random.random() * self.seconds * 1.1
        if self.random.random() < 0.33:
            wait_until(lambda: process.poll() is not None or self.sessions_with_an_index() > before)
            delay = self.random.random() * 0.015
        killed = self.killed_after(process, delay)
        out = self.ended(process).out
        if killed:
            count("kills")
            count("backup_kills")
        else:
            self.assertIn('"type":"summary"', out)
        return killed

    def check_list(self, killed):
        """Exactly what was acknowledged, and at most the one that was killed on its way out."""
        listed = self.listed()
        self.assertEqual([p for p in self.known if p not in listed], [], "acknowledged points are gone")
        new = [p for p in listed if p not in self.known]
        self.assertLessEqual(len(new), 1)
        if not killed:
            self.assertEqual(len(new), 1, "an acknowledged point is not listed")
        for point in new:
            self.known[point] = content_of(self.tree)
            if killed:
                count("killed_after_commit")
                self.assert_restores(point, self.tree, self.known[point])

    def check_everything(self):
        self.assert_deep_check_is_clean()
        for point in {list(self.known)[-1], self.random.choice(list(self.known))}:
            self.assert_restores(point, self.tree, self.known[point])

    def test_acknowledged_points_outlive_it(self):
        kills = 0
        while kills < BACKUP_KILLS:
            if kills % KILLS_PER_REPOSITORY == 0:
                self.new_repository()
            self.change(self.tree)
            killed = self.backup_killed_somewhere()
            self.check_list(killed)
            kills += killed
            if killed and self.random.random() < 0.75:
                self.whole_backup()
                self.assertEqual(self.listed()[-1], list(self.known)[-1])
            if killed and kills % 10 == 0:
                self.check_everything()
        self.check_everything()

    def test_the_first_backup_of_all_may_be_killed(self):
        self.tree = self.random_tree()
        self.seconds = 0.3
        for _ in range(OTHER_KILLS):
            shutil.rmtree(self.repo, ignore_errors=True)
            self.known = {}
            self.init()
            self.check_list(self.backup_killed_somewhere())
            self.whole_backup()
            self.check_everything()


class KilledRestore(ProcessTest):
    def test_the_next_one_completes_it_and_the_repository_is_as_before(self):
        self.init()
        tree = self.random_tree(files=60)
        self.backup(tree)
        content = content_of(tree)
        target = self.dir / "target"
        for _ in range(OTHER_KILLS):
            process = self.start("restore", f"latest:{tree}", "--target", target)
            count("kills", self.killed_after(process, self.random.random() * 0.2))
            self.run_program("restore", f"latest:{tree}", "--target", target, "--overwrite", "if-changed")
            self.assertEqual(content_of(target), content)
            shutil.rmtree(target)
        self.assert_deep_check_is_clean()


class KilledKeyCommand(KeyCommandTest):
    def test_at_random_moments(self):
        for words, before, after in self.commands():
            before()
            started = time.monotonic()
            self.run_program(*words)
            seconds = time.monotonic() - started
            for _ in range(OTHER_KILLS):
                before()
                killed = self.killed_after(self.start(*words), self.random.random() * seconds * 1.1)
                count("kills", killed)
                with self.subTest(words=words[:2], killed=killed):
                    after(not killed)


if __name__ == "__main__":
    main()
