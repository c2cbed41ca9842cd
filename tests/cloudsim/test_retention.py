"""Versions, Object Lock, lifecycle rules and cold classes, by a clock that the test moves."""

import datetime

from harness import CloudSimTest, allow, main

DAY = 86400


class Moving(CloudSimTest):
    def advance(self, **time):
        self.admin("PUT", "clock", {"advance_seconds": int(datetime.timedelta(**time).total_seconds())})

    def now(self):
        return datetime.datetime.fromisoformat(self.admin("GET", "clock")["now"].replace("Z", "+00:00"))

    def versions(self, **arguments):
        page = self.s3.list_object_versions(Bucket=self.bucket, **arguments)
        return page.get("Versions", []), page.get("DeleteMarkers", [])


class Versions(Moving):
    versioned = True

    def test_every_version_stays_until_it_is_named(self):
        ids = [self.put("k", body)["VersionId"] for body in (b"1", b"2", b"3")]
        self.assertEqual(self.get("k", VersionId=ids[0]), b"1")
        marker = self.s3.delete_object(Bucket=self.bucket, Key="k")
        self.assertTrue(marker["DeleteMarker"])
        error = self.refused("NoSuchKey", self.get, "k", status=404)
        self.assertEqual(error["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"], "true")
        self.refused("MethodNotAllowed", self.get, "k", VersionId=marker["VersionId"], status=405)
        self.refused("NoSuchVersion", self.get, "k", VersionId="none")
        versions, markers = self.versions()
        self.assertEqual([v["VersionId"] for v in versions], ids[::-1])
        self.assertEqual([(m["VersionId"], m["IsLatest"]) for m in markers], [(marker["VersionId"], True)])
        self.s3.delete_object(Bucket=self.bucket, Key="k", VersionId=marker["VersionId"])
        self.assertEqual(self.get("k"), b"3")
        self.s3.delete_object(Bucket=self.bucket, Key="k", VersionId=ids[2])
        self.assertEqual(self.get("k"), b"2")

    def test_a_delete_marker_frees_the_name(self):
        # CS-S3-12: as on AWS, and unlike versitygw.
        self.put("k", IfNoneMatch="*")
        self.s3.delete_object(Bucket=self.bucket, Key="k")
        self.put("k", b"again", IfNoneMatch="*")
        self.assertEqual(self.get("k"), b"again")

    def test_pages_of_versions(self):
        for key in ("a", "b/1", "b/2", "c"):
            for _ in range(3):
                self.put(key)
        for size in (1, 2, 5, 1000):
            pages = list(self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, PaginationConfig={"PageSize": size}))
            found = [(v["Key"], v["IsLatest"]) for page in pages for v in page.get("Versions", [])]
            self.assertEqual(len(found), 12)
            self.assertEqual([key for key, latest in found if latest], ["a", "b/1", "b/2", "c"])
            pages = list(self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Delimiter="/", PaginationConfig={"PageSize": size}))
            self.assertEqual([p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])], ["b/"])
            self.assertEqual(sum(len(page.get("Versions", [])) for page in pages), 6)

    def test_suspended_versions(self):
        kept = self.put("k", b"1")["VersionId"]
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Suspended"})
        self.put("k", b"2")
        self.put("k", b"3")
        versions, _ = self.versions()
        self.assertEqual([v["VersionId"] for v in versions], ["null", kept])
        self.s3.delete_object(Bucket=self.bucket, Key="k")
        self.assertEqual(len(self.versions()[0]), 1)
        self.assertEqual(self.get("k", VersionId=kept), b"1")


