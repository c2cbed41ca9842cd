"""Objects of S3: bodies, ranges, conditions, checksums, metadata, copies, parts, lists."""

import base64
import hashlib
import threading
import zlib

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from harness import CloudSimTest, main

MIB = 1 << 20


class Objects(CloudSimTest):
    def test_a_body_comes_back_with_what_was_said_of_it(self):
        made = self.put("a/b c+é%20//x", b"hello", ContentType="text/plain", Metadata={"k": "v"},
                        CacheControl="no-cache", Tagging="t=1&u=a+b")
        self.assertEqual(made["ETag"], '"%s"' % hashlib.md5(b"hello").hexdigest())
        got = self.s3.get_object(Bucket=self.bucket, Key="a/b c+é%20//x")
        self.assertEqual(got["Body"].read(), b"hello")
        self.assertEqual((got["ContentType"], got["Metadata"], got["CacheControl"], got["TagCount"]),
                         ("text/plain", {"k": "v"}, "no-cache", 2))
        self.assertEqual(got["ServerSideEncryption"], "AES256")
        tags = self.s3.get_object_tagging(Bucket=self.bucket, Key="a/b c+é%20//x")["TagSet"]
        self.assertEqual(tags, [{"Key": "t", "Value": "1"}, {"Key": "u", "Value": "a b"}])

    def test_64_mib_in_one_request(self):
        body = bytes(range(256)) * (64 * MIB // 256)
        self.put("large", body)
        self.assertEqual(hashlib.md5(self.get("large")).digest(), hashlib.md5(body).digest())

    def test_ranges(self):
        self.put("k", b"0123456789")
        for wanted, bytes_ in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-3", b"789"),
                               ("bytes=0-99", b"0123456789")):
            got = self.s3.get_object(Bucket=self.bucket, Key="k", Range=wanted)
            self.assertEqual((got["Body"].read(), got["ResponseMetadata"]["HTTPStatusCode"]),
                             (bytes_, 206))
        self.assertEqual(got["ContentRange"], "bytes 0-9/10")
        self.refused("InvalidRange", self.get, "k", Range="bytes=10-", status=416)

    def test_what_is_not_there(self):
        self.refused("NoSuchKey", self.get, "none", status=404)
        self.refused("404", self.s3.head_object, Bucket=self.bucket, Key="none")
        self.refused("NoSuchBucket", self.s3.get_object, Bucket="no-such", Key="k")
        self.refused("404", self.s3.head_bucket, Bucket="no-such")

    def test_create_if_absent_and_replace_if_same(self):
        etag = self.put("k", b"1", IfNoneMatch="*")["ETag"]
        self.refused("PreconditionFailed", self.put, "k", b"2", IfNoneMatch="*", status=412)
        self.assertEqual(self.get("k"), b"1")
        self.put("k", b"2", IfMatch=etag)
        self.refused("PreconditionFailed", self.put, "k", b"3", IfMatch=etag)
        self.refused("NoSuchKey", self.put, "absent", b"3", IfMatch=etag, status=404)
        self.refused("NotImplemented", self.put, "k", b"3", IfNoneMatch=etag, status=501)

    def test_a_race_of_200_has_one_winner(self):
        results = []

        def create(number):
            client = clients[number % len(clients)]
            for _ in range(10):
                try:
                    client.put_object(Bucket=self.bucket, Key="race", Body=str(number).encode(),
                                      IfNoneMatch="*")
                    results.append("won")
                except ClientError as error:
                    results.append(error.response["Error"]["Code"])

        clients = [self.client("s3", max_pool_connections=20) for _ in range(4)]
        threads = [threading.Thread(target=create, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results.count("won"), 1)
        self.assertEqual(results.count("PreconditionFailed"), 199)

    def test_a_deletion_amid_a_conditional_put_is_a_conflict(self):
        self.put("k", b"1")
        self.fault(fault="delay", operation="PutObject", key="k", delay_before_ms=1500)
        codes = []

        def create():
            client = self.client("s3")
            try:
                client.put_object(Bucket=self.bucket, Key="k", Body=b"2", IfNoneMatch="*")
            except ClientError as error:
                codes.append(error.response["Error"]["Code"])

        thread = threading.Thread(target=create)
        thread.start()
        while not self.admin("GET", "faults")[0]["hits"]:
            pass
        self.s3.delete_object(Bucket=self.bucket, Key="k")
        thread.join()
        self.assertEqual(codes, ["ConditionalRequestConflict"])

    def test_conditions_of_reads(self):
        etag = self.put("k")["ETag"]
        self.refused("304", self.get, "k", IfNoneMatch=etag)
        self.refused("PreconditionFailed", self.get, "k", IfMatch='"other"')
        self.assertEqual(self.get("k", IfMatch=etag), b"x")

    def test_wrong_checksums_are_refused_and_nothing_is_stored(self):
        wrong = base64.b64encode(b"\0" * 32).decode()
        self.refused("BadDigest", self.put, "k", ChecksumSHA256=wrong, status=400)
        self.refused("BadDigest", self.put, "k", ChecksumCRC32="AAAAAA==")
        self.refused("BadDigest", self.put, "k", ContentMD5=base64.b64encode(b"\0" * 16).decode())
        self.refused("InvalidDigest", self.put, "k", ContentMD5="abcd")
        self.refused("InvalidRequest", self.put, "k", ChecksumCRC32="abcd")
        self.refused("NoSuchKey", self.get, "k")

    def test_right_checksums_are_kept_and_told(self):
        body = b"123456789"
        crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        self.assertEqual(self.put("crc", body)["ChecksumCRC32"], crc)  # what boto3 sends itself
        sha = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self.put("sha", body, ChecksumSHA256=sha)
        head = self.s3.head_object(Bucket=self.bucket, Key="sha", ChecksumMode="ENABLED")
        self.assertEqual((head["ChecksumSHA256"], head["ChecksumType"]), (sha, "FULL_OBJECT"))
        self.put("castagnoli", body, ChecksumCRC32C="4waSgw==")
        self.put("nvme", body, ChecksumCRC64NVME="rosUhgp5mIg=")
        self.put("md5", body, ContentMD5=base64.b64encode(hashlib.md5(body).digest()).decode())

    def test_copies(self):
        self.put("from", b"body", Metadata={"a": "1"})
        self.s3.copy_object(Bucket=self.bucket, Key="to", CopySource={"Bucket": self.bucket, "Key": "from"})
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="to")["Metadata"], {"a": "1"})
        self.assertEqual(self.get("to"), b"body")
        self.refused("PreconditionFailed", self.s3.copy_object, Bucket=self.bucket, Key="to",
                     CopySource=f"{self.bucket}/from", IfNoneMatch="*")
        self.refused("InvalidRequest", self.s3.copy_object, Bucket=self.bucket, Key="to",
                     CopySource=f"{self.bucket}/to")
        self.refused("NoSuchKey", self.s3.copy_object, Bucket=self.bucket, Key="to",
                     CopySource=f"{self.bucket}/none")

    def test_deletions(self):
        etag = self.put("k")["ETag"]
        self.refused("PreconditionFailed", self.s3.delete_object, Bucket=self.bucket, Key="k", IfMatch='"x"')
        self.refused("NoSuchKey", self.s3.delete_object, Bucket=self.bucket, Key="none", IfMatch=etag)
        self.s3.delete_object(Bucket=self.bucket, Key="k", IfMatch=etag)
        self.s3.delete_object(Bucket=self.bucket, Key="k")
        for number in range(3):
            self.put(f"many/{number}")
        done = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": f"many/{n}"} for n in range(4)]})
        self.assertEqual(len(done["Deleted"]), 4)
        self.s3.delete_bucket(Bucket=self.bucket)

    def test_a_bucket_with_objects_stays(self):
        self.put("k")
        self.refused("BucketNotEmpty", self.s3.delete_bucket, Bucket=self.bucket, status=409)

    def test_attributes(self):
        self.put("k", b"12345")
        got = self.s3.get_object_attributes(Bucket=self.bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "Checksum", "StorageClass"])
        self.assertEqual((got["ObjectSize"], got["StorageClass"]), (5, "STANDARD"))
        self.assertIn("ChecksumCRC32", got["Checksum"])


