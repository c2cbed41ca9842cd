"""Repositories in a bucket of a real S3 server, and every expected thing that can be wrong there."""

import calendar
import json
import os
import subprocess
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

from cloud_test import WrongServerTest
from gateway import Gateway, free_port
from harness import CliTest, content_of

ALL = ["s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"]


class S3Test(CliTest):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway()
        cls.addClassCleanup(cls.gateway.stop)

    buckets = 0

    def setUp(self):
        super().setUp()
        S3Test.buckets += 1
        self.bucket = f"bucket-{S3Test.buckets}"
        self.gateway.make_bucket(self.bucket)
        self.env.update(self.gateway.environment())
        self.env["PERDURE_REPOSITORY"] = self.gateway.location(self.bucket)
        self.tree = self.make_tree({"a.txt": "first\n", "big.bin": os.urandom(3_000_000), "sub/b.txt": "second\n"})

    def init_at(self, **options):
        return self.json("init", **options).one("init")

    def as_user(self, actions, name):
        """The environment of a user who may do these and nothing else."""
        self.gateway.add_user(name, "usersecret")
        self.gateway.set_policy(
            [{"Effect": "Allow", "Principal": {"AWS": [name]}, "Action": actions,
              "Resource": [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]}], self.bucket)
        return self.gateway.environment(name, "usersecret")


