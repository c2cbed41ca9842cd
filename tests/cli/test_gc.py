"""gc as users meet it: space is freed, what is left restores, and nothing goes unasked."""

import contextlib
import random
import subprocess
import unittest

from harness import CliTest


def noise(seed, size):
    return random.Random(seed).randbytes(size)


class Gc(CliTest):
    def setUp(self):
        super().setUp()
        self.init()
        self.versions = []
        self.ids = []

    def back_up(self, i, **files):
        # Blocks hold a mebibyte: the first ones of a pack are of "changes" alone.
        content = {"changes": noise(100 + i, 1_500_000), "same": noise(1, 2_500_000),
                   "text": f"version {i}\n", **files}
        root = self.make_tree(content)
        summary = self.backup(root)
        self.ids.append(summary["point"])
        self.versions.append(content)
        return summary

    def forget(self, *ids):
        self.run_program("forget", *ids)

    def gc(self, *args, code=0):
        return self.json("gc", *args, code=code)

    def stored(self):
        return sum(p.stat().st_size for p in (self.repo / "packs").rglob("*") if p.is_file())

    def expect_restores(self, i):
        target = self.dir / f"out{i}-{len(list(self.dir.iterdir()))}"
        self.run_program("restore", f"{self.ids[i]}:{self.dir / 'tree'}", "--target", target)
        for name, content in self.versions[i].items():
            wanted = content.encode() if isinstance(content, str) else content
            self.assertEqual((target / name).read_bytes(), wanted, (i, name))

    def test_the_space_of_expired_points_is_freed_and_the_rest_restores(self):
        for i in range(6):
            self.back_up(i)
        before = self.stored()
        self.forget(*self.ids[:4])
        summary = self.gc("--now").one("summary")
        self.assertGreater(summary["freed"]["bytes"] - summary["repacked_into"], 4_500_000)
        # What was copied out of packs that were needed in part takes room again.
        self.assertEqual(self.stored(),
                         before - summary["freed"]["bytes"] + summary["repacked_into"])
        for i in (4, 5):
            self.expect_restores(i)
        self.json("check", "--level", "deep")
        self.assertEqual(self.gc("--now").one("summary")["freed"]["packs"], 0)

    def test_a_backup_after_it_stores_nothing_again_that_was_moved(self):
        self.back_up(0)
        self.back_up(1)
        self.forget(self.ids[0])
        moved = self.gc("--now", "--max-unused", "0").one("summary")
        self.assertGreater(moved["repacked_blocks"], 0)
        third = self.back_up(1)
        self.assertLess(third["new"], 100_000)
        self.run_program("cache", "--clear")
        fourth = self.back_up(1)
        self.assertLess(fourth["new"], 100_000)
        for i in (1, 2, 3):
            self.expect_restores(i)
        self.json("check", "--level", "deep")

    def test_a_dry_run_changes_nothing(self):
        self.back_up(0)
        self.back_up(1)
        self.forget(self.ids[0])
        before = sorted(str(p) for p in self.repo.rglob("*"))
        plan = self.gc("--dry-run").one("gc_plan")
        self.assertGreater(plan["condemnable"]["packs"] + plan["repack"]["packs"], 0)
        self.assertEqual(before, sorted(str(p) for p in self.repo.rglob("*")))

    def test_the_grace_period_is_kept_and_shown(self):
        self.back_up(0)
        self.back_up(1)
        self.forget(self.ids[0])
        summary = self.gc("--grace", "2d").one("summary")
        self.assertGreater(summary["in_grace"]["packs"], 0)
        self.assertEqual(summary["freed"]["packs"], 0)
        self.assertIsNotNone(summary["grace_ends"])
        space = self.json("stats").one("stats")["space"]
        self.assertEqual(space["in_grace"], summary["in_grace"]["bytes"])
        self.assertGreater(space["live"], 0)
        self.assertGreater(self.gc("--now").one("summary")["freed"]["packs"], 0)

    def test_a_backup_that_runs_is_waited_for_and_named(self):
        self.back_up(0)
        self.back_up(1)
        self.forget(self.ids[0])
        running = self.start("--json", "backup", "--stdin", "--stdin-name", "stream")
        for _ in range(600):
            if len(list((self.repo / "log" / "00000001").iterdir())) > 2:
                break
            try:
                running.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        summary = self.gc().one("summary")
        self.assertEqual(len(summary["waiting"]), 1, summary)
        self.assertEqual(summary["freed"]["packs"], 0)
        running.communicate(b"content")
        self.assertEqual(running.returncode, 0)
        self.assertGreater(self.gc().one("summary")["freed"]["packs"], 0)
        self.expect_restores(1)

    def test_what_is_needed_to_judge_and_missing_stops_it_by_name(self):
        self.back_up(0)
        self.back_up(1)
        self.forget(self.ids[0])
        index = next(p for p in (self.repo / "index").rglob("*2") if p.is_file())
        index.rename(self.dir / "away")
        before = self.stored()
        self.fails("gc", "--now", code=1, says=index.name)
        self.assertEqual(self.stored(), before)
        (self.dir / "away").rename(index)
        self.gc("--now")

    def test_too_much_at_once_is_refused(self):
        self.back_up(0)
        self.forget(self.ids[0])
        self.fails("gc", code=1, says="may go at once")
        self.assertGreater(self.gc("--max-drop", "100%").one("summary")["freed"]["packs"], 0)

    def test_prune_is_gc_and_values_are_checked(self):
        self.back_up(0)
        self.run_program("prune")
        for option, value in (("--grace", "soon"), ("--max-repack", "much"),
                              ("--max-unused", "some"), ("--max-drop", "80")):
            self.fails("gc", option, value, code=1, says=value)

    @contextlib.contextmanager
    def without_password(self):
        password = self.env.pop("PERDURE_PASSWORD")
        yield
        self.env["PERDURE_PASSWORD"] = password

    def test_a_writers_key_may_not_collect(self):
        key = self.dir / "key"
        self.run_program("key", "writer", "add", "w", "--output", key)
        with self.without_password():
            self.fails("--writer-key", key, "gc", code=1, says="maintainer|password")

    def test_a_maintainers_key_decides_and_collects_without_the_password(self):
        self.back_up(0)
        self.back_up(1)
        key = self.dir / "key"
        made = self.json("key", "writer", "add", "m", "--role", "maintainer", "--output", key).one("writer")
        self.assertEqual(made["role"], "maintainer")
        by_key = "--writer-key", key
        with self.without_password():
            self.run_program(*by_key, "protect", self.ids[1])
            self.fails(*by_key, "forget", self.ids[1], code=1, says="is protected")
            self.run_program(*by_key, "forget", self.ids[0])
            freed = self.json(*by_key, "gc", "--now", "--max-drop", "100%").one("summary")
            self.assertGreater(freed["freed"]["packs"], 0)
            self.fails(*by_key, "dump", f"{self.ids[1]}:/", code=1, says="password")
        self.assertEqual(len(self.points()), 1)
        self.run_program("check", "--read-data")

    def test_a_writers_key_decides_nothing(self):
        self.back_up(0)
        key = self.dir / "key"
        self.run_program("key", "writer", "add", "w", "--output", key)
        for command in ("forget", "protect", "tag"):
            more = ("--add", "x") if command == "tag" else ()
            with self.without_password():
                self.fails("--writer-key", key, command, self.ids[0], *more, code=1,
                           says="maintainer")


if __name__ == "__main__":
    unittest.main()