class Lists(CloudSimTest):
    KEYS = ["a", "a b", "a+b", "a/1", "a/2", "b//x", "é", "z%20", "a/3/y", "ctrl\x01"]

    def setUp(self):
        super().setUp()
        for key in self.KEYS:
            self.put(key)

    def names(self, **arguments):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, **arguments)
        keys, prefixes = [], []
        for page in pages:
            keys += [entry["Key"] for entry in page.get("Contents", [])]
            prefixes += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        return keys, prefixes

    def test_every_key_once_in_the_order_of_its_bytes(self):
        wanted = sorted(self.KEYS, key=lambda key: key.encode())
        for size in (1, 2, 3, 1000):
            self.assertEqual(self.names(PaginationConfig={"PageSize": size})[0], wanted)
        self.assertEqual(self.names(StartAfter="a/2")[0], wanted[wanted.index("a/2") + 1:])

    def test_prefixes_roll_up_at_a_delimiter(self):
        for size in (1, 2, 1000):
            keys, prefixes = self.names(Delimiter="/", PaginationConfig={"PageSize": size})
            self.assertEqual(prefixes, ["a/", "b/"])
            self.assertEqual(keys, ["a", "a b", "a+b", "ctrl\x01", "z%20", "é"])
        self.assertEqual(self.names(Delimiter="/", Prefix="a/"), (["a/1", "a/2"], ["a/3/"]))

    def test_the_older_list_pages_too(self):
        pages = self.s3.get_paginator("list_objects").paginate(Bucket=self.bucket, PaginationConfig={"PageSize": 2})
        self.assertEqual(len([entry for page in pages for entry in page["Contents"]]), len(self.KEYS))

    def test_an_empty_page_when_none_are_wanted(self):
        page = self.s3.list_objects_v2(Bucket=self.bucket, MaxKeys=0)
        self.assertEqual((page["KeyCount"], page["IsTruncated"]), (0, False))


