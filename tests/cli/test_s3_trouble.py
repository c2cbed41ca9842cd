"""What goes wrong between a machine and S3: each is said by its name, with what to do, and loses nothing."""

import datetime
import json
import os
import subprocess
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cloud_test import EVERYTHING, CloudTest, WrongServerTest
from cloudsim import ACCOUNT
from gateway import Gateway
from harness import CliTest
from wrong_server import WrongServer


class TroubleTest(CloudTest):
    def fault(self, **rule):
        self.cloud.admin("PUT", "faults", rule)

    def no_faults(self):
        self.cloud.admin("DELETE", "faults")

    def calls(self):
        return self.cloud.admin("GET", "calls")["calls"]

    def change(self):
        (self.tree / "a.txt").write_bytes(os.urandom(100_000))

    def expect_all_is_well(self, points):
        self.assertEqual(len(self.points()), points)
        self.run_program("restore", f"latest:{self.tree}", "--target", self.dir / "well", "--no-cache")
        subprocess.run(["rm", "-rf", self.dir / "well"], check=True)
        self.assertEqual(self.json("check", "--level", "deep").one("summary")["problems"], 0)


class Denials(TroubleTest):
    """Every command by a user who may do all but one thing, from the beginning or from the middle on."""

    # What a command needs, and therefore has to name when it is refused. `gc` deletes.
    NEEDS = {
        "init": ["s3:PutObject", "s3:GetObject"],
        "backup": ["s3:PutObject", "s3:GetObject"],
        "restore": ["s3:GetObject", "s3:GetObjectVersion"],
        "list": ["s3:GetObject", "s3:GetObjectVersion"],
        "check": ["s3:GetObject", "s3:GetObjectVersion"],
        "forget": ["s3:PutObject", "s3:GetObject", "s3:GetObjectVersion"],
        "gc": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:GetObjectVersion"],
    }

    def words(self, command):
        return {"init": ["init"], "backup": ["backup", self.tree, "--force"], "list": ["list"],
                "restore": ["restore", "latest", "--target", self.dir / "out"],
                "check": ["check", "--level", "deep", "--no-record"], "forget": ["forget", "--keep-last", "1"],
                "gc": ["gc", "--now"]}[command]

    def all_but(self, action):
        policy = json.loads(json.dumps(EVERYTHING))
        policy["Statement"].append({"Effect": "Deny", "Action": action, "Resource": "*"})
        return policy

    def test_each_verb_denied_to_each_command_is_named(self):
        self.json("init", "--create-bucket")
        for _ in range(2):
            (self.tree / "passing.bin").write_bytes(os.urandom(500_000))
            self.backup(self.tree)
        (self.tree / "passing.bin").unlink()
        self.backup(self.tree)
        points = 3
        for command, actions in self.NEEDS.items():
            for action in actions:
                with self.subTest(command=command, action=action):
                    points = self.one_denial(command, action, points)
        self.expect_all_is_well(points)

    def one_denial(self, command, action, points):
        user = f"{command}-{action[3:].lower()}"
        self.cloud.add_users({user: self.all_but(action)})
        env = self.cloud.environment(user, "usersecret")
        if command == "init":
            env["PERDURE_REPOSITORY"] = self.cloud.location("bucket", "elsewhere")
        if command == "gc":  # something to delete
            self.run_program("forget", "--keep-last", "2", code=None)
            points = len(self.points())
        before = len(self.calls())
        result = self.run_program(*self.words(command), env=env, code=None, timeout=120)
        self.assertIn(result.code, (1, 3), result.out + result.err)
        self.assertIn(action, result.out + result.err)
        self.assertIn("AccessDenied", result.out + result.err)
        refused = [c for c in self.calls()[before:] if c["status"] == 403]
        self.assertLess(len(refused), 60, "what is forbidden is not tried again and again")
        return points

    def test_rights_that_are_lost_in_the_middle(self):
        self.json("init", "--create-bucket")
        self.backup(self.tree)
        for operation in ("PutObject", "GetObject"):
            for skip in (1, 3, 5):
                self.fault(fault="status", status=403, code="AccessDenied", operation=operation, skip=skip)
                self.change()
                result = self.run_program("backup", self.tree, "--no-cache", code=None)
                self.no_faults()
                if result.code != 0:
                    self.assertIn("AccessDenied", result.err)
                    self.assertRegex(result.err, "next: ")
        self.backup(self.tree)
        self.expect_all_is_well(len(self.points()))

    def test_objects_that_may_not_be_read_cost_room_and_are_counted(self):
        self.json("init", "--create-bucket")
        self.backup(self.tree)
        # Without its cache, whose manifests are the only ones who know what is stored.
        self.fault(fault="status", status=403, code="AccessDenied", operation="GetObject", key_prefix="backups/web/packs/")
        self.fault(fault="status", status=403, code="AccessDenied", operation="GetObject", key_prefix="backups/web/hints/")
        summary = self.json("backup", self.tree, "--no-cache").one("summary")
        self.assertGreater(summary["unread_history"], 0)
        self.assertGreater(summary["new"], 1_000_000)
        text = self.run_program("backup", self.tree, "--no-cache").out
        self.assertRegex(text, "warning: .* of earlier backups could not be read.*AccessDenied")
        self.no_faults()
        self.assertEqual(self.json("backup", self.tree).one("summary")["unread_history"], 0)


