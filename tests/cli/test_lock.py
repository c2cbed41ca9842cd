"""Object Lock: what is locked and until when, what a thief cannot do, and what forget and gc make of it."""

import datetime
import json
import os
import unittest
import xml.etree.ElementTree as ET

from cloud_test import CloudTest
from cloudsim import CloudSim
from harness import content_of

DAY = 24 * 3600
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class LockTest(CloudTest):
    BIG = 1_500_000

    def setUp(self):
        super().setUp()
        self.day = 0

    def go_to_day(self, day):
        """The services' time and the server's clock; this machine's stays behind."""
        self.cloud.admin("PUT", "clock", {"advance_seconds": (day - self.day) * DAY, "skew_seconds": day * DAY})
        self.day = day

    def backup(self, *args, **options):
        return self.json("backup", self.tree, *args, **options).one("summary")

    def stored(self, summary):
        return summary["statistics"]["bytes_stored"] if "statistics" in summary else summary["bytes_stored"]

    def expect_restores(self, point="latest", name="out", expected=None):
        self.run_program("restore", f"{point}:{self.tree}", "--target", self.dir / name)
        self.assertTrue(content_of(self.dir / name) == (expected or content_of(self.tree)))

    def versions(self, bucket="bucket"):
        """(key, version id, is a deletion) of all that lies there."""
        page = ET.fromstring(self.cloud.request("GET", bucket, [("versions", "")]))
        return [(e.findtext(NAMESPACE + "Key"), e.findtext(NAMESPACE + "VersionId"), e.tag.endswith("DeleteMarker"))
                for e in page if e.tag in (NAMESPACE + "Version", NAMESPACE + "DeleteMarker")]

    def lock_of(self, key, version):
        """(mode, date) or None."""
        try:
            answer = self.cloud.request("GET", f"bucket/{key}", [("retention", ""), ("versionId", version)])
        except AssertionError as refused:
            self.assertIn("NoSuchObjectLockConfiguration", str(refused))
            return None
        retention = ET.fromstring(answer)
        return retention.findtext(NAMESPACE + "Mode"), retention.findtext(NAMESPACE + "RetainUntilDate")[:10]

    def locks(self):
        """By the name in the repository."""
        self.cloud.admin("PUT", "clock", {"skew_seconds": 0})  # as these requests are signed
        try:
            return self.locks_at_once()
        finally:
            self.cloud.admin("PUT", "clock", {"skew_seconds": self.day * DAY})

    def locks_at_once(self):
        return {key.removeprefix("backups/web/"): self.lock_of(key, version)
                for key, version, deletion in self.versions() if not deletion}


class WhatIsLocked(LockTest):
    def test_all_that_a_point_needs_config_and_keys_included(self):
        init = self.json("init", "--create-bucket", "--lock", "compliance:30:10", "--yes")
        self.assertGreaterEqual(init.one("locks")["objects"], 5)
        summary = self.backup()
        locks = self.locks()
        free = {name for name, lock in locks.items() if lock is None}
        self.assertEqual({name.split("/")[0] for name in free} - {"hints", "probe"}, set())
        kinds = {name.split("/")[0] for name, lock in locks.items() if lock}
        self.assertEqual(kinds, {"perdure", "epochs", "keys", "writers", "log", "points", "index", "packs", "ledger"})
        self.assertEqual({lock[0] for lock in locks.values() if lock}, {"COMPLIANCE"})
        shown = self.json("show", summary["point"]).one("point")
        self.assertTrue(all(lock[1] > shown["locked_until"][:10] for lock in locks.values() if lock))

    def test_packs_by_their_class(self):
        self.json("init", "--create-bucket", "--object-lock")
        self.fails("backup", self.tree, "--retention-class", "month", code=1, says="(?s)no retention class.*lock set")
        self.json("lock", "set", "month", "governance:30:10")
        self.backup()
        (self.tree / "more.bin").write_bytes(os.urandom(700_000))
        month = self.backup("--retention-class", "month")
        packs = {name: lock for name, lock in self.locks().items() if name.startswith("packs/")}
        self.assertEqual({name.split("/")[1] for name in packs}, {"std", "month"})
        for name, lock in packs.items():
            self.assertEqual(lock is not None, name.startswith("packs/month/"), name)
        self.assertGreater(self.stored(month), 2_000_000, "what the other class holds is not locked")
        self.assertEqual(self.json("show", "latest").one("point")["retention_class"], "month")
        self.expect_restores()
        again = self.backup("--retention-class", "month")
        self.assertLess(self.stored(again), 100_000)

    def test_what_cannot_be_is_refused_before_anything_is_made(self):
        local = {"PERDURE_REPOSITORY": str(self.dir / "local")}
        self.fails("init", "--lock", "governance:30", env=local, code=1, says="a directory has no Object Lock")
        self.assertFalse((self.dir / "local").exists())
        self.fails("init", "--create-bucket", "--lock", "compliance:30", code=1,
                   says="(?s)cannot be taken back.*--yes")
        self.fails("init", "--create-bucket", "--lock", "governance:30", "--longest-lock", "20", code=1,
                   says="37 days, 20 are allowed")
        self.fails("init", "--create-bucket", "--lock", "worm:30", code=1, says="is no lock")
        self.assertNotIn(b"<Name>bucket<", self.cloud.request("GET", ""))
        self.json("init", "--create-bucket")
        self.fails("lock", "set", "std", "governance:30", code=1, says="(?s)no Object Lock.*--create-bucket")

    def test_a_class_keeps_its_mode_and_the_cap_holds(self):
        self.json("init", "--create-bucket", "--lock", "governance:10:4", "--longest-lock", "20")
        self.fails("lock", "set", "std", "none", code=1, says="keeps it")
        self.fails("lock", "set", "std", "compliance:10:4", "--yes", code=1, says="keeps it")
        self.fails("lock", "set", "year", "governance:365", code=1, says="20 are allowed")
        self.json("lock", "set", "std", "governance:12:4")
        listed = self.json("lock", "list").one("retention_class")
        self.assertEqual((listed["mode"], listed["days"], listed["window_days"]), ("governance", 12, 4))


