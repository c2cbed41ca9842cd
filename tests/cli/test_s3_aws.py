"""Repositories in S3 as AWS has it: what perdure-cloudsim does and no server of the other tests."""

import json
import os
import re
import unittest

from cloud_test import EVERYTHING, CloudTest
from cloudsim import ACCOUNT
from harness import content_of


class AwsTest(CloudTest):
    BIG = 3_000_000

    def setUp(self):
        super().setUp()
        self.addCleanup(self.check_unknown)

    def check_unknown(self):
        self.assertEqual(self.cloud.admin("GET", "calls")["unknown"], [])

    def expect_restores(self, env=None, name="out"):
        self.run_program("restore", f"latest:{self.tree}", "--target", self.dir / name, env=env)
        self.assertEqual(content_of(self.dir / name), content_of(self.tree))


class Roles(AwsTest):
    def setUp(self):
        super().setUp()
        self.json("init", "--create-bucket")
        self.run_program("key", "writer", "add", "audits", "--output", self.dir / "audits.key")
        policies = {}
        for role, more in {"writer": ["--writer", "1"], "maintainer": [], "restorer": [], "auditor": []}.items():
            policies[role] = json.loads(self.run_program("iam", "policy", "--role", role, *more).out)
        self.cloud.add_users(policies)

    def as_role(self, role):
        return self.cloud.environment(role, "usersecret")

    def test_each_can_do_its_work(self):
        writer = self.as_role("writer")
        auditor = {**self.as_role("auditor"), "PERDURE_WRITER_KEY": str(self.dir / "audits.key")}
        password = self.env.pop("PERDURE_PASSWORD")
        self.json("backup", self.tree, env=writer)
        (self.tree / "sub/b.txt").write_text("changed\n")
        self.json("backup", self.tree, env=writer)
        self.assertEqual(self.json("check", "--read-data", env=auditor).one("summary")["problems"], 0)
        self.env["PERDURE_PASSWORD"] = password
        self.expect_restores(self.as_role("restorer"))
        maintainer = self.as_role("maintainer")
        (self.tree / "big.bin").write_bytes(b"short")
        self.json("backup", self.tree, env=maintainer)
        self.run_program("forget", "--keep-last", "1", env=maintainer)
        freed = self.json("gc", "--now", env=maintainer).one("summary")["freed"]
        self.assertGreater(freed["bytes"], 2_500_000)
        self.expect_restores(self.as_role("restorer"), "out2")

    BUCKET_SETTINGS = {
        "policy": b'{"Version": "2012-10-17", "Statement": []}',
        "lifecycle": b"<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
                     b"<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
        "versioning": b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"}

    def attempt(self, role, method, key, headers=None):
        status, _ = self.cloud.attempt(method, f"bucket/backups/web/{key}" if key else "bucket", (), b"x" if method == "PUT" else b"",
                                       role, "usersecret", headers)
        return status

    def test_each_can_do_no_more(self):
        """Every request of each role, below each prefix: what the policy does not allow, AWS's rules refuse."""
        self.json("backup", self.tree)
        absent = {"If-None-Match": "*"}
        every = ["epochs/x", "keys/x", "writers/x", "log/00000001/x", "log/00000002/x", "points/00000001/x",
                 "points/00000002/x", "index/00000001/x", "hints/00000001/x", "packs/default/d/00/00000001-x",
                 "packs/default/d/00/00000002-x", "gc/x", "fate/00000001/x", "closed/00000001/x", "merged/x", "ledger/x",
                 "imports/x", "parity/x", "aside/x", "perdure"]
        creates = {"writer": {k for k in every if k.split("/")[0] in ("log", "points", "index", "hints") and "00000002" not in k}
                             | {"packs/default/d/00/00000001-x"},
                   "maintainer": set(every) - {"perdure"}, "restorer": set(), "auditor": {"ledger/x"}}
        removes = {"maintainer": {k for k in every if k.split("/")[0] in ("packs", "index", "hints", "merged", "parity", "keys")}}
        slot = next(k for k in self.keys() if "/keys/" in k).removeprefix("backups/web/")
        reads_slots = {"writer": 403, "maintainer": 200, "restorer": 200, "auditor": 403}
        for role, may in creates.items():
            for key in every:
                with self.subTest(role=role, key=key):
                    self.assertEqual(self.attempt(role, "PUT", key), 403, "without If-None-Match nobody writes")
                    status = self.attempt(role, "PUT", key, absent)
                    self.assertIn(status, (200, 412) if key in may else (403,))
                    allowed = key in removes.get(role, ())
                    self.assertEqual(self.attempt(role, "DELETE", key), 204 if allowed else 403)
            self.assertEqual(self.attempt(role, "GET", slot), reads_slots[role])
            self.assertEqual(self.attempt(role, "GET", "perdure"), 200)
            for query, document in self.BUCKET_SETTINGS.items():
                status, _ = self.cloud.attempt("PUT", "bucket", [(query, "")], document, role, "usersecret")
                self.assertEqual(status, 403, (role, query))
            status, _ = self.cloud.attempt("DELETE", "bucket/backups/web/perdure", [("versionId", "1")], b"", role, "usersecret")
            self.assertEqual(status, 403)
            self.assertEqual(self.cloud.attempt("GET", "bucket/elsewhere/x", (), b"", role, "usersecret")[0], 403)
            self.assertEqual(self.cloud.attempt("PUT", "bucket/elsewhere/x", (), b"x", role, "usersecret", absent)[0], 403)

    def keys(self):
        listing = self.cloud.request("GET", "bucket", [("list-type", "2")]).decode()
        return re.findall("<Key>([^<]*)</Key>", listing)

    def test_a_policy_that_lists_below_a_prefix_alone_will_do_in_a_bucket_without_versions(self):
        """S3 then refuses what is missing like what is forbidden."""
        self.cloud.make_bucket("plain")
        where = {"PERDURE_REPOSITORY": self.cloud.location("plain")}
        self.json("init", env=where)
        policies = {role: json.loads(self.run_program("iam", "policy", "--role", role, "--writer", "1", env=where).out)
                    for role in ("writer", "restorer")}
        self.cloud.add_users(policies)
        for _ in range(2):
            del self.env["PERDURE_PASSWORD"]
            self.json("backup", self.tree, env={**where, **self.as_role("writer")})
            self.env["PERDURE_PASSWORD"] = "correct horse"
        self.expect_restores({**where, **self.as_role("restorer")})
        self.fails("list", env={"PERDURE_REPOSITORY": self.cloud.location("plain", "elsewhere"),
                                **self.as_role("restorer")}, code=1, says="AccessDenied")

    def test_none_can_destroy(self):
        self.json("backup", self.tree)
        for role in ("writer", "maintainer"):
            probe = self.json("store", "probe", env=self.as_role(role)).one("probe")
            self.assertIs(probe["overwrites"], False, role)
            self.assertIs(probe["destroyable"], False, role)
        self.assertIs(self.json("store", "probe").one("probe")["destroyable"], True)
        key = {"PERDURE_WRITER_KEY": str(self.dir / "audits.key")}
        self.fails("backup", self.tree, env={**self.as_role("writer"), **key}, code=1,
                   says="(?s)log/00000002.*next: allow s3:PutObject to this credential")
        self.fails("backup", self.tree, env=self.as_role("restorer"), code=1, says="allow s3:PutObject")
        self.fails("gc", "--now", env=self.as_role("writer"), code=1, says="next: allow s3:GetObject")
        self.fails("forget", self.points()[0]["id"], env=self.as_role("restorer"), code=3, says="AccessDenied")
        self.expect_restores()


class Bucket(AwsTest):
    def test_made_in_another_region_is_found_from_everywhere(self):
        self.json("init", "--create-bucket", "-o", "s3.region=eu-central-1")
        self.json("backup", self.tree, env={"AWS_REGION": "us-west-2"})
        self.json("backup", self.tree, "-o", "s3.region=ap-south-1")
        self.expect_restores()

    def test_is_made_as_wished(self):
        made = self.json("init", "--create-bucket", "--object-lock", "--noncurrent-days", "60").one("init")
        self.assertEqual(set(made["bucket"].values()), {True})
        self.assertIs(made["probe"]["object_lock"], True)
        self.assertEqual(made["probe"]["dangers"], [])
        lifecycle = self.cloud.request("GET", "bucket", [("lifecycle", "")]).decode()
        self.assertIn("<NoncurrentDays>60</NoncurrentDays>", lifecycle)
        for what in ("publicAccessBlock", "encryption", "versioning"):
            self.cloud.request("GET", "bucket", [(what, "")])

    def test_a_rule_of_others_that_deletes_what_is_stored_is_named(self):
        self.json("init", "--create-bucket")
        self.cloud.request("PUT", "bucket", [("lifecycle", "")], b"""
            <LifecycleConfiguration><Rule><ID>tidy</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>
            <Expiration><Days>90</Days></Expiration></Rule></LifecycleConfiguration>""")
        probe = self.json("store", "probe").one("probe")
        self.assertEqual(probe["dangers"], ['the lifecycle rule "tidy" deletes objects after 90 days'])
        self.assertIn("DANGER: the lifecycle rule", self.run_program("stats").out)


    def test_what_old_versions_take_is_told(self):
        self.json("init", "--create-bucket")
        self.json("backup", self.tree)
        old = self.json("stats").one("stats")["noncurrent"]  # the probe's own object
        listing = self.cloud.request("GET", "bucket", [("list-type", "2")]).decode()
        pack = re.search("<Key>([^<]*/packs/[^<]*)</Key>", listing)[1]
        size = len(self.cloud.request("GET", f"bucket/{pack}"))
        self.cloud.request("DELETE", f"bucket/{pack}")
        stats = self.json("stats", code=None).one("stats")
        self.assertEqual(stats["noncurrent"]["bytes"], old["bytes"] + size)
        self.assertEqual(stats["noncurrent"]["versions"], old["versions"] + 1)
        self.assertIn("noncurrent:", self.run_program("stats", code=None).out)


class Credentials(AwsTest):
    def setUp(self):
        super().setUp()
        self.cloud.make_bucket()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del self.env[name]
        self.env["AWS_ENDPOINT_URL_STS"] = self.cloud.endpoint

    def test_a_role_is_assumed_with_its_external_id(self):
        self.cloud.add_users({"host": EVERYTHING})
        self.cloud.add_role("backup", EVERYTHING, {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/host"}, "Action": "sts:AssumeRole",
             "Condition": {"StringEquals": {"sts:ExternalId": "4711"}}}]})
        self.env.update(self.cloud.environment("host", "usersecret"))
        role = ["-o", f"s3.role-arn=arn:aws:iam::{ACCOUNT}:role/backup"]
        self.json("init", *role, "-o", "s3.external-id=4711")
        self.json("backup", self.tree, *role, "-o", "s3.external-id=4711")
        calls = self.cloud.admin("GET", "calls")["calls"]
        self.assertIn("assumed-role/backup", calls[-1]["principal"])
        self.fails("list", *role, "-o", "s3.external-id=0", code=1,
                   says="(?s)role/backup: HTTP 403 AccessDenied.*next: check the role's trust policy, its external id")

    def test_an_instance_has_its_role(self):
        del self.env["AWS_EC2_METADATA_DISABLED"]
        self.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = self.cloud.endpoint
        self.cloud.add_role("host", EVERYTHING, {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
        self.cloud.admin("PUT", "instance", {"mode": "v2", "role": "host"})
        self.json("init")
        self.json("backup", self.tree)
        self.expect_restores()
        self.cloud.admin("PUT", "instance", {"mode": "v1", "role": "host"})
        self.fails("list", code=1, says="(?s)knows version 1 only.*next: use IMDSv2")
        self.cloud.admin("PUT", "instance", {"mode": "absent"})
        self.fails("list", code=1, says="(?s)no metadata service answers.*next: set AWS_PROFILE")


class Trouble(AwsTest):
    def setUp(self):
        super().setUp()
        self.json("init", "--create-bucket")
        self.backup(self.tree)

    def fault(self, **rule):
        self.cloud.admin("PUT", "faults", rule)

    def change(self):
        (self.tree / "a.txt").write_bytes(os.urandom(100))

    def test_a_commit_whose_answer_is_lost_is_one_point(self):
        for fault in ("lose", "status-after", "twice"):
            self.fault(fault=fault, operation="PutObject", key_prefix="backups/web/points/", times=1,
                       **({"status": 500, "code": "InternalError"} if fault == "status-after" else {}))
            self.change()
            self.backup(self.tree)
            self.cloud.admin("DELETE", "faults")
        self.assertEqual(len(self.points()), 4)
        self.expect_restores()

    def test_throttling_and_torn_answers_are_got_through(self):
        self.fault(fault="status", status=503, code="SlowDown", probability=0.15, seed=1)
        self.fault(fault="cut-body", operation="GetObject", bytes=10, probability=0.1, seed=2)
        self.change()
        self.backup(self.tree)
        self.expect_restores()

    def test_clocks_that_differ_are_allowed_for(self):
        for seconds in (-3600, 3600):
            self.cloud.admin("PUT", "clock", {"skew_seconds": seconds})
            self.change()
            self.backup(self.tree)
        self.assertEqual(len(self.points()), 3)

    def test_a_server_that_is_down_ends_a_run_and_the_next_one_goes_on(self):
        self.fault(fault="status", status=503, code="ServiceUnavailable", operation="PutObject",
                   key_prefix="backups/web/packs/")
        self.change()
        self.fails("backup", self.tree, "-o", "s3.attempts=2", code=1, says="503 ServiceUnavailable")
        self.cloud.admin("DELETE", "faults")
        self.backup(self.tree)
        self.assertEqual(len(self.points()), 2)
        self.expect_restores()


if __name__ == "__main__":
    unittest.main()