class Expiry(TroubleTest):
    def assume(self):
        self.cloud.make_bucket()
        self.cloud.add_users({"host": EVERYTHING})
        self.cloud.add_role("backup", EVERYTHING, {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/host"}, "Action": "sts:AssumeRole"}]})
        self.env.update(self.cloud.environment("host", "usersecret"))
        self.env["AWS_ENDPOINT_URL_STS"] = self.cloud.endpoint
        return ["-o", f"s3.role-arn=arn:aws:iam::{ACCOUNT}:role/backup"]

    def test_a_session_that_expires_in_the_middle_is_renewed(self):
        role = self.assume()
        self.json("init", *role)
        for skip in (1, 3, 8):
            before = len(self.calls())
            self.fault(fault="status", status=400, code="ExpiredToken", service="s3", skip=skip, times=1)
            self.change()
            self.json("backup", self.tree, *role)
            self.no_faults()
            assumed = [c for c in self.calls()[before:] if c["operation"] == "AssumeRole"]
            self.assertEqual(len(assumed), 2)
        self.assertEqual(len(self.json("list", *role).of_type("point")), 3)

    def test_keys_that_expire_for_good_are_said(self):
        self.json("init", "--create-bucket")
        self.fault(fault="status", status=400, code="ExpiredToken", service="s3", skip=6)
        self.fails("backup", self.tree, code=1, says="(?s)ExpiredToken.*next: the credentials have expired")
        self.no_faults()
        self.backup(self.tree)
        self.expect_all_is_well(1)

    def test_clocks_that_differ_are_allowed_for_and_told(self):
        role = self.assume()
        self.json("init", *role)
        for seconds in (-7200, 7200):
            self.cloud.admin("PUT", "clock", {"skew_seconds": seconds})
            self.change()
            before = len(self.calls())
            summary = self.json("backup", self.tree, *role).one("summary")
            self.assertAlmostEqual(summary["traffic"]["clock_ahead_s"], seconds, delta=30)
            assumed = [c for c in self.calls()[before:] if c["operation"] == "AssumeRole" and c["status"] == 200]
            self.assertEqual(len(assumed), 1, "credentials that seem to have expired are not renewed for each request")
            word = "behind" if seconds > 0 else "ahead of"
            self.assertRegex(self.run_program("backup", self.tree, *role).out, f"warning: this machine's clock is .* {word}")


class Lifecycle(TroubleTest):
    def rule(self, content, name="tidy"):
        self.cloud.request("PUT", "bucket", [("lifecycle", "")], f"""
            <LifecycleConfiguration><Rule><ID>{name}</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>
            {content}</Rule></LifecycleConfiguration>""".encode())

    def test_rules_that_delete_are_named_by_init_probe_check_and_backup(self):
        self.cloud.make_bucket()
        self.rule("<Expiration><Days>90</Days></Expiration>")
        text = self.run_program("init").out
        self.assertIn('DANGER: the lifecycle rule "tidy" deletes objects after 90 days', text)
        self.assertIn("DANGER", self.run_program("backup", self.tree).out)
        self.rule("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>", "short")
        self.assertIn('"short" lets go of what was overwritten', self.run_program("store", "probe").out)
        self.rule("<Expiration><Days>30</Days></Expiration>", "later")
        check = self.json("check")
        self.assertEqual(check.one("summary")["dangers"], ['the lifecycle rule "later" deletes objects after 30 days'])
        self.assertIn('DANGER: the lifecycle rule "later"', self.run_program("check").out)
        # What the check saw is what backups say from then on.
        self.assertIn('"later"', self.run_program("backup", self.tree).out)


class Storms(TroubleTest):
    def test_a_store_that_has_too_much_to_do_is_not_asked_three_times_as_much(self):
        self.json("init", "--create-bucket")
        self.backup(self.tree)
        self.change()
        before = len(self.calls())
        self.fault(fault="status", status=503, code="SlowDown")
        result = self.run_program("backup", self.tree, "-o", "s3.timeout=5", code=1, timeout=300)
        self.assertIn("SlowDown", result.err)
        self.no_faults()
        asked = len(self.calls()) - before
        self.assertLess(asked, 60)
        # Half of all requests fail: the work gets done, or is given up, within three times the requests.
        self.change()
        before = len(self.calls())
        quiet = self.json("backup", self.tree).one("summary")["traffic"]["requests"]
        self.fault(fault="status", status=503, code="SlowDown", probability=0.3, seed=7)
        self.change()
        before = len(self.calls())
        self.run_program("backup", self.tree, code=None, timeout=300)
        self.no_faults()
        self.assertLessEqual(len(self.calls()) - before, 3 * quiet + 20)
        self.backup(self.tree)
        self.expect_all_is_well(len(self.points()))


class Uploads(TroubleTest):
    def test_an_archive_whose_last_answer_is_lost_or_wrong_is_whole(self):
        self.json("init", "--create-bucket")
        self.backup(self.tree)
        expected = self.run_program("dump", "--archive=tar", f"latest:{self.tree}").raw
        for number, rule in enumerate(({"fault": "lose"}, {"fault": "error-in-body"},
                                       {"fault": "status-after", "status": 500, "code": "InternalError"},
                                       {"fault": "status", "status": 503, "code": "SlowDown"})):
            for operation in ("CompleteMultipartUpload", "UploadPart", "CreateMultipartUpload"):
                if rule["fault"] == "error-in-body" and operation != "CompleteMultipartUpload":
                    continue
                with self.subTest(rule=rule, operation=operation):
                    self.fault(operation=operation, times=1, **rule)
                    name = f"archives/{number}-{operation.lower()}.tar"
                    self.run_program("dump", "--archive=tar", "--to", self.cloud.location("bucket", name), f"latest:{self.tree}")
                    self.no_faults()
                    self.assertEqual(self.cloud.request("GET", f"bucket/{name}"), expected)

    def test_one_that_is_refused_leaves_no_parts(self):
        self.json("init", "--create-bucket")
        self.backup(self.tree)
        self.fault(fault="status", status=403, code="AccessDenied", operation="CompleteMultipartUpload")
        self.fails("dump", "--archive", "--to", self.cloud.location("bucket", "archives/x.tar"), "latest", code=1,
                   says="(?s)AccessDenied.*next: allow s3:PutObject")
        self.no_faults()
        self.assertNotIn("x.tar", self.cloud.request("GET", "bucket", [("uploads", "")]).decode())


class Listings(WrongServerTest):
    """Answers that are no listing, or less than one."""

    def setUp(self):
        super().setUp()
        self.json("init")
        self.backup(self.tree)
        (self.tree / "a").write_text("two\n")
        self.backup(self.tree)

    def with_listing(self, change):
        whole = self.server.listing
        self.server.listing = lambda prefix: change(whole(prefix))
        self.addCleanup(setattr, self.server, "listing", whole)

    def test_one_that_is_cut_short_is_not_taken_for_a_shorter_one(self):
        for keep in (0.3, 0.6, 0.9):
            self.with_listing(lambda text: text[:int(len(text) * keep)])
            self.fails("list", code=1, says="(?s)no listing of S3, or was cut short.*next: ")
            self.fails("gc", "--now", code=1, says="cut short")

    def test_rubbish_is_said(self):
        for rubbish in (b"", b"\\0\\1\\2", b"<html><body>login</body></html>", b"{}", b"<ListBucketResult/>"):
            self.with_listing(lambda _: rubbish)
            self.fails("list", code=1, says="(?s)no listing of S3.*next: check the endpoint")

    def test_one_that_never_ends_is_given_up(self):
        again = (b"<IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken>"
                 b"<NextKeyMarker>a</NextKeyMarker><NextVersionIdMarker>b</NextVersionIdMarker></List")
        self.with_listing(lambda text: text.replace(b"<IsTruncated>false</IsTruncated>", b"").replace(b"</List", again))
        self.fails("list", code=1, says="(?s)goes round in circles.*next: check the endpoint")

    def test_a_bucket_without_conditional_writes_is_refused_to_writers(self):
        self.server.honours_conditions = False
        self.fails("backup", self.tree, code=1, says="(?s)does not refuse to create an object twice.*next: use a store")
        self.assertEqual(len(self.points()), 2)

    def test_a_server_that_goes_away_in_the_middle(self):
        left = [6]

        def leave(request):
            left[0] -= 1
            if left[0] < 0:
                request.close_connection = True
                return 503, "ServiceUnavailable", {}
            return None

        (self.tree / "a").write_bytes(os.urandom(100_000))
        self.server.fault = leave
        self.fails("backup", self.tree, "-o", "s3.attempts=2", code=1, says="(?s)503 ServiceUnavailable")
        self.server.fault = lambda _: None
        self.backup(self.tree)
        self.assertEqual(len(self.points()), 3)


class Names(CliTest):
    """A name that stops resolving in the middle of a run, by a proxy that forgets it."""

    def test_a_name_that_is_lost_in_the_middle(self):
        server = WrongServer()
        self.addCleanup(server.stop)
        server.honours_conditions = True
        left = [10**9]

        class Proxy(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self):
                left[0] -= 1
                if left[0] < 0:  # as squid says it
                    page = b"<html>ERR_DNS_FAIL</html>"
                    self.send_response(503)
                    self.send_header("Content-Length", str(len(page)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(page)
                    return
                self.path = "/" + self.path.split("/", 3)[3]
                server.answer(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = pass_on

            def log_message(self, *_):
                pass

        proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        self.env.update({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
                         "http_proxy": f"http://127.0.0.1:{proxy.server_port}",
                         "PERDURE_REPOSITORY": "s3:http://storage.example/bucket/p"})
        tree = self.make_tree({"a": "one\n"})
        self.json("init")
        self.backup(tree)
        left[0] = 5
        (tree / "a").write_text("two\n")
        self.fails("backup", tree, "-o", "s3.attempts=2", code=1, says="(?s)HTTP 503.*next: the answer is not S3's.*prox")
        left[0] = 10**9
        self.backup(tree)
        self.assertEqual(len(self.points()), 2)
        # Excepted from the proxy, the name is looked up here, where there is none.
        self.fails("list", "-o", "s3.attempts=2", env={"no_proxy": "storage.example"}, code=1,
                   says="(?s)storage.example.*next: check the host's name, this machine's DNS")


class Certificates(CliTest):
    """What a certificate can be wrong in; the right one is in test_s3."""

    def make(self, name, *more):
        key, certificate = self.dir / f"{name}.key", self.dir / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-subj", f"/CN={name}", *more], check=True, capture_output=True)
        return certificate, key

    def serve(self, certificate, key):
        gateway = Gateway(certificate=(certificate, key))
        self.addCleanup(gateway.stop)
        gateway.make_bucket("secure")
        self.env.update(gateway.environment())
        return gateway.location("secure")

    def test_one_of_another_host(self):
        certificate, key = self.make("other.example", "-days", "2", "-addext", "subjectAltName=DNS:other.example")
        self.fails("list", "-r", self.serve(certificate, key), "--cacert", certificate, "-o", "s3.attempts=2", code=1,
                   says="(?s)(name|match).*next: ")

    def test_one_that_has_expired(self):
        certificate, key = self.make("127.0.0.1", "-days", "1", "-addext", "subjectAltName=IP:127.0.0.1")
        request = self.dir / "request"
        subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=127.0.0.1", "-out", request], check=True)
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=30)
        config = self.dir / "ca.cnf"
        (self.dir / "index").write_text("")
        (self.dir / "serial").write_text("01\n")
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.dir}/index\nserial={self.dir}/serial\n"
                          f"new_certs_dir={self.dir}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
                          "[e]\nsubjectAltName=IP:127.0.0.1\n")
        old = self.dir / "old.pem"
        stamps = [(past + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in (0, 5)]
        subprocess.run(["openssl", "ca", "-batch", "-config", config, "-selfsign", "-keyfile", key, "-in", request,
                        "-out", old, "-notext", "-startdate", stamps[0], "-enddate", stamps[1], "-extensions", "e"],
                       check=True, capture_output=True)
        self.fails("list", "-r", self.serve(old, key), "--cacert", old, "-o", "s3.attempts=2", code=1,
                   says="(?s)expired.*next: ")


if __name__ == "__main__":
    unittest.main()
