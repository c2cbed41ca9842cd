"""Who may do what: policies, roles, temporary credentials, and where a machine finds its own."""

import json
import urllib.error
import urllib.request

from botocore.credentials import ContainerProvider, InstanceMetadataProvider
from botocore.exceptions import MetadataRetrievalError
from botocore.utils import ContainerMetadataFetcher, InstanceMetadataFetcher

from harness import ACCOUNT, CloudSimTest, allow, deny, main, policy


class Policies(CloudSimTest):
    def arn(self, key=""):
        return f"arn:aws:s3:::{self.bucket}" + (f"/{key}" if key else "")

    def test_nothing_is_allowed_that_no_policy_allows(self):
        user = self.user("reader", allow("s3:GetObject", self.arn("in/*")))
        self.put("in/k")
        self.put("out")
        user.get_object(Bucket=self.bucket, Key="in/k")
        error = self.refused("AccessDenied", user.get_object, Bucket=self.bucket, Key="out", status=403)
        self.assertIn("s3:GetObject", error["Error"]["Message"])
        self.assertIn("user/reader", error["Error"]["Message"])
        self.refused("AccessDenied", user.put_object, Bucket=self.bucket, Key="in/k", Body=b"")
        self.refused("AccessDenied", user.list_objects_v2, Bucket=self.bucket)
        self.refused("AccessDenied", user.delete_object, Bucket=self.bucket, Key="in/k")

    def test_a_denial_wins(self):
        user = self.user("most", allow("s3:*"), deny("s3:Delete*", self.arn("log/*")))
        self.put("log/1")
        self.put("tmp/1")
        self.refused("AccessDenied", user.delete_object, Bucket=self.bucket, Key="log/1")
        user.delete_object(Bucket=self.bucket, Key="tmp/1")
        done = user.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "log/1"}, {"Key": "tmp/2"}]})
        self.assertEqual([(e["Key"], e["Code"]) for e in done["Errors"]], [("log/1", "AccessDenied")])
        self.assertEqual(self.get("log/1"), b"x")

    def test_who_may_not_list_does_not_learn_what_is_missing(self):
        self.refused("AccessDenied", self.user("blind", allow("s3:GetObject")).get_object, Bucket=self.bucket, Key="none")
        self.refused("NoSuchKey", self.user("seeing", allow(["s3:GetObject", "s3:ListBucket"])).get_object, Bucket=self.bucket, Key="none")

    def test_lists_by_prefix(self):
        user = self.user("lister", allow("s3:ListBucket", self.arn(), Condition={"StringLike": {"s3:prefix": ["log/*", "points/*"]}}))
        user.list_objects_v2(Bucket=self.bucket, Prefix="log/w1/")
        self.refused("AccessDenied", user.list_objects_v2, Bucket=self.bucket, Prefix="gc/")
        self.refused("AccessDenied", user.list_objects_v2, Bucket=self.bucket)

    def test_a_bucket_that_takes_only_conditional_puts(self):
        # CS-S3-11, in the words of AWS's manual.
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy(deny("s3:PutObject", self.arn("*"), Principal="*", Condition={"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}))))
        user = self.user("writer", allow("s3:PutObject"))
        self.refused("AccessDenied", user.put_object, Bucket=self.bucket, Key="k", Body=b"")
        user.put_object(Bucket=self.bucket, Key="k", Body=b"", IfNoneMatch="*")
        upload = user.create_multipart_upload(Bucket=self.bucket, Key="parts")["UploadId"]
        part = user.upload_part(Bucket=self.bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        end = {"Bucket": self.bucket, "Key": "parts", "UploadId": upload, "MultipartUpload": parts}
        self.refused("AccessDenied", user.complete_multipart_upload, **end)
        user.complete_multipart_upload(**end, IfNoneMatch="*")

    def test_a_bucket_that_takes_only_tls(self):
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy(deny("s3:*", [self.arn(), self.arn("*")], Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}))))
        self.refused("AccessDenied", self.put, "k")
        self.admin("PUT", "settings", {"secure_transport": True})
        self.put("k")

    def test_another_account_needs_both_sides(self):
        other = {"name": "guest", "account": "999999999999", "keys": [{"id": "AKIAG", "secret": "s"}]}
        self.identities(users=[{**other, "policies": {"p": policy(allow("s3:*"))}}])
        guest = self.client("s3", "AKIAG", "s")
        self.put("k")
        self.refused("AccessDenied", guest.get_object, Bucket=self.bucket, Key="k")
        grant = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": self.arn("*"), "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy(grant)))
        guest.get_object(Bucket=self.bucket, Key="k")
        self.identities(users=[{**other, "policies": {}}])
        self.refused("AccessDenied", guest.get_object, Bucket=self.bucket, Key="k")
        self.refused("BucketAlreadyExists", self.user_of("999999999999").create_bucket, Bucket=self.bucket)
        self.assertEqual(guest.meta.region_name, "us-east-1")

    def user_of(self, account):
        self.identities(roots=[{"account": account, "keys": [{"id": "AKIAROOT", "secret": "s"}]}])
        return self.client("s3", "AKIAROOT", "s")

    def test_public_access(self):
        public = json.dumps(policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": self.arn("*")}))
        self.refused("AccessDenied", self.s3.put_bucket_policy, Bucket=self.bucket, Policy=public)
        block = self.s3.get_public_access_block(Bucket=self.bucket)["PublicAccessBlockConfiguration"]
        self.assertTrue(all(block.values()))
        self.s3.delete_public_access_block(Bucket=self.bucket)
        self.refused("NoSuchPublicAccessBlockConfiguration", self.s3.get_public_access_block, Bucket=self.bucket)
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=public)
        self.assertTrue(self.s3.get_bucket_policy_status(Bucket=self.bucket)["PolicyStatus"]["IsPublic"])
        self.put("k", b"open")
        self.assertEqual(urllib.request.urlopen(f"{self.server.url}/{self.bucket}/k").read(), b"open")
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        self.refused("NoSuchBucketPolicy", self.s3.get_bucket_policy, Bucket=self.bucket)

    def test_policies_that_are_not_understood_are_refused(self):
        for bad in ("{}", "no", json.dumps(policy(allow("s3:*", Principal="*", Condition={"StringAlmost": {"a": "b"}}))), json.dumps(policy(allow("s3:*")))):
            self.refused("MalformedPolicy", self.s3.put_bucket_policy, Bucket=self.bucket, Policy=bad)

    def test_configurations_come_back(self):
        self.s3.put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}}]})
        rule = self.s3.get_bucket_encryption(Bucket=self.bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        self.assertEqual(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "aws:kms")
        self.assertEqual(self.put("k")["SSEKMSKeyId"], "k")
        self.s3.put_bucket_tagging(Bucket=self.bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
        self.assertEqual(self.s3.get_bucket_tagging(Bucket=self.bucket)["TagSet"], [{"Key": "a", "Value": "b"}])
        owner = self.s3.get_bucket_ownership_controls(Bucket=self.bucket)["OwnershipControls"]
        self.assertEqual(owner["Rules"], [{"ObjectOwnership": "BucketOwnerEnforced"}])
        self.assertEqual(len(self.s3.get_bucket_acl(Bucket=self.bucket)["Grants"]), 1)


class Roles(CloudSimTest):
    ROLE = f"arn:aws:iam::{ACCOUNT}:role/backup"

    def setUp(self):
        super().setUp()
        self.sts = self.client("sts")
        self.role(allow("s3:*"))

    def role(self, *statements, condition=None, principal=None, **rest):
        trust = {"Effect": "Allow", "Principal": principal or {"AWS": ACCOUNT}, "Action": "sts:AssumeRole", **({"Condition": condition} if condition else {})}
        self.identities(roles=[{"name": "backup", "trust": policy(trust), "policies": {"p": policy(*statements)}, **rest}])

    def assume(self, sts=None, **arguments):
        made = (sts or self.sts).assume_role(RoleArn=self.ROLE, RoleSessionName="session", **arguments)
        return made["Credentials"]

    def with_credentials(self, service, given):
        return self.client(service, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def test_a_session_is_the_role_until_it_expires(self):
        given = self.assume(DurationSeconds=900)
        s3 = self.with_credentials("s3", given)
        s3.put_object(Bucket=self.bucket, Key="k", Body=b"")
        who = self.with_credentials("sts", given).get_caller_identity()
        self.assertEqual(who["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/backup/session")
        self.refused("InvalidToken", self.client("s3", given["AccessKeyId"], given["SecretAccessKey"], "other").get_object, Bucket=self.bucket, Key="k")
        self.refused("InvalidToken", self.client("s3", given["AccessKeyId"], given["SecretAccessKey"]).get_object, Bucket=self.bucket, Key="k")
        self.admin("PUT", "clock", {"advance_seconds": 901})
        self.refused("ExpiredToken", s3.get_object, Bucket=self.bucket, Key="k", status=400)

    def test_a_session_policy_narrows(self):
        given = self.assume(Policy=json.dumps(policy(allow("s3:GetObject"))))
        s3 = self.with_credentials("s3", given)
        self.refused("AccessDenied", s3.put_object, Bucket=self.bucket, Key="k", Body=b"")
        self.refused("MalformedPolicyDocument", self.assume, Policy="{")

    def test_the_external_id_is_asked_for(self):
        self.role(allow("s3:*"), condition={"StringEquals": {"sts:ExternalId": "secret-id"}})
        self.refused("AccessDenied", self.assume)
        self.refused("AccessDenied", self.assume, ExternalId="other")
        self.assume(ExternalId="secret-id")

    def test_unknown_roles_and_lack_of_trust_are_refused_alike(self):
        self.refused("AccessDenied", self.sts.assume_role, RoleArn=self.ROLE + "x", RoleSessionName="session", status=403)
        self.role(allow("s3:*"), principal={"AWS": "999999999999"})
        self.refused("AccessDenied", self.assume)

    def test_a_user_needs_leave_to_assume(self):
        self.user("plain", allow("s3:*"))
        sts = self.client("sts", "AKIAplain", "s")
        self.refused("AccessDenied", self.assume, sts)
        self.user("plain", allow("sts:AssumeRole", self.ROLE))
        self.assume(sts)

    def test_longer_than_the_role_allows(self):
        self.refused("ValidationError", self.assume, DurationSeconds=7200)
        self.role(allow("s3:*"), max_session_seconds=7200)
        self.assume(DurationSeconds=7200)

    def test_a_web_identity(self):
        provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/issuer.example"
        trust = policy({"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"issuer.example:sub": "pod"}}})
        self.identities(roles=[{"name": "backup", "trust": trust, "policies": {"p": policy(allow("s3:*"))}}], web_identities=[{"token": "good-token", "provider": "issuer.example", "subject": "pod", "audience": "sts.amazonaws.com"}, {"token": "other-token", "provider": "issuer.example", "subject": "else"}])
        ask = {"RoleArn": self.ROLE, "RoleSessionName": "session"}
        made = self.sts.assume_role_with_web_identity(**ask, WebIdentityToken="good-token")
        self.assertEqual(made["SubjectFromWebIdentityToken"], "pod")
        self.with_credentials("s3", made["Credentials"]).list_buckets()
        self.refused("InvalidIdentityToken", self.sts.assume_role_with_web_identity, **ask, WebIdentityToken="bad-token")
        self.refused("AccessDenied", self.sts.assume_role_with_web_identity, **ask, WebIdentityToken="other-token")


class Machines(CloudSimTest):
    def setUp(self):
        super().setUp()
        trust = policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
        self.identities(roles=[{"name": "host", "trust": trust, "policies": {"p": policy(allow("s3:*"))}}])

    def found(self, **config):
        fetcher = InstanceMetadataFetcher(timeout=2, num_attempts=1, base_url=self.server.url + "/", config=config)
        return InstanceMetadataProvider(fetcher).load()

    def ask(self, path, method="GET", **headers):
        request = urllib.request.Request(f"{self.server.url}/latest/{path}", method=method, headers={name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    def test_version_2_gives_credentials_that_work(self):
        self.admin("PUT", "instance", {"mode": "v2", "role": "host"})
        given = self.found().get_frozen_credentials()
        self.client("s3", given.access_key, given.secret_key, given.token).list_buckets()

    def test_version_2_needs_its_token(self):
        self.admin("PUT", "instance", {"mode": "v2", "role": "host"})
        role = "meta-data/iam/security-credentials/"
        self.assertEqual(self.ask(role)[0], 401)
        self.assertEqual(self.ask(role, X_aws_ec2_metadata_token="bad")[0], 401)
        self.assertEqual(self.ask("api/token")[0], 405)
        self.assertEqual(self.ask("api/token", "PUT")[0], 400)
        ttl = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}
        self.assertEqual(self.ask("api/token", "PUT", X_Forwarded_For="1.2.3.4", **ttl)[0], 403)
        token = self.ask("api/token", "PUT", **ttl)[1]
        self.assertEqual(self.ask(role, X_aws_ec2_metadata_token=token), (200, "host"))
        document = json.loads(self.ask("dynamic/instance-identity/document", X_aws_ec2_metadata_token=token)[1])
        self.assertEqual(document["region"], "us-east-1")
        self.admin("PUT", "clock", {"advance_seconds": 61})
        self.assertEqual(self.ask(role, X_aws_ec2_metadata_token=token)[0], 401)

    def test_version_1_alone(self):
        self.admin("PUT", "instance", {"mode": "v1", "role": "host"})
        self.assertEqual(self.ask("api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")[0], 404)
        self.assertEqual(self.ask("meta-data/iam/security-credentials/"), (200, "host"))
        self.assertIsNotNone(self.found())
        with self.assertRaises(MetadataRetrievalError):
            self.found(ec2_metadata_v1_disabled=True)

    def test_absent(self):
        self.assertIsNone(self.found())

    def test_an_instance_without_a_role(self):
        self.admin("PUT", "instance", {"mode": "both"})
        self.assertEqual(self.ask("meta-data/iam/security-credentials/")[0], 404)
        self.assertEqual(self.ask("meta-data/placement/region"), (200, "us-east-1"))

    def test_credentials_are_new_before_they_end(self):
        self.admin("PUT", "instance", {"mode": "v1", "role": "host", "credential_seconds": 3600})
        def key():
            return json.loads(self.ask("meta-data/iam/security-credentials/host")[1])["AccessKeyId"]
        first = key()
        self.assertEqual(key(), first)
        self.admin("PUT", "clock", {"advance_seconds": 3400})
        self.assertNotEqual(key(), first)

    def test_a_container(self):
        self.admin("PUT", "container", {"role": "host", "token": "agent-token"})
        environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.server.url}/_cloudsim/container/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "agent-token"}
        given = ContainerProvider(environ=environment, fetcher=ContainerMetadataFetcher()).load().get_frozen_credentials()
        self.client("s3", given.access_key, given.secret_key, given.token).list_buckets()
        request = urllib.request.Request(environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertEqual(caught.exception.code, 403)


if __name__ == "__main__":
    main()