class Locks(Moving):
    object_lock = True

    def until(self, days):
        return (self.now() + datetime.timedelta(days=days)).replace(microsecond=0)

    def locked(self, mode, days=10):
        return self.put("k", ObjectLockMode=mode, ObjectLockRetainUntilDate=self.until(days))["VersionId"]

    def delete(self, version, **arguments):
        return self.s3.delete_object(Bucket=self.bucket, Key="k", VersionId=version, **arguments)

    def retain(self, mode, days, **arguments):
        return self.s3.put_object_retention(Bucket=self.bucket, Key="k", Retention={"Mode": mode, "RetainUntilDate": self.until(days)}, **arguments)

    def test_compliance_holds_against_everybody_until_its_day(self):
        version = self.locked("COMPLIANCE")
        for arguments in ({}, {"BypassGovernanceRetention": True}):
            self.refused("AccessDenied", self.delete, version, **arguments)
            self.refused("AccessDenied", self.retain, "COMPLIANCE", 5, **arguments)
            self.refused("AccessDenied", self.retain, "GOVERNANCE", 20, **arguments)
        self.retain("COMPLIANCE", 20)
        got = self.s3.get_object_retention(Bucket=self.bucket, Key="k")["Retention"]
        self.assertEqual(got["Mode"], "COMPLIANCE")
        self.assertGreater(got["RetainUntilDate"], self.until(19))
        self.advance(days=19)
        self.refused("AccessDenied", self.delete, version)
        self.advance(days=2)
        self.delete(version)

    def test_governance_gives_way_to_who_may_bypass_it(self):
        version = self.locked("GOVERNANCE")
        self.refused("AccessDenied", self.delete, version)
        self.refused("AccessDenied", self.retain, "GOVERNANCE", 5)
        self.retain("GOVERNANCE", 5, BypassGovernanceRetention=True)
        user = self.user("nobypass", allow(["s3:DeleteObject*", "s3:ListBucket"]))
        self.refused("AccessDenied", user.delete_object, Bucket=self.bucket, Key="k", VersionId=version, BypassGovernanceRetention=True)
        self.delete(version, BypassGovernanceRetention=True)

    def test_legal_hold(self):
        version = self.put("k")["VersionId"]
        self.s3.put_object_legal_hold(Bucket=self.bucket, Key="k", LegalHold={"Status": "ON"})
        self.assertEqual(self.s3.get_object_legal_hold(Bucket=self.bucket, Key="k")["LegalHold"], {"Status": "ON"})
        self.refused("AccessDenied", self.delete, version, BypassGovernanceRetention=True)
        self.s3.put_object_legal_hold(Bucket=self.bucket, Key="k", LegalHold={"Status": "OFF"})
        self.delete(version)

    def test_a_default_retention(self):
        self.s3.put_object_lock_configuration(Bucket=self.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 3}}})
        got = self.s3.get_object_lock_configuration(Bucket=self.bucket)["ObjectLockConfiguration"]
        self.assertEqual(got["Rule"]["DefaultRetention"], {"Mode": "COMPLIANCE", "Days": 3})
        version = self.put("k")["VersionId"]
        self.refused("AccessDenied", self.delete, version)
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="k")["ObjectLockMode"], "COMPLIANCE")

    def test_what_makes_no_sense_is_refused(self):
        self.refused("InvalidBucketState", self.s3.put_bucket_versioning, Bucket=self.bucket, VersioningConfiguration={"Status": "Suspended"}, status=409)
        self.refused("InvalidArgument", self.locked, "COMPLIANCE", -1)
        self.put("k")
        self.refused("InvalidArgument", self.retain, "COMPLIANCE", -1)
        self.refused("NoSuchObjectLockConfiguration", self.s3.get_object_retention, Bucket=self.bucket, Key="k")
        self.s3.create_bucket(Bucket="plain")
        self.refused("InvalidRequest", self.s3.put_object, Bucket="plain", Key="k", Body=b"", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=self.until(1))
        self.refused("ObjectLockConfigurationNotFoundError", self.s3.get_object_lock_configuration, Bucket="plain")

    def test_a_cap_on_retention(self):
        user = self.user("capped", allow("s3:PutObject*", Condition={"NumericLessThanEqualsIfExists": {"s3:object-lock-remaining-retention-days": "10"}}))
        put = {"Bucket": self.bucket, "Key": "k", "Body": b"", "ObjectLockMode": "GOVERNANCE"}
        user.put_object(**put, ObjectLockRetainUntilDate=self.until(9))
        self.refused("AccessDenied", user.put_object, **put, ObjectLockRetainUntilDate=self.until(30))