class Parts(CloudSimTest):
    def begin(self, **arguments):
        return self.s3.create_multipart_upload(Bucket=self.bucket, Key="k", **arguments)["UploadId"]

    def part(self, upload, number, body, **arguments):
        made = self.s3.upload_part(Bucket=self.bucket, Key="k", UploadId=upload, PartNumber=number, Body=body, **arguments)
        return {"PartNumber": number, **{name: made[name] for name in made if name == "ETag" or name.startswith("ChecksumS") or name.startswith("ChecksumC")}}

    def complete(self, upload, parts, **arguments):
        return self.s3.complete_multipart_upload(Bucket=self.bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": parts}, **arguments)

    def test_parts_become_one_object(self):
        upload = self.begin(ChecksumAlgorithm="SHA256")
        bodies = [b"a" * (5 * MIB), b"b" * 10]
        parts = [self.part(upload, n, body, ChecksumAlgorithm="SHA256") for n, body in enumerate(bodies, 1)]
        listed = self.s3.list_parts(Bucket=self.bucket, Key="k", UploadId=upload)["Parts"]
        self.assertEqual([part["ChecksumSHA256"] for part in listed], [part["ChecksumSHA256"] for part in parts])
        self.assertEqual(len(self.s3.list_multipart_uploads(Bucket=self.bucket)["Uploads"]), 1)
        done = self.complete(upload, parts)
        raw = b"".join(hashlib.sha256(body).digest() for body in bodies)
        self.assertEqual(done["ChecksumSHA256"], base64.b64encode(hashlib.sha256(raw).digest()).decode() + "-2")
        self.assertEqual(self.complete(upload, parts)["ETag"], done["ETag"])  # asked again
        self.assertEqual(self.get("k"), b"".join(bodies))
        self.assertEqual(self.get("k", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}"), b"aabb")
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key="k", PartNumber=2)["PartsCount"], 2)
        self.assertNotIn("Uploads", self.s3.list_multipart_uploads(Bucket=self.bucket))

    def test_the_transfer_manager(self):
        path = f"{self.dir}/file"
        with open(path, "wb") as file:
            file.write(b"0123456789abcdef" * (20 * MIB // 16))
        self.s3.upload_file(path, self.bucket, "k")
        self.s3.download_file(self.bucket, "k", path + ".back")
        with open(path, "rb") as before, open(path + ".back", "rb") as after:
            self.assertEqual(before.read(), after.read())

    def test_what_is_wrong_with_parts_is_said(self):
        upload = self.begin()
        small = [self.part(upload, 1, b"a"), self.part(upload, 2, b"b")]
        self.refused("EntityTooSmall", self.complete, upload, small)
        self.refused("InvalidPartOrder", self.complete, upload, small[::-1])
        self.refused("InvalidPart", self.complete, upload, [{"PartNumber": 1, "ETag": '"0"'}])
        self.s3.abort_multipart_upload(Bucket=self.bucket, Key="k", UploadId=upload)
        self.refused("NoSuchUpload", self.complete, upload, small[:1])

    def test_completion_obeys_conditions(self):
        upload = self.begin()
        parts = [self.part(upload, 1, b"a")]
        self.put("k")
        self.refused("PreconditionFailed", self.complete, upload, parts, IfNoneMatch="*")
        self.s3.delete_object(Bucket=self.bucket, Key="k")
        self.complete(upload, parts, IfNoneMatch="*")

    def test_a_part_from_another_object(self):
        self.put("source", b"0123456789")
        upload = self.begin()
        made = self.s3.upload_part_copy(Bucket=self.bucket, Key="k", UploadId=upload, PartNumber=1, CopySource=f"{self.bucket}/source", CopySourceRange="bytes=2-5")
        self.complete(upload, [{"PartNumber": 1, "ETag": made["CopyPartResult"]["ETag"]}])
        self.assertEqual(self.get("k"), b"2345")


class OtherRegions(CloudSimTest):
    def test_a_bucket_answers_in_its_region_alone(self):
        here = self.client("s3", region="eu-west-1")
        here.create_bucket(Bucket="europe", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.assertEqual(here.get_bucket_location(Bucket="europe")["LocationConstraint"], "eu-west-1")
        self.assertIsNone(self.s3.get_bucket_location(Bucket=self.bucket)["LocationConstraint"])
        self.assertEqual([b["Name"] for b in self.s3.list_buckets()["Buckets"]], ["bucket", "europe"])
        self.refused("BucketAlreadyOwnedByYou", here.create_bucket, Bucket="europe", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def test_virtual_hosts(self):
        """AWS's own host names, with the server as the proxy that leads there."""
        self.put("k", b"body")
        session = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test")
        client = session.client("s3", region_name="us-east-1", use_ssl=False, config=Config(
            proxies={"http": self.server.url}, s3={"addressing_style": "virtual"}))
        sent = []
        client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.url))
        self.assertEqual(client.get_object(Bucket=self.bucket, Key="k")["Body"].read(), b"body")
        self.assertTrue(sent[0].startswith("http://bucket.s3."), sent)


if __name__ == "__main__":
    main()