class Repository(S3Test):
    def test_backup_list_restore_and_check(self):
        made = self.init_at()
        self.assertEqual(made["location"], self.env["PERDURE_REPOSITORY"])
        first = self.backup(self.tree)
        self.assertEqual(first["outcome"], "success")
        (self.tree / "sub/b.txt").write_text("changed\n")
        self.backup(self.tree)
        self.assertEqual(len(self.points()), 2)
        self.run_program("restore", f"latest:{self.tree}", "--target", self.dir / "out")
        self.assertEqual(content_of(self.dir / "out"), content_of(self.tree))
        check = self.json("check", "--level", "deep").one("summary")
        self.assertEqual(check["problems"], 0)
        objects = self.gateway.objects(self.bucket)
        self.assertIn("backups/web/perdure", objects)
        self.assertTrue(all(o.startswith("backups/web/") for o in objects), objects)

    def test_an_endpoint_from_the_environment(self):
        self.env["PERDURE_REPOSITORY"] = f"s3://{self.bucket}/p"
        self.env["AWS_ENDPOINT_URL_S3"] = self.gateway.endpoint
        self.init_at()
        self.backup(self.tree)
        self.assertIn("p/perdure", self.gateway.objects(self.bucket))

    def test_two_repositories_in_one_bucket_do_not_see_each_other(self):
        self.init_at()
        self.backup(self.tree)
        other = {"PERDURE_REPOSITORY": self.gateway.location(self.bucket, "backups/web2")}
        self.init_at(env=other)
        self.assertEqual(self.json("list", env=other).of_type("point"), [])
        self.assertEqual(len(self.points()), 1)

    def test_credentials_of_profiles_and_processes(self):
        home = self.dir / "home/.aws"
        home.mkdir()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del self.env[name]
        (home / "credentials").write_text("[backup]\naws_access_key_id = root\naws_secret_access_key = secret\n")
        self.init_at(env={"AWS_PROFILE": "backup"})
        (home / "config").write_text(
            "[profile tool]\ncredential_process = printf '{\"Version\":1,\"AccessKeyId\":\"root\",\"SecretAccessKey\":\"secret\"}'\n")
        self.json("list", "-o", "s3.profile=tool")
        self.fails("list", "-o", "s3.profile=nobody", code=1, says='no profile "nobody"')

    def test_a_profile_names_the_server(self):
        home = self.dir / "home/.aws"
        home.mkdir()
        (home / "config").write_text(f"[profile here]\nendpoint_url = {self.gateway.endpoint}\n")
        self.init_at()
        env = {"PERDURE_REPOSITORY": f"s3://{self.bucket}/backups/web"}
        self.json("list", env={**env, "AWS_PROFILE": "here"})

    def test_settings_reach_the_server(self):
        self.init_at(env={"PERDURE_OPTIONS": "s3.acl=bucket-owner-full-control,s3.storage-class=STANDARD_IA"})
        self.backup(self.tree, "-o", "s3.encryption=AES256", "-o", "s3.connections=2")
        self.fails("list", "-o", "s3.colour=red", code=1, says="s3.colour=red: there is no such setting")
        self.fails("list", "-o", "s3.other-storage-class=GLACIER", code=1, says="readable at once")

    def test_the_summary_counts_what_was_asked(self):
        self.init_at()
        summary = self.backup(self.tree)
        traffic = summary["traffic"]
        self.assertGreater(traffic["sent"], 3_000_000)
        self.assertEqual(traffic["requests"], traffic["writes"] + traffic["reads"] + traffic["removals"])
        self.assertEqual(traffic["retries"], 0)
        self.assertGreater(traffic["cost"], 0)
        text = self.run_program("backup", self.tree).out
        self.assertRegex(text, r"store: +\d+ requests, .*USD")

    def test_the_number_of_requests_does_not_grow_with_files(self):
        many = self.make_tree({f"d{i // 50}/f{i}": os.urandom(2000) for i in range(1000)}, "many")
        self.count_requests(self.tree, many, "plain")
        self.gateway.keep_versions(self.bucket)
        self.count_requests(self.tree, many, "versions")

    def count_requests(self, few, many, prefix):
        """A first backup of few files and one of many differ by packs; and later ones do not grow."""
        where = [{"PERDURE_REPOSITORY": self.gateway.location(self.bucket, f"{prefix}{i}")} for i in range(2)]
        counts = []
        for tree, env in zip((few, many), where):
            self.init_at(env=env)
            counts.append([self.json("backup", tree, env=env).one("summary")["traffic"] for _ in range(4)])
        for of_few, of_many in zip(*counts):
            self.assertLessEqual(abs(of_many["requests"] - of_few["requests"]), 3)
            self.assertLessEqual(of_many["requests"], 40)
            self.assertEqual(of_many["removals"], 0)
        # Who stores something looks what the runs since the last one that did have stored.
        (many / "d0/f0").write_bytes(b"changed")
        self.assertLessEqual(self.json("backup", many, env=where[1]).one("summary")["traffic"]["requests"], 60)
        restored = self.json("restore", f"latest:{many}", "--target", self.dir / f"out-{prefix}", env=where[1])
        self.assertLessEqual(restored.one("summary")["traffic"]["requests"], 60)
        self.assertLess(restored.one("summary")["traffic"]["received"], 1.1 * 2_000_000 + 300_000)

    def test_an_upload_limit_is_kept(self):
        self.init_at()
        begun = time.monotonic()
        self.backup(self.tree, "--limit-upload", "1024")
        self.assertGreater(time.monotonic() - begun, 2.0)
        begun = time.monotonic()
        self.run_program("restore", "latest", "--target", self.dir / "out", "--limit-download", "1024")
        self.assertGreater(time.monotonic() - begun, 2.0)

    def test_an_estimate_says_what_a_backup_would_cost(self):
        self.init_at()
        summary = self.json("backup", "--estimate", self.tree).one("summary")
        self.assertTrue(summary["dry_run"])
        self.assertGreater(summary["estimate"]["requests"], 3)
        self.assertGreater(summary["estimate"]["month"], 0)
        self.assertEqual(self.points(), [])
        prices = self.dir / "prices.json"
        prices.write_text(self.run_program("store", "prices").out.replace('"USD"', '"Taler"'))
        text = self.run_program("backup", "--estimate", self.tree, env={"PERDURE_PRICES": str(prices)}).out
        self.assertIn("Taler", text)
        prices.write_text("{")
        self.fails("backup", "--estimate", self.tree, env={"PERDURE_PRICES": str(prices)}, code=1, says="prices.json")


class Collections(S3Test):
    def test_space_is_freed_and_the_rest_restores(self):
        self.free_space()

    def test_space_is_freed_where_versions_are_kept(self):
        self.gateway.keep_versions(self.bucket)
        self.free_space()

    def free_space(self):
        self.init_at()
        for _ in range(3):
            (self.tree / "passing.bin").write_bytes(os.urandom(3_000_000))
            self.backup(self.tree)
        (self.tree / "passing.bin").write_bytes(b"short")
        self.backup(self.tree)
        self.run_program("forget", "--keep-last", "1")
        freed = self.json("gc", "--now").one("summary")["freed"]
        self.assertGreater(freed["bytes"], 8_000_000)
        self.assertLess(self.json("stats").one("stats")["prefixes"]["packs"]["bytes"], 4_000_000)
        self.run_program("restore", f"latest:{self.tree}", "--target", self.dir / "out", "--no-cache")
        self.assertEqual(content_of(self.dir / "out"), content_of(self.tree))
        self.assertEqual(self.json("check", "--level", "deep").one("summary")["problems"], 0)
        self.backup(self.tree, "--force")
        self.assertEqual(len(self.points()), 2)