class Lifecycle(Moving):
    versioned = True

    def rules(self, *rules):
        self.s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": [{"ID": str(n), "Status": "Enabled", "Filter": {"Prefix": ""}, **rule} for n, rule in enumerate(rules)]})

    def test_noncurrent_versions_expire_after_their_days(self):
        self.rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 3}})
        self.put("k", b"1")
        self.advance(days=10)
        self.put("k", b"2")
        self.advance(days=3)
        self.assertEqual(len(self.versions()[0]), 2)  # at midnight, not to the second
        self.advance(days=1)
        self.assertEqual(len(self.versions()[0]), 1)
        self.assertEqual(self.get("k"), b"2")

    def test_a_deleted_object_really_goes(self):
        self.rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 1}, "Expiration": {"ExpiredObjectDeleteMarker": True}})
        self.put("k")
        self.s3.delete_object(Bucket=self.bucket, Key="k")
        self.advance(days=2)
        self.assertEqual(self.versions(), ([], []))

    def test_current_versions_expire_by_prefix(self):
        self.rules({"Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 1}})
        self.put("tmp/a")
        self.put("keep")
        self.advance(days=2)
        self.refused("NoSuchKey", self.get, "tmp/a")
        self.assertEqual(self.get("keep"), b"x")

    def test_uploads_that_nobody_completes_go(self):
        self.rules({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}})
        self.s3.create_multipart_upload(Bucket=self.bucket, Key="k")
        self.advance(days=1)
        self.assertEqual(len(self.s3.list_multipart_uploads(Bucket=self.bucket)["Uploads"]), 1)
        self.advance(days=2)
        self.assertNotIn("Uploads", self.s3.list_multipart_uploads(Bucket=self.bucket))

    def test_rules_are_checked_and_given_back(self):
        self.refused("NoSuchLifecycleConfiguration", self.s3.get_bucket_lifecycle_configuration, Bucket=self.bucket)
        self.refused("InvalidArgument", self.rules, {"Expiration": {"Days": 0}})
        self.refused("InvalidRequest", self.rules, {})
        self.rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 3}})
        got = self.s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]
        self.assertEqual(got[0]["NoncurrentVersionExpiration"], {"NoncurrentDays": 3})
        self.s3.delete_bucket_lifecycle(Bucket=self.bucket)

    def test_a_thaw_takes_its_time_and_ends(self):
        self.put("k", b"cold", StorageClass="GLACIER")
        self.assertEqual(self.refused("InvalidObjectState", self.get, "k", status=403)["Error"]["StorageClass"], "GLACIER")
        restore = {"Bucket": self.bucket, "Key": "k", "RestoreRequest": {"Days": 2, "GlacierJobParameters": {"Tier": "Standard"}}}
        self.s3.restore_object(**restore)
        self.refused("RestoreAlreadyInProgress", self.s3.restore_object, **restore, status=409)
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="k")["Restore"], 'ongoing-request="true"')
        self.refused("InvalidObjectState", self.get, "k")
        self.advance(hours=5)
        self.assertEqual(self.get("k"), b"cold")
        self.assertIn('ongoing-request="false"', self.s3.head_object(Bucket=self.bucket, Key="k")["Restore"])
        self.advance(days=4)
        self.refused("InvalidObjectState", self.get, "k")

    def test_cold_classes_differ(self):
        self.put("ir", StorageClass="GLACIER_IR")
        self.assertEqual(self.get("ir"), b"x")
        self.put("deep", StorageClass="DEEP_ARCHIVE")
        self.refused("InvalidArgument", self.s3.restore_object, Bucket=self.bucket, Key="deep", RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}})
        self.refused("InvalidObjectState", self.s3.restore_object, Bucket=self.bucket, Key="ir", RestoreRequest={"Days": 1})
        self.refused("InvalidStorageClass", self.put, "k", StorageClass="COLDER")

    def test_transitions(self):
        self.rules({"Transitions": [{"Days": 1, "StorageClass": "DEEP_ARCHIVE"}]})
        self.put("k")
        self.advance(days=2)
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="k")["StorageClass"], "DEEP_ARCHIVE")


class Restarts(Moving):
    versioned = True

    def start_server(self):
        from harness import Server
        self.server = Server(self.dir)

    def again(self, how):
        getattr(self.server, how)()
        self.start_server()
        self.s3 = self.client("s3")

    def test_the_state_of_a_directory_outlives_the_program(self):
        self.identities(users=[{"name": "u", "keys": [{"id": "AKIAU", "secret": "s"}], "policies": {"p": {"Statement": [allow("s3:GetObject")]}}}])
        first = self.put("k", b"1", Metadata={"a": "b"})["VersionId"]
        self.put("k", b"2" * (1 << 20))
        upload = self.s3.create_multipart_upload(Bucket=self.bucket, Key="parts")["UploadId"]
        part = self.s3.upload_part(Bucket=self.bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
        self.advance(days=1)
        for how in ("stop", "kill"):
            self.again(how)
            self.assertEqual(self.get("k"), b"2" * (1 << 20))
            self.assertEqual(self.get("k", VersionId=first), b"1")
            self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="k", VersionId=first)["Metadata"], {"a": "b"})
            self.assertEqual(self.client("s3", "AKIAU", "s").get_object(Bucket=self.bucket, Key="k")["Body"].read(1), b"2")
            self.assertEqual(self.admin("GET", "clock")["advanced_seconds"], DAY)
        self.s3.complete_multipart_upload(Bucket=self.bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        self.assertEqual(self.get("parts"), b"part")
        self.s3.delete_object(Bucket=self.bucket, Key="k", VersionId=first)
        self.again("stop")
        self.refused("NoSuchVersion", self.get, "k", VersionId=first)


if __name__ == "__main__":
    main()