class Thieves(LockTest):
    def attack(self):
        """Whatever lies there is deleted, with every version, and a marker is laid over all of it."""
        refused = 0
        for key, version, deletion in self.versions():
            try:
                self.cloud.request("DELETE", f"bucket/{key}", [("versionId", version)])
            except AssertionError as error:
                self.assertIn("AccessDenied", str(error))
                refused += 1
        for key in {key for key, _, _ in self.versions()} - {"backups/web/perdure"}:
            self.cloud.request("DELETE", f"bucket/{key}")
        return refused

    def test_the_account_itself_cannot_delete_what_is_locked_in_compliance_mode(self):
        self.json("init", "--create-bucket", "--lock", "compliance:30:10", "--yes")
        first = content_of(self.tree)
        one = self.backup()["point"]
        (self.tree / "a.txt").write_text("changed\n")
        self.backup()
        self.assertGreater(self.attack(), 12)
        self.assertEqual(len(self.points()), 2)
        self.expect_restores(one, "one", first)
        self.expect_restores("latest", "two")

    def test_a_role_can_neither_delete_nor_shorten(self):
        self.json("init", "--create-bucket", "--lock", "governance:10:4")
        self.backup()
        policies = {role: json.loads(self.run_program("iam", "policy", "--role", role, "--writer", "1",
                                                      "--longest-lock-days", "15").out)
                    for role in ("writer", "maintainer")}
        self.cloud.add_users(policies)
        retention = (b'<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Mode>GOVERNANCE</Mode>'
                     b"<RetainUntilDate>%s</RetainUntilDate></Retention>")
        for role in policies:
            locked = [v for v in self.versions() if "/hints/" not in v[0] and "/probe/" not in v[0]]
            self.assertGreater(len(locked), 10)
            self.cloud.ACCESS, self.cloud.SECRET = role, "usersecret"
            try:
                for key, version, _ in locked:
                    for method, query, body in (
                            ("DELETE", [("versionId", version)], b""),
                            ("PUT", [("retention", ""), ("versionId", version)], retention % b"2027-01-01T00:00:00Z"),
                            ("PUT", [("retention", ""), ("versionId", version)], retention % b"2099-01-01T00:00:00Z")):
                        with self.assertRaisesRegex(AssertionError, "AccessDenied", msg=f"{role} {method} {key}"):
                            self.cloud.request(method, f"bucket/{key}", query, body)
            finally:
                self.cloud.ACCESS, self.cloud.SECRET = CloudSim.ACCESS, CloudSim.SECRET
        self.expect_restores()