class FromPlaceToPlace(S3Test):
    """Copies, replicas, repairs and archives, between a bucket and a directory, and between buckets."""

    def setUp(self):
        super().setUp()
        self.init_at()
        self.first = self.backup(self.tree)["point"]
        (self.tree / "sub/b.txt").write_text("changed\n")
        self.second = self.backup(self.tree)["point"]
        self.other_bucket = f"other-{self.bucket}"
        self.gateway.make_bucket(self.other_bucket)
        self.places = {"bucket": self.gateway.location(self.other_bucket), "directory": str(self.dir / "other")}

    def expect_restores(self, where, name, env=None):
        self.run_program("restore", f"latest:{self.tree}", "-r", where, "--target", self.dir / name, "--no-cache", env=env)
        self.assertEqual(content_of(self.dir / name), content_of(self.tree))
        self.assertEqual(self.json("check", "-r", where, "--level", "deep", env=env).one("summary")["problems"], 0)

    def test_copies_with_keys_of_their_own(self):
        for name, where in self.places.items():
            other = {"PERDURE_PASSWORD": "another horse"}
            self.run_program("init", "-r", where, env=other)
            self.env["PERDURE_TO_PASSWORD"] = other["PERDURE_PASSWORD"]
            self.run_program("copy", "--to", where)
            self.assertEqual(len(self.json("list", "-r", where, env=other).of_type("point")), 2)
            self.expect_restores(where, name, env=other)
            self.run_program("copy", "--to", where, "--limit-upload", "100000")
            self.assertEqual(len(self.json("list", "-r", where, env=other).of_type("point")), 2)

    def test_replicas_and_repairs_from_them(self):
        for name, where in self.places.items():
            self.run_program("-r", where, "init", "--replica-of", self.env["PERDURE_REPOSITORY"])
            self.run_program("copy", "--to", where)
            self.expect_restores(where, name)
        victims = [o for o in self.gateway.objects(self.bucket) if "/packs/" in o or "/points/" in o or "/index/" in o]
        for number, (name, where) in enumerate(self.places.items()):
            for victim in victims[number::2]:
                self.gateway.path(victim, self.bucket).write_bytes(b"destroyed")
            self.run_program("repair", "--from", where, code=None)
            self.expect_restores(self.env["PERDURE_REPOSITORY"], f"repaired-{name}")
        self.assertLessEqual({self.first, self.second}, {p["id"] for p in self.points()})

    def test_archives_go_into_objects_and_come_back(self):
        for number, words in enumerate((["--archive=tar.zst"], ["--archive=tar"])):
            where = self.gateway.location(self.other_bucket, f"archives/{number}.tar")
            self.run_program("dump", *words, "--to", where, f"{self.second}:{self.tree}")
            self.fails("dump", *words, "--to", where, f"{self.second}:{self.tree}", code=1, says="is there already")
            path = self.gateway.path(f"archives/{number}.tar", self.other_bucket)
            point = self.json("import", "tar", path, "--path", f"/again{number}").one("summary")["point"]
            out = self.dir / f"again{number}"
            self.run_program("restore", point, "--target", out, code=None)
            restored = next(out.rglob("a.txt")).parent
            self.assertEqual((restored / "big.bin").read_bytes(), (self.tree / "big.bin").read_bytes())
            self.assertEqual((restored / "sub/b.txt").read_text(), "changed\n")

    def test_an_archive_larger_than_a_part_and_one_that_fails(self):
        with open(self.tree / "large.bin", "wb") as large:
            for _ in range(40):
                large.write(os.urandom(1_000_000))
        self.backup(self.tree)
        where = self.gateway.location(self.other_bucket, "archives/large.tar")
        self.run_program("dump", "--archive=tar", "--to", where, f"latest:{self.tree}")
        listing = subprocess.run(["tar", "-tf", self.gateway.path("archives/large.tar", self.other_bucket)],
                                 check=True, capture_output=True, text=True).stdout
        self.assertIn("large.bin", listing)
        self.fails("dump", "--archive", "--to", self.gateway.location("nosuchbucket", "x.tar"), "latest", code=1,
                   says="(?s)NoSuchBucket.*next: check the bucket's name")
        self.fails("dump", "--archive", "--to", f"s3:{self.gateway.endpoint}/{self.other_bucket}", "latest", code=1,
                   says="(?s)names no object.*next: write s3://")
        # What breaks off leaves nothing behind, not even parts.
        for pack in [o for o in self.gateway.objects(self.bucket) if "/packs/default/d/" in o]:
            self.gateway.path(pack, self.bucket).unlink()
        self.run_program("dump", "--archive", "--to", self.gateway.location(self.other_bucket, "broken.tar"), "latest",
                         code=None)
        uploads = self.gateway.request("GET", self.other_bucket, [("uploads", "")]).decode()
        self.assertNotIn("broken.tar</Key>", uploads)


