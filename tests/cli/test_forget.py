"""forget and protect: what a policy keeps and why, what is refused, and what of a point is left."""

import os
import pty
import subprocess
import time
import unittest

from harness import CliTest

DAY = 24 * 3600
CLOCK = os.environ.get("PERDURE_SHIFTED_CLOCK", "")


class Forget(CliTest):
    def setUp(self):
        super().setUp()
        self.assertTrue(os.path.exists(CLOCK), "PERDURE_SHIFTED_CLOCK names no library")
        self.tree = self.make_tree({"a.txt": "first\n"})
        self.json("init", env=self.shifted(-400 * DAY))

    def shifted(self, seconds):
        """The environment of a machine whose clock is that much off."""
        sanitizer = self.env.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": CLOCK, "SHIFTED_CLOCK": str(int(seconds)),
                "ASAN_OPTIONS": (sanitizer + ":" if sanitizer else "") + "verify_asan_link_order=0"}

    def backup_at(self, seconds, *args, stored=None):
        """A point that says it was made then, and that the store took then, or at `stored`."""
        made = self.json("backup", self.tree, *args, env=self.shifted(seconds)).one("summary")["point"]
        writer, number = (int(part, 16) for part in made.split("-"))
        then = time.time() + (seconds if stored is None else stored)
        os.utime(self.repo / f"points/{writer:08x}/{number:016x}", (then, then))
        return made

    def days(self, count, *args):
        """A point a day, the newest one yesterday."""
        return [self.backup_at(-day * DAY, *args) for day in range(count, 0, -1)]

    def ids(self, *args):
        return [p["id"] for p in self.points(*args)]

    def test_a_policy_keeps_what_it_says_and_tells_why(self):
        made = self.days(6)
        result = self.json("forget", "--keep-daily", "3")
        decisions = {d["point"]: d for d in result.of_type("decision")}
        self.assertEqual([decisions[p]["keep"] for p in made], [False] * 3 + [True] * 3)
        self.assertEqual(decisions[made[5]]["reasons"], ["daily snapshot"])
        self.assertEqual(decisions[made[0]]["reasons"], ["no rule keeps it"])
        summary = result.one("summary")
        self.assertEqual((summary["kept"], summary["forgotten"], summary["groups"]), (3, 3, 1))
        self.assertEqual(self.ids(), made[3:])
        self.run_program("check")

    def test_the_newest_points_that_a_check_verified_are_kept(self):
        made = self.days(5)
        for point in (made[0], made[2]):
            self.run_program("check", point, "--level", "deep")
        result = self.json("forget", "--keep-last", "1", "--keep-verified", "1")
        kept = {d["point"]: d["reasons"] for d in result.of_type("decision") if d["keep"]}
        self.assertEqual(kept, {made[2]: ["verified snapshot"], made[4]: ["last snapshot"]})

    def test_the_space_of_what_goes_is_freed_where_that_is_asked_for(self):
        (self.tree / "big").write_bytes(os.urandom(2_500_000))
        first = self.backup_at(-2 * DAY)
        (self.tree / "big").unlink()
        self.backup_at(-DAY)
        def stored():
            return sum(p.stat().st_size for p in (self.repo / "packs").rglob("*") if p.is_file())
        self.json("forget", first, "--gc", "--dry-run")
        self.assertGreater(stored(), 2_400_000)
        result = self.json("forget", first, "--gc")
        self.assertEqual(result.lines()[-1]["freed"]["packs"], 2)
        self.assertLess(stored(), 1_500_000)

    def test_the_table_shows_both_sides(self):
        made = self.days(3)
        out = self.run_program("forget", "--keep-last", "1", "--keep-tag", "x", "--dry-run").out
        self.assertIn(f"points of host", out)
        self.assertRegex(out, "keep 1 point:\n")
        self.assertRegex(out, "forget 2 points:\n")
        self.assertRegex(out, rf"{made[2]} .* last snapshot")
        self.assertRegex(out, rf"{made[0]} .* no rule keeps it")
        self.assertIn("would forget 2 points, keep 1", out)

    def test_a_dry_run_changes_nothing(self):
        made = self.days(3)
        before = sorted(p for p in self.repo.rglob("*") if p.is_file())
        summary = self.json("forget", "--keep-last", "1", "--dry-run").one("summary")
        self.assertEqual((summary["forgotten"], summary["dry_run"]), (2, True))
        self.assertEqual(sorted(p for p in self.repo.rglob("*") if p.is_file()), before)
        self.assertEqual(self.ids(), made)

    def test_what_is_forgotten_is_no_longer_listed_or_found_and_says_so(self):
        made = self.days(2)
        self.run_program("forget", made[0], "--reason", "wrong host")
        self.assertEqual(self.ids(), made[1:])
        (gone,) = [p for p in self.points("--all") if p["id"] == made[0]]
        self.assertIsNotNone(gone["expired"])
        self.assertEqual(gone["expired_reason"], "wrong host")
        self.assertRegex(self.run_program("list", "--all").out, rf"{made[0]} .* expired .*: wrong host")
        for command in (["restore", made[0], "--target", self.dir / "out"], ["ls", made[0]], ["show", made[0]],
                        ["protect", made[0]], ["tag", made[0], "--add", "x"], ["forget", made[0]]):
            self.fails(*command, code=1, says=f"point {made[0]} has expired, .*: wrong host")
        self.assertEqual(self.json("stats").one("stats")["points"], 1)
        # Its numbers are still taken, and backups go on.
        self.backup(self.tree)
        self.run_program("check", "--read-data")

    def test_a_protected_point_stays(self):
        made = self.days(3)
        self.assertEqual(self.json("protect", made[0], "--reason", "audit").one("protection"),
                         {"type": "protection", "version": 1, "point": made[0], "protected": True, "changed": True})
        self.assertFalse(self.json("protect", made[0]).one("protection")["changed"])
        self.assertIn("protected", self.run_program("show", made[0]).out)
        self.assertRegex(self.run_program("list").out, rf"{made[0]} .* protected\n")
        self.fails("forget", made[0], code=1, says=f"point {made[0]} is protected")
        self.fails("forget", made[1], made[0], code=1, says=f"point {made[0]} is protected")
        self.assertEqual(self.ids(), made)
        self.run_program("forget", "--keep-last", "1")
        self.assertEqual(self.ids(), [made[0], made[2]])
        self.run_program("protect", made[0], "--remove")
        self.run_program("forget", "--keep-last", "1")
        self.assertEqual(self.ids(), [made[2]])

    def test_what_contradicts_itself_is_refused(self):
        made = self.days(2)
        self.fails("forget", code=1, says="no policy is given")
        self.fails("forget", "--keep-last", "0", code=1, says="no policy is given")
        self.fails("forget", made[0], "--keep-last", "1", code=1, says="do not go together")
        self.fails("forget", "--keep-last", "many", code=1, says='"many" is no number')
        self.fails("forget", "--keep-within", "3w", code=1, says='"3w" is no span')
        self.fails("forget", "--keep-last", "1", "--group-by", "planet", code=1, says='cannot group by "planet"')
        self.fails("forget", "9-9", code=1, says='no point matches "9-9"')
        self.fails("forget", "--unsafe-allow-remove-all", code=1, says="takes a filter")
        self.assertEqual(self.ids(), made)

    def test_the_last_point_of_a_group_goes_only_if_that_is_meant(self):
        made = self.days(2, "--host", "web")
        other = self.days(1, "--host", "db", "--tag", "keep")
        self.fails("forget", "--keep-tag", "keep", code=1, says="no point would be left of host web")
        self.assertEqual(sorted(self.ids()), sorted(made + other))
        self.run_program("forget", "--keep-tag", "keep", "--unsafe-allow-remove-all")
        self.assertEqual(self.ids(), other)
        self.run_program("forget", "--host", "db", "--unsafe-allow-remove-all")
        self.assertEqual(self.ids(), [])

    def test_groups_and_filters(self):
        web = self.days(2, "--host", "web")
        db = self.days(2, "--host", "db")
        self.run_program("forget", "--keep-last", "1", "--host", "web")
        self.assertEqual(sorted(self.ids()), sorted([web[1], *db]))
        self.run_program("forget", "--keep-last", "1", "--group-by", "")
        self.assertEqual(len(self.ids()), 1)

    def test_many_points_at_once_are_a_sudden_change(self):
        made = self.days(12)
        self.fails("forget", "--keep-last", "1", code=1, says="11 of 12 points would go at once")
        self.assertEqual(self.ids(), made)
        noted = self.run_program("forget", "--keep-last", "1", "--dry-run")
        self.assertIn("it would be refused", noted.err)
        self.run_program("forget", "--keep-last", "1", "--unsafe-allow-sudden-change")
        self.assertEqual(self.ids(), made[11:])

    def test_a_point_from_the_future_stops_a_policy(self):
        made = self.days(3)
        forged = self.backup_at(300 * DAY, stored=0)
        for words in (["--keep-last", "1"], ["--keep-within", "2d"]):
            self.fails("forget", *words, code=1, says=f"point {forged} says .*, which is in the future")
        (doubt,) = self.json("forget", "--keep-last", "1", "--dry-run").of_type("doubt")
        self.assertEqual(doubt["point"], forged)
        # It goes by its name, and the policy works again.
        self.run_program("forget", forged)
        self.run_program("forget", "--keep-last", "1")
        self.assertEqual(self.ids(), made[2:])

    def test_a_back_dated_point_stops_a_policy(self):
        # With a writer's key anyone can add points of last week that push the true ones out.
        made = self.days(3)
        forged = self.backup_at(-30 * DAY, stored=0)
        self.fails("forget", "--keep-weekly", "2", code=1, says=f"point {forged} says")
        self.assertEqual(len(self.ids()), 4)
        self.run_program("forget", "--keep-last", "3", "--unsafe-allow-odd-times")
        self.assertEqual(self.ids(), made)

    def test_without_the_password_nothing_is_decided(self):
        made = self.days(1)
        del self.env["PERDURE_PASSWORD"]
        for command in (["forget", made[0]], ["forget", "--keep-last", "1"], ["protect", made[0]]):
            self.fails(*command, code=1, says="no password")

    def at_a_terminal(self, answer, *args):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(self.command(args), stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=self.env)
        os.close(theirs)
        asked = b""
        try:
            while b"[y/N]" not in asked and (part := os.read(ours, 1024)):
                asked += part
            os.write(ours, answer)
        except OSError:
            pass  # ended without asking
        process.stdout.read()
        process.stdout.close()
        code = process.wait()
        os.close(ours)
        return code, asked.decode()

    def test_at_a_terminal_it_asks_first(self):
        made = self.days(2)
        code, asked = self.at_a_terminal(b"n\n", "forget", "--keep-last", "1")
        self.assertIn("forget 1 point? That is final.", asked)
        self.assertEqual(code, 130)
        self.assertEqual(self.ids(), made)
        code, asked = self.at_a_terminal(b"", "forget", "--keep-last", "1", "--yes")
        self.assertEqual((code, "[y/N]" in asked), (0, False))
        self.assertEqual(self.ids(), made[1:])
        more = self.backup(self.tree)["point"]
        code, _ = self.at_a_terminal(b"y\n", "forget", "--keep-last", "1")
        self.assertEqual(code, 0)
        self.assertEqual(self.ids(), [more])


if __name__ == "__main__":
    unittest.main()