class Windows(LockTest):
    def setUp(self):
        super().setUp()
        self.json("init", "--create-bucket", "--lock", "governance:10:4")

    def test_a_session_builds_on_what_stays_locked_and_stores_the_rest_again(self):
        self.assertGreater(self.stored(self.backup()), 1_500_000)
        self.go_to_day(3)  # locked until day 14; a point of today needs it until day 13
        self.assertLess(self.stored(self.backup()), 100_000)
        self.go_to_day(5)  # until day 15
        self.assertGreater(self.stored(self.backup()), 1_500_000)
        self.go_to_day(8)
        self.assertLess(self.stored(self.backup()), 100_000)
        self.json("lock", "extend")  # until day 22
        self.go_to_day(11)
        self.assertLess(self.stored(self.backup()), 100_000)
        self.go_to_day(13)
        self.assertGreater(self.stored(self.backup()), 1_500_000)
        self.assertEqual(self.json("check", "--read-data").one("summary")["problems"], 0)
        self.expect_restores()

    def test_extensions_come_once_a_window_with_gc(self):
        self.backup()
        extended = lambda: self.json("gc").of_type("locks")
        self.assertEqual(extended(), [], "what init signed is for two days still")
        self.go_to_day(2)
        horizon = extended()[0]["horizons"][0]
        self.assertEqual((horizon["class"], horizon["sessions"]), ("std", 1))
        self.assertEqual(extended(), [])
        self.go_to_day(3)
        self.assertEqual(extended(), [])
        self.go_to_day(4)
        self.assertEqual(len(extended()), 1)
        self.assertIs(self.json("lock", "list").one("retention_class")["due"], False)
        self.assertEqual({lock[1] for name, lock in self.locks().items() if name.startswith("packs/")}, {self.date(18)})

    def date(self, day):
        return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=day)).strftime("%Y-%m-%d")

    def test_a_maintainer_without_the_right_is_told_which(self):
        self.backup()
        policies = {name: json.loads(self.run_program("iam", "policy", "--role", role, "--writer", "1", *more).out)
                    for name, role, more in (("without", "maintainer", []), ("host", "writer", []),
                                             ("with", "maintainer", ["--longest-lock-days", "14"]),
                                             ("less", "maintainer", ["--longest-lock-days", "13"]))}
        self.cloud.add_users(policies)
        password = self.env.pop("PERDURE_PASSWORD")
        self.fails("backup", self.tree, env=self.cloud.environment("host", "usersecret"), code=1,
                   says="(?s)AccessDenied.*s3:PutObjectRetention")
        self.env["PERDURE_PASSWORD"] = password
        for name in ("without", "less"):
            self.fails("lock", "extend", "--now", env=self.cloud.environment(name, "usersecret"), code=1,
                       says="(?s)AccessDenied.*allow s3:PutObjectRetention")
        done = self.json("lock", "extend", "--now", env=self.cloud.environment("with", "usersecret")).one("locks")
        self.assertEqual((done["failed"], len(done["horizons"])), (0, 1))

    def test_forget_keeps_what_is_locked_and_gc_frees_it_when_it_is_no_longer(self):
        first = self.backup()["point"]
        for path in ("big.bin", "a.txt", "sub/b.txt"):
            (self.tree / path).write_text(f"another {path}")
        self.backup()
        decisions = {d["point"]: d for d in self.json("forget", "--keep-last", "1").of_type("decision")}
        self.assertRegex(decisions[first]["reasons"][0], "locked until")
        self.fails("forget", first, code=1, says="(?s)is locked until.*cannot be deleted before")
        self.go_to_day(11)
        self.assertEqual(self.json("forget", "--keep-last", "1").one("summary")["forgotten"], 1)
        gc = self.json("gc", "--now", "--max-drop", "100%").one("summary")
        self.assertEqual(gc["freed"]["bytes"], 0)
        self.assertGreater(gc["locked"]["bytes"], 1_400_000)
        self.assertEqual(gc["locked_until"][:10], self.date(14))
        space = self.json("stats").one("stats")["space"]
        self.assertEqual((space["locked"], space["locked_until"][:10]), (gc["locked"]["bytes"], self.date(14)))
        self.assertRegex(self.run_program("stats").out, "are locked until")
        self.assertRegex(self.run_program("gc", "--now").out, "cannot be deleted before .*Object Lock keeps them")
        self.go_to_day(13)
        self.json("gc", "--now")  # extends what is needed, and nothing else
        self.go_to_day(15)
        gc = self.json("gc", "--now").one("summary")
        self.assertGreater(gc["freed"]["bytes"], 1_400_000)
        self.assertEqual(gc["locked"]["packs"], 0)
        self.expect_restores()


if __name__ == "__main__":
    unittest.main()