class Versions(S3Test):
    def setUp(self):
        super().setUp()
        self.gateway.keep_versions(self.bucket)
        self.init_at()
        self.backup(self.tree)

    def names_that_decide(self):
        return [o for o in self.gateway.objects(self.bucket)
                if o.split("/")[2] in ("epochs", "writers", "log", "points", "index")]

    def test_what_is_overwritten_or_deleted_is_still_there(self):
        names = self.names_that_decide()
        self.assertGreater(len(names), 4)
        for number, name in enumerate(names):
            if number % 2:
                self.gateway.request("PUT", f"{self.bucket}/{name}", body=b"garbage")
            else:
                self.gateway.request("DELETE", f"{self.bucket}/{name}")
        self.assertEqual(len(self.points()), 1)
        self.run_program("restore", f"latest:{self.tree}", "--target", self.dir / "out", "--no-cache")
        self.assertEqual(content_of(self.dir / "out"), content_of(self.tree))
        (self.tree / "new").write_text("new\n")
        self.backup(self.tree)
        self.assertEqual(len(self.points()), 2)

    def test_a_deleted_number_does_not_become_free(self):
        point = next(o for o in self.gateway.objects(self.bucket) if "/points/" in o)
        self.gateway.request("DELETE", f"{self.bucket}/{point}")
        before = self.points()[0]["id"]
        self.backup(self.tree)
        points = [p["id"] for p in self.points()]
        self.assertEqual(len(points), 2)
        self.assertIn(before, points)


class Buckets(S3Test):
    def test_init_makes_a_bucket_that_keeps_versions(self):
        where = {"PERDURE_REPOSITORY": self.gateway.location(f"new-{self.bucket}")}
        made = self.json("init", "--create-bucket", env=where).one("init")
        self.assertIs(made["bucket"]["versions kept"], True)
        self.assertIs(made["probe"]["keeps_versions"], True)
        self.json("backup", self.tree, env=where)
        stats = self.json("stats", env=where).one("stats")
        self.assertIs(stats["store"]["probe"]["conditional_create"], True)
        self.fails("init", "--create-bucket", env=where, code=1, says="BucketAlready")
        self.fails("init", "--create-bucket", "-r", self.dir / "local", code=1, says="for buckets in S3")

    def test_the_probe_says_what_a_credential_can_do(self):
        self.init_at()
        probe = self.json("store", "probe").one("probe")
        self.assertIs(probe["conditional_create"], True)
        self.assertIs(probe["checks_sums"], True)
        self.assertIs(probe["overwrites"], True)
        self.assertIs(probe["deletes"], True)
        self.assertIs(probe["keeps_versions"], False)
        self.assertIs(probe["destroyable"], True)
        self.assertIs(self.backup(self.tree)["destroyable"], True)
        self.assertIn("warning: whoever has this machine's credential", self.run_program("backup", self.tree).out)
        local = self.json("store", "probe", self.make_local()).one("probe")
        self.assertIs(local["conditional_create"], True)
        self.assertIs(local["destroyable"], True)

    def make_local(self):
        where = self.dir / "local"
        self.json("init", "-r", where)
        return where

    def test_a_writer_needs_no_more_than_its_policy(self):
        """But for the condition on If-None-Match, which this server does not know."""
        self.gateway.keep_versions(self.bucket)
        self.init_at()
        statements = json.loads(self.run_program("iam", "policy", "--role", "writer", "--writer", "1").out)["Statement"]
        self.gateway.add_user(f"writer{self.bucket}", "usersecret")
        for statement in statements:
            del statement["Sid"]
            statement["Principal"] = {"AWS": [f"writer{self.bucket}"]}
            if "Null" in statement.get("Condition", {}):
                del statement["Condition"]
        self.gateway.set_policy(statements, self.bucket)
        env = self.gateway.environment(f"writer{self.bucket}", "usersecret")
        del self.env["PERDURE_PASSWORD"]
        self.json("backup", self.tree, env=env)
        (self.tree / "more").write_text("more")
        with open(self.tree / "big.bin", "r+b") as big:
            big.write(b"changed")
        self.assertLess(self.json("backup", self.tree, env=env).one("summary")["new"], 300_000)
        again = self.json("backup", self.tree, "--no-cache", env=env).one("summary")
        self.assertEqual((again["new"], again["traffic"]["removals"]), (0, 0))
        probe = self.json("store", "probe", env=env).one("probe")
        self.assertIs(probe["deletes"], False)
        self.assertIs(probe["destroyable"], False)
        self.assertIs(self.json("backup", self.tree, env=env).one("summary")["destroyable"], False)
        self.fails("key", "writer", "add", "other", "--output", self.dir / "key",
                   env={**env, "PERDURE_PASSWORD": "correct horse"}, code=1, says="/keys/.*s3:GetObject")

    def test_policies_name_bucket_prefix_and_partition(self):
        for role in ("maintainer", "restorer", "auditor"):
            text = self.run_program("iam", "policy", "--role", role, "-r", "s3://bucket/p", "-o", "s3.region=cn-north-1").out
            self.assertIn("arn:aws-cn:s3:::bucket/p/", text)
        self.fails("iam", "policy", "--role", "king", code=1, says="king")
        self.fails("iam", "policy", "--role", "writer", code=1, says="next: .*--writer")
        self.fails("iam", "policy", "--role", "writer", "-r", "/srv", code=1, says="for repositories in S3")


