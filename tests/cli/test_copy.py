"""Copies, replicas, the ledger and repair, as a user meets them."""

import os
import pathlib
import shutil
import unittest

from harness import CliTest, content_of, signal, wait_until

OTHER_PASSWORD = "battery staple"


class Copies(CliTest):
    def setUp(self):
        super().setUp()
        self.tree = self.make_tree({
            "a.txt": "first\n",
            "empty": "",
            "big.bin": os.urandom(300_000),
            "sub/b.txt": "second\n",
            "sub/deep/c.log": "third\n",
        })
        os.symlink("a.txt", self.tree / "link")
        self.other = self.dir / "other"
        self.env["PERDURE_TO_PASSWORD"] = OTHER_PASSWORD
        self.trees = {}

    def point(self, *options):
        made = self.backup(self.tree, *options)
        kept = self.dir / f"kept-{made['point']}"
        shutil.copytree(self.tree, kept, symlinks=True)
        self.trees[made["point"]] = content_of(kept)
        return made["point"]

    def two_points(self):
        self.init()
        first = self.point("--tag", "one")
        (self.tree / "a.txt").write_text("changed\n")
        (self.tree / "new.bin").write_bytes(os.urandom(50_000))
        second = self.point("--host", "elsewhere")
        return first, second

    def make_other(self):
        self.run_program("init", "-r", self.other, env={"PERDURE_PASSWORD": OTHER_PASSWORD})

    def make_replica(self):
        self.run_program("-r", self.other, "init", "--replica-of", self.repo)

    def copy(self, *options, code=0):
        return self.json("copy", "--to", self.other, *options, code=code)

    def fresh(self, password):
        """Another machine that knows the copy alone."""
        home = self.dir / f"home-{len(list(self.dir.iterdir()))}"
        home.mkdir()
        return {"HOME": str(home), "PERDURE_REPOSITORY": str(self.other),
                "PERDURE_PASSWORD": password}

    def expect_restores(self, point, original, env):
        target = self.dir / f"out-{len(list(self.dir.iterdir()))}"
        self.run_program("restore", f"{point}:{self.tree}", "--target", target, env=env)
        self.assertEqual(self.comparable(content_of(target)), self.comparable(self.trees[original]))

    @staticmethod
    def comparable(content):
        return {path: entry for path, entry in content.items() if path != "."}

    def test_a_copy_restores_alone_with_keys_of_its_own(self):
        first, second = self.two_points()
        self.make_other()
        result = self.copy()
        copies = {line["point"]: line for line in result.of_type("copy")}
        self.assertEqual(set(copies), {first, second})
        summary = result.one("summary")
        self.assertEqual((summary["outcome"], summary["copied"], summary["failed"]), ("success", 2, 0))
        os.rename(self.repo, self.dir / "gone")
        env = self.fresh(OTHER_PASSWORD)
        for original, line in copies.items():
            self.expect_restores(line["to"], original, env)
        shown = self.json("show", copies[first]["to"], env=env).one("point")
        self.assertEqual((shown["kind"], shown["tags"]), ("copy", ["one"]))
        self.assertEqual(shown["origin"]["point"], first)
        self.assertEqual(self.json("check", "--read-data", env=env).of_type("problem"), [])

    def test_a_second_copy_copies_nothing_and_a_later_one_what_is_new(self):
        self.two_points()
        self.make_other()
        self.copy()
        again = self.copy().one("summary")
        self.assertEqual((again["copied"], again["there"], again["stored"]), (0, 2, 0))
        (self.tree / "late.txt").write_text("late\n")
        self.point()
        later = self.copy().one("summary")
        self.assertEqual((later["copied"], later["there"]), (1, 2))
        self.assertLess(later["new"], 20_000)

    def test_filters_and_selectors_choose_and_a_dry_run_only_says_so(self):
        first, second = self.two_points()
        self.make_other()
        would = self.copy("--dry-run", "--host", "elsewhere")
        self.assertEqual([(c["point"], c["state"]) for c in would.of_type("copy")],
                         [(second, "would copy")])
        self.assertEqual(self.json("list", "-r", self.other,
                                   env={"PERDURE_PASSWORD": OTHER_PASSWORD}).of_type("point"), [])
        self.assertEqual([c["point"] for c in self.copy("--tag", "one").of_type("copy")], [first])
        self.assertEqual([c["point"] for c in self.copy("latest").of_type("copy")], [second])

    def test_a_copy_that_was_killed_is_finished_by_the_next(self):
        first, second = self.two_points()
        for _ in range(3):
            (self.tree / "more.bin").write_bytes(os.urandom(3_000_000))
            self.point()
        self.make_other()
        packs = self.other / "packs"
        for count in (1, 2, 4):
            running = self.start("copy", "--to", self.other)
            wait_until(lambda: running.poll() is not None or
                       len([p for p in packs.rglob("*") if p.is_file()]) >= count)
            running.send_signal(signal.SIGKILL)
            running.wait()
        self.copy()
        env = self.fresh(OTHER_PASSWORD)
        copies = {p["copied"][0]: p["id"] for p in self.json("list", env=env).of_type("point")}
        self.assertEqual(set(copies), set(self.trees))
        for original, copied in copies.items():
            self.expect_restores(copied, original, env)
        self.assertEqual(self.json("check", "--read-data", env=env).of_type("problem"), [])

    def test_wrong_uses_are_told_apart(self):
        self.two_points()
        self.fails("copy", "--to", self.repo, code=1, says="is the same repository")
        self.fails("copy", "--to", self.dir / "nowhere", code=10, says="no repository")
        self.make_other()
        self.fails("copy", "--to", self.other, code=12, says="wrong password",
                   env={"PERDURE_TO_PASSWORD": "guess"})
        del self.env["PERDURE_TO_PASSWORD"]
        self.fails("copy", "--to", self.other, code=1, says="password of .*other(?s:.*)--to-password-file")
        self.fails("copy", "9-9", "--to", self.other, code=1, says="no point")

    # ---- replicas

    def test_a_replica_restores_alone_with_the_same_password(self):
        first, second = self.two_points()
        self.make_replica()
        summary = self.copy().one("summary")
        self.assertEqual((summary["outcome"], summary["copied"]), ("success", 2))
        os.rename(self.repo, self.dir / "gone")
        env = self.fresh(self.env["PERDURE_PASSWORD"])
        listed = [p["id"] for p in self.json("list", env=env).of_type("point")]
        self.assertEqual(listed, [first, second])
        for point in listed:
            self.expect_restores(point, point, env)
        checked = self.json("check", "--read-data", env=env)
        self.assertEqual(checked.of_type("problem"), [])
        self.assertGreater(checked.one("summary")["leaves_hashed"], 0)

    def test_a_replica_takes_only_what_is_new_and_backups_of_its_own(self):
        self.two_points()
        self.make_replica()
        self.copy()
        again = self.copy().one("summary")
        self.assertEqual((again["copied"], again["there"], again["stored"]), (0, 2, 0))
        third = self.point()
        later = self.copy().one("summary")
        self.assertEqual((later["copied"], later["there"]), (1, 2))
        own = self.json("backup", self.tree, "-r", self.other).lines()[-1]["point"]
        listed = [p["id"] for p in self.json("list", "-r", self.other).of_type("point")]
        self.assertIn(third, listed)
        self.assertIn(own, listed)
        self.assertEqual(len(listed), 4)
        self.fails("key", "add", "-r", self.other, "--new-password-command", "echo x", code=1,
                   says="this is a replica")

    def stored(self, repository):
        return sum(p.stat().st_size for p in (repository / "packs").rglob("*") if p.is_file())

    def test_a_replica_frees_what_was_forgotten_there_and_goes_on_taking_points(self):
        # A block holds a mebibyte, and stays while anything in it is needed.
        (self.tree / "big.bin").write_bytes(os.urandom(3_000_000))
        points = [*self.two_points()]
        for i in range(2):
            (self.tree / "big.bin").write_bytes(os.urandom(3_000_000))
            points.append(self.point())
        self.make_replica()
        self.copy()
        before = self.stored(self.other)
        self.run_program("-r", self.other, "forget", *points[:2])
        self.json("-r", self.other, "gc", "--now", "--max-unused", "0")
        self.assertLess(self.stored(self.other), before - 1_500_000)
        again = self.copy().one("summary")
        self.assertEqual((again["copied"], again["there"], again["forgotten"], again["stored"]),
                         (0, 2, 2, 0))
        # What it builds on was moved by the collection, and some of it is new.
        points.append(self.point())
        (self.tree / "big.bin").write_bytes(os.urandom(3_000_000))
        points.append(self.point())
        self.assertEqual(self.copy().one("summary")["copied"], 2)
        self.json("-r", self.other, "gc", "--now", "--max-unused", "0")
        env = self.fresh(self.env["PERDURE_PASSWORD"])
        checked = self.json("check", "--read-data", env=env)
        self.assertEqual((checked.of_type("problem"), checked.one("summary")["points"]), ([], 4))
        listed = [p["id"] for p in self.json("list", env=env).of_type("point")]
        self.assertEqual(listed, points[2:])
        for point in listed:
            self.expect_restores(point, point, env)

    # ---- the ledger

    def test_what_was_verified_is_shown_and_a_rolling_check_goes_on_where_the_last_one_ended(self):
        first, second = self.two_points()
        self.assertEqual([p["verified"] for p in self.points()], [None, None])
        self.run_program("check")
        self.assertEqual([p["verified"] for p in self.points()], [None, None])
        part = self.json("check", "--due", "--budget-bytes", "1").one("summary")
        self.assertEqual((part["level"], part["packs_read"]), ("deep", 1))
        self.assertGreater(part["packs_due"], 0)
        rest = self.json("check", "--due").one("summary")
        self.assertEqual((rest["packs_read"], rest["packs_due"]), (part["packs_due"], 0))
        self.assertEqual(rest["points_whole"], 2)
        for point in self.points():
            self.assertRegex(point["verified"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(self.json("check", "--due").one("summary")["packs_read"], 0)
        again = self.json("check", "--older-than", "0s").one("summary")
        self.assertGreater(again["packs_read"], 1)
        self.assertEqual(self.json("show", first).one("point")["verified"] is None, False)
        self.assertEqual(self.json("stats").one("stats")["points_verified"], 2)
        self.assertEqual(self.json("check").of_type("problem"), [])

    def test_bad_values_of_a_rolling_check(self):
        self.two_points()
        self.fails("check", "--due", "--level", "structure", code=1, says="reads no packs")
        self.fails("check", "--older-than", "soon", code=1, says="no length of time")
        self.fails("check", "--budget-bytes", "much", code=1, says="no size")

    # ---- repair

    def objects(self, *prefixes):
        return sorted(p for prefix in prefixes for p in (self.repo / prefix).rglob("*") if p.is_file())

    def test_whatever_object_is_lost_a_repair_from_a_replica_brings_every_point_back(self):
        first, second = self.two_points()
        self.make_replica()
        self.copy()
        self.run_program("repair")  # enrols this machine
        good = self.dir / "good"
        shutil.copytree(self.repo, good)
        names = self.objects("points/00000001", "index", "packs", "keys", "epochs", "log/00000001")
        names += [self.repo / "perdure", self.repo / "writers/00000001"]
        for name in names:
            with self.subTest(str(name.relative_to(self.repo))):
                shutil.rmtree(self.repo)
                shutil.copytree(good, self.repo)
                name.chmod(0o600)
                name.unlink()
                repair = ["repair", "--from", self.other, "--no-cache"]
                would = self.json(*repair, "--dry-run", code=None)
                self.assertFalse(name.exists())
                self.assertGreater(would.one("summary")["actions"], 0)
                done = self.json(*repair, code=None)
                self.assertEqual(done.one("summary")["outcome"], "success", done.out)
                for point in (first, second):
                    self.expect_restores(point, point, {})

    def test_without_another_repository_a_new_point_lists_what_is_lost(self):
        first, second = self.two_points()
        data = sorted(self.objects("packs/std/d"), key=lambda p: p.stat().st_size)
        damaged = bytearray(data[-1].read_bytes())
        damaged[len(damaged) // 2] ^= 1
        data[-1].chmod(0o600)
        data[-1].write_bytes(damaged)
        would = self.json("repair", "--dry-run", code=None)
        lost = {}
        for action in would.of_type("repair"):
            if action["action"] == "new point":
                writer, number = action["object"].split("/")[1:]
                lost[f"{int(writer, 16):x}-{int(number, 16):x}"] = action["lost"]
        self.assertEqual(set(lost), {first, second})
        self.assertIn(str(self.tree / "big.bin"), lost[first])
        self.run_program("repair", code=None)
        repaired = [p for p in self.points() if p["kind"] == "repaired"]
        self.assertEqual(len(repaired), 2)
        for point in repaired:
            self.assertEqual(point["outcome"], "partial")
            shown = self.json("show", point["id"]).one("point")
            self.assertIn(str(self.tree / "big.bin"), [i["path"] for i in shown["issue_list"]])
            target = self.dir / f"out-{point['id']}"
            self.run_program("restore", f"{point['id']}:{self.tree}", "--target", target)
            original = first if point["tags"] == ["one"] else second
            expected = {p: e for p, e in self.comparable(self.trees[original]).items()
                        if str(self.tree / p) not in lost[original]}
            self.assertEqual(self.comparable(content_of(target)), expected)
        self.assertNotEqual(self.json("check", "--read-data", code=None).one("summary")["outcome"],
                            "failed")
        # What a repaired point stands for goes with it, and so does the room of both.
        self.run_program("forget", repaired[0]["id"])
        self.assertEqual([p["id"] for p in self.points()], [repaired[1]["id"]])
        self.json("gc", "--now", "--max-drop", "100%")
        self.run_program("forget", "--unsafe-allow-remove-all", repaired[1]["id"])
        self.json("gc", "--now", "--max-drop", "100%")
        self.assertEqual(self.stored(self.repo), 0)

    def test_lost_content_is_read_again_from_files_that_have_not_changed(self):
        first, second = self.two_points()
        for pack in self.objects("packs/std/d"):
            pack.chmod(0o600)
            pack.unlink()
        self.run_program("repair", "--from-source", code=None)
        # The other point is of another host, whose files these are not.
        (point,) = [p["id"] for p in self.points() if p["tags"] == ["one"]]
        self.assertEqual(self.json("show", point).one("point")["kind"], "repaired")
        target = self.dir / "again"
        self.run_program("restore", f"{point}:{self.tree}", "--target", target)
        back = self.comparable(content_of(target))
        lost = {"a.txt"}  # it has changed since
        self.assertEqual(back, {p: e for p, e in self.comparable(self.trees[first]).items()
                                if p not in lost})


if __name__ == "__main__":
    unittest.main()
