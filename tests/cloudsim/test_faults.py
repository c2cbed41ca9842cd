"""Faults on request: each goes wrong in the way it says, and the call log shows it."""

import http.client
import threading
import time
import urllib.parse
import urllib.request

from botocore.exceptions import (ClientError, ConnectionClosedError, IncompleteReadError,
                                 ReadTimeoutError, ResponseStreamingError)

from harness import CloudSimTest, main

BROKEN = (ConnectionClosedError, ResponseStreamingError, IncompleteReadError)


class Faults(CloudSimTest):
    def test_an_error_before_the_effect(self):
        self.fault(fault="status", operation="PutObject", status=500, code="InternalError", times=1)
        self.refused("InternalError", self.put, "k", status=500)
        self.refused("NoSuchKey", self.get, "k")
        self.put("k")

    def test_an_error_after_the_effect(self):
        self.fault(fault="status-after", operation="PutObject", status=503, code="ServiceUnavailable", times=1)
        self.refused("ServiceUnavailable", self.put, "k", status=503)
        self.assertEqual(self.get("k"), b"x")

    def test_a_lost_answer_and_a_dropped_request_look_alike(self):
        for fault, stored in (("lose", True), ("drop", False)):
            self.fault(fault=fault, operation="PutObject", key=fault, times=1)
            with self.assertRaises(BROKEN):
                self.put(fault)
            self.assertEqual("Contents" in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=fault), stored)

    def test_a_retry_after_a_lost_answer_finds_its_own_work(self):
        self.fault(fault="lose", operation="PutObject", times=1)
        client = self.client("s3", attempts=3)
        with self.assertRaises(ClientError) as caught:
            client.put_object(Bucket=self.bucket, Key="k", Body=b"x", IfNoneMatch="*")
        self.assertEqual(caught.exception.response["Error"]["Code"], "PreconditionFailed")
        self.assertEqual([call["status"] for call in self.calls(operation="PutObject")], [200, 412])

    def test_a_request_that_arrives_twice(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.fault(fault="twice", operation="PutObject", key="plain", times=1)
        self.put("plain")
        self.assertEqual(len(self.s3.list_object_versions(Bucket=self.bucket)["Versions"]), 2)
        self.fault(fault="twice", operation="PutObject", times=1)
        self.refused("PreconditionFailed", self.put, "k", IfNoneMatch="*")
        self.assertEqual(self.get("k"), b"x")
        self.fault(fault="twice-first", operation="PutObject", times=1)
        self.put("k2", IfNoneMatch="*")
        self.assertEqual([call["applied_twice"] for call in self.calls(operation="PutObject")], [True] * 3)

    def test_answers_that_break_off(self):
        self.put("k", b"0123456789" * 1000)
        self.fault(fault="cut-body", operation="GetObject", bytes=5000, times=1)
        with self.assertRaises(BROKEN):
            self.get("k")
        self.fault(fault="cut-head", operation="GetObject", bytes=10, times=1)
        with self.assertRaises(BROKEN):
            self.get("k")
        self.fault(fault="cut-head", operation="ListObjectsV2", bytes=0, times=1)
        with self.assertRaises(BROKEN):
            self.s3.list_objects_v2(Bucket=self.bucket)
        self.assertEqual(len(self.get("k")), 10000)

    def test_a_body_that_is_not_what_was_stored(self):
        self.put("k", b"0123456789")
        self.fault(fault="corrupt-body", operation="GetObject", times=1)
        with self.assertRaisesRegex(Exception, "[Cc]hecksum"):
            self.get("k", ChecksumMode="ENABLED")
        self.fault(fault="wrong-checksum", operation="GetObject", times=1)
        with self.assertRaisesRegex(Exception, "[Cc]hecksum"):
            self.get("k", ChecksumMode="ENABLED")
        self.assertEqual(self.get("k"), b"0123456789")

    def test_stalls_end_with_the_client(self):
        self.put("k")
        self.fault(fault="stall", operation="GetObject", times=1)
        client = self.client("s3", timeout=1)
        with self.assertRaises(ReadTimeoutError):
            client.get_object(Bucket=self.bucket, Key="k")
        self.fault(fault="stall-after", operation="PutObject", key="late", times=1)
        with self.assertRaises(ReadTimeoutError):
            client.put_object(Bucket=self.bucket, Key="late", Body=b"x")
        self.assertEqual(self.get("late"), b"x")

    def test_delays_and_drips(self):
        self.put("k")
        self.fault(fault="delay", operation="GetObject", delay_before_ms=300, delay_after_ms=300, times=1)
        begun = time.monotonic()
        self.get("k")
        self.assertGreater(time.monotonic() - begun, 0.6)
        self.fault(fault="delay", operation="GetObject", drip_ms=1, times=1)
        begun = time.monotonic()
        self.get("k")
        self.assertGreater(time.monotonic() - begun, 0.2)

    def test_an_error_after_200(self):
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k")["UploadId"]
        part = self.s3.upload_part(Bucket=self.bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
        self.fault(fault="error-in-body", operation="CompleteMultipartUpload", code="InternalError", times=1)
        end = {"Bucket": self.bucket, "Key": "k", "UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}
        self.refused("InternalError", self.s3.complete_multipart_upload, **end)
        self.s3.complete_multipart_upload(**end)

    def test_which_calls_a_rule_means(self):
        self.fault(fault="status", key_prefix="log/", operation="PutObject", skip=1, times=2, code="SlowDown", retry_after=7)
        self.put("other")
        self.put("log/1")
        error = self.refused("SlowDown", self.put, "log/2", status=503)
        self.assertEqual(error["ResponseMetadata"]["HTTPHeaders"]["retry-after"], "7")
        self.refused("SlowDown", self.put, "log/3")
        self.put("log/4")
        self.assertEqual(self.admin("GET", "faults")[0]["hits"], 2)
        self.admin("DELETE", "faults")
        self.assertEqual(self.admin("GET", "faults"), [])

    def test_a_seed_draws_the_same_again(self):
        def run():
            self.admin("DELETE", "faults")
            self.fault(fault="status", operation="PutObject", probability=0.3, seed=7)
            results = []
            for number in range(40):
                try:
                    self.put("k")
                    results.append(1)
                except ClientError:
                    results.append(0)
            return results

        first = run()
        self.assertEqual(run(), first)
        self.assertTrue(10 < sum(first) < 40)

    def test_a_rate_above_which_calls_are_throttled(self):
        # CS-S3-8
        self.fault(fault="status", key_prefix="hot/", rate=5, burst=5, code="SlowDown")
        results = []
        for number in range(30):
            try:
                self.put("hot/k")
                results.append(1)
            except ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "SlowDown")
                results.append(0)
        self.assertEqual(results[:5], [1] * 5)
        self.assertIn(0, results)
        self.put("cold")

    def test_misspelt_rules_are_refused(self):
        for rule in ({"fault": "lost"}, {"fault": "lose", "opration": "PutObject"}, {"fault": "status", "status": "x"}):
            with self.assertRaises(urllib.error.HTTPError):
                self.fault(**rule)

    def test_credentials_that_end_in_the_middle_of_a_run(self):
        from test_identities import ACCOUNT, allow, policy
        self.identities(roles=[{"name": "r", "trust": policy({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}), "policies": {"p": policy(allow("s3:*"))}}])
        given = self.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/r", RoleSessionName="se")["Credentials"]
        client = self.client("s3", given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        client.put_object(Bucket=self.bucket, Key="k", Body=b"")
        self.admin("DELETE", "sessions")
        self.refused("ExpiredToken", client.get_object, Bucket=self.bucket, Key="k")


class WeakerServers(CloudSimTest):
    """CS-S3-10: what the probe of a bucket has to notice."""

    def test_conditions_ignored(self):
        self.admin("PUT", "settings", {"ignore_conditions": True})
        self.put("k", IfNoneMatch="*")
        self.put("k", IfNoneMatch="*")

    def test_if_match_without_quotes_alone(self):
        self.admin("PUT", "settings", {"if_match_unquoted_only": True})
        etag = self.put("k")["ETag"]
        self.refused("PreconditionFailed", self.put, "k", IfMatch=etag)
        self.put("k", IfMatch=etag.strip('"'))

    def test_checksums_ignored(self):
        self.admin("PUT", "settings", {"ignore_checksums": True})
        self.put("k", ChecksumCRC32="AAAAAA==")


class Bounds(CloudSimTest):
    def connect(self):
        return http.client.HTTPConnection(urllib.parse.urlsplit(self.server.url).netloc, timeout=30)

    def test_more_clients_than_threads_are_all_served(self):
        idle = [self.connect() for _ in range(140)]
        for connection in idle[:100]:
            connection.request("GET", "/_cloudsim/clock")
            connection.getresponse().read()
        results = []

        def ask(connection):
            connection.request("GET", "/_cloudsim/clock")
            results.append(connection.getresponse().status)

        threads = [threading.Thread(target=ask, args=(connection,)) for connection in idle[100:]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        self.assertEqual(results, [200] * 40)
        for connection in idle:
            connection.close()

    def test_bodies_and_heads_have_a_limit(self):
        connection = self.connect()
        connection.request("PUT", "/bucket/k", headers={"Content-Length": str(1 << 40)})
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()
        connection = self.connect()
        connection.request("GET", "/bucket/k", headers={"x-long": "x" * 100_000})
        self.assertEqual(connection.getresponse().status, 431)
        connection.close()

    def test_two_lengths_are_no_request(self):
        connection = self.connect()
        connection.putrequest("PUT", "/bucket/k")
        connection.putheader("Content-Length", "1")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 400)
        connection.close()


if __name__ == "__main__":
    main()