class WhatIsWrong(S3Test):
    def test_no_such_bucket(self):
        nowhere = {"PERDURE_REPOSITORY": self.gateway.location("nosuchbucket")}
        for words in (["init"], ["list"], ["backup", self.tree]):
            self.fails(*words, env=nowhere, code=1, says="NoSuchBucket")
        self.fails("list", env=nowhere, code=1, says="next: check the bucket's name")

    def test_no_repository_in_the_bucket(self):
        self.fails("list", code=10, says="there is no repository at s3:http")

    def test_a_location_that_cannot_be_right(self):
        for location, says in (("s3://UPPER/x", "is not a bucket"), ("s3:https://host", "bucket"), ("s3:", "bucket")):
            self.fails("list", "-r", location, code=1, says=says)

    def test_each_verb_that_is_denied_is_named(self):
        self.init_at()
        self.backup(self.tree)
        for number, action in enumerate(["s3:GetObject", "s3:ListBucket", "s3:PutObject"]):
            allowed = [a for a in ALL if a != action]
            env = self.as_user(allowed, f"user{self.bucket}{number}")
            result = self.run_program("backup", self.tree, "--force", env=env, code=None) \
                if action != "s3:ListBucket" else self.run_program("list", env=env, code=None)
            self.assertEqual(result.code, 1, result.err)
            self.assertIn(action, result.err)
            self.assertRegex(result.err, rf"next: allow {action} to this credential")

    def test_wrong_keys(self):
        self.fails("list", env={"AWS_SECRET_ACCESS_KEY": "wrong"}, code=1,
                   says="(?s)SignatureDoesNotMatch.*next: check the access key and its secret")
        self.fails("list", env={"AWS_ACCESS_KEY_ID": "nobody"}, code=1,
                   says="(?s)InvalidAccessKeyId.*next: check the access key")

    def test_no_credentials(self):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del self.env[name]
        self.fails("list", code=1, says="(?s)looking for AWS credentials.*next: set AWS_PROFILE")
        del self.env["AWS_EC2_METADATA_DISABLED"]
        self.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
        self.fails("list", code=1, says="(?s)no metadata service answers.*next: set AWS_PROFILE")

    def test_a_region_that_is_not_the_buckets_is_learnt(self):
        self.init_at(env={"AWS_REGION": "eu-west-3"})
        self.backup(self.tree, "-o", "s3.region=ap-south-1")

    def test_tls(self):
        key, certificate = self.dir / "key.pem", self.dir / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        gateway = Gateway(certificate=(certificate, key))
        self.addCleanup(gateway.stop)
        gateway.make_bucket("secure")
        self.env["PERDURE_REPOSITORY"] = gateway.location("secure")
        self.fails("init", code=1, says="(?s)certificate.*next: .*AWS_CA_BUNDLE")
        self.fails("init", "--cacert", self.dir / "none.pem", code=1, says="none.pem")
        self.init_at(env={"AWS_CA_BUNDLE": str(certificate)})
        self.json("backup", self.tree, "--cacert", certificate)
        plain = gateway.location("secure").replace("https:", "http:")
        self.assertRegex(self.run_program("list", "-r", plain, "-o", "s3.attempts=1", code=None).err,
                         "(?s)next: .*https")

    def test_something_else_is_at_the_endpoint(self):
        class Pages(BaseHTTPRequestHandler):
            def do_GET(self):
                page = b"<html>no such page</html>"
                self.send_response(404)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(page)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Pages)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.fails("list", "-r", f"s3:http://127.0.0.1:{server.server_port}/bucket/p", code=1,
                   says="(?s)HTTP 404.*next: .*check the endpoint")
        self.fails("list", "-r", self.env["PERDURE_REPOSITORY"].replace("http:", "https:"), code=1,
                   says="(?s)next: check the port, and whether the server speaks TLS")

    def test_a_request_is_not_tried_for_ever(self):
        begun = time.monotonic()
        self.fails("list", "-r", f"s3:http://127.0.0.1:{free_port()}/bucket", "-o", "s3.attempts=256",
                   "-o", "s3.timeout=2", code=1, says="(?s)connect.*next: check the address")
        self.assertLess(time.monotonic() - begun, 10)
        self.fails("list", "-o", "s3.timeout=soon", code=1, says="s3.timeout")

    def test_nobody_there(self):
        quick = ["list", "-o", "s3.attempts=2"]
        self.fails(*quick, "-r", f"s3:http://127.0.0.1:{free_port()}/bucket", code=1,
                   says="(?s)connect.*next: check the address")
        self.fails(*quick, "-r", "s3:http://no-such-host.invalid/bucket", code=1,
                   says="(?s)no-such-host.invalid.*next: check the host's name, this machine's DNS")

    def test_a_proxy_is_used_and_named(self):
        seen = []

        class Proxy(BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(self.path)
                self.send_response(502)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        proxy = f"http://127.0.0.1:{server.server_port}"
        self.run_program("list", "-r", "s3:http://behind.example/bucket", "-o", "s3.attempts=1",
                         env={"http_proxy": proxy}, code=None)
        self.assertTrue(seen and seen[0].startswith("http://behind.example/bucket/"), seen)
        self.fails("list", "-r", "s3:http://behind.example/bucket", "-o", "s3.attempts=1",
                   env={"http_proxy": "http://no-such-proxy.invalid:1"}, code=1, says="(?i)proxy")


class WrongServers(WrongServerTest):
    """What no real server here does on demand."""

    def test_one_that_ignores_conditions_is_found_out(self):
        self.server.honours_conditions = False
        probe = self.json("store", "probe", self.server.location()).one("probe")
        self.assertIs(probe["conditional_create"], False)
        self.assertIn("two hosts", self.run_program("store", "probe", self.server.location()).out)

    def test_a_clock_that_differs_is_corrected(self):
        self.server.clock_ahead = 3600
        def skew(request):
            signed = calendar.timegm(time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))
            if abs(signed - time.time() - self.server.clock_ahead) > 900:
                return 403, "RequestTimeTooSkewed", {}
            return None
        self.server.fault = skew
        self.json("init")
        self.backup(self.tree)

    def test_an_expired_token_is_said(self):
        self.server.fault = lambda _: (400, "ExpiredToken", {})
        self.fails("list", code=1, says="(?s)ExpiredToken.*next: the credentials have expired")

    def test_a_throttled_run_goes_on(self):
        self.json("init")
        count = [0]
        def slow(_):
            count[0] += 1
            return (503, "SlowDown", {}) if count[0] % 5 == 0 else None
        self.server.fault = slow
        self.assertGreater(self.backup(self.tree)["traffic"]["retries"], 0)

    def test_a_wrong_region_that_cannot_be_learnt_is_said(self):
        self.server.fault = lambda _: (301, "PermanentRedirect", {})
        self.fails("list", code=1, says="(?s)PermanentRedirect.*next: check AWS_REGION")

    def test_an_archived_pack_is_said(self):
        self.json("init")
        self.backup(self.tree)
        self.server.fault = lambda r: (403, "InvalidObjectState", {}) if "/d/" in r.path else None
        result = self.run_program("restore", "latest", "--target", self.dir / "out", "--no-cache", code=None)
        self.assertNotEqual(result.code, 0)
        self.assertIn("InvalidObjectState", result.err)


if __name__ == "__main__":
    unittest.main()
