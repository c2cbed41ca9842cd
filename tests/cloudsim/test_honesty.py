"""The stand-in is held to AWS's published service model, and its judges are shown to judge."""

import urllib.request
import xml.etree.ElementTree as ElementTree

import botocore.session

import service_model
from harness import CloudSimTest, main


class Honesty(CloudSimTest):
    def test_every_operation_is_one_of_the_model(self):
        operations = self.admin("GET", "operations")
        self.assertEqual(sorted(operations), ["s3", "sts"])
        for service, names in operations.items():
            model = botocore.session.get_session().get_service_model(service)
            self.assertEqual([name for name in names if name not in model.operation_names], [])
            self.assertEqual(len(names), len(set(names)))

    def test_every_operation_is_found_by_its_own_request(self):
        """Whatever boto3 sends for an operation is logged under that operation's name."""
        for operation in self.admin("GET", "operations")["s3"]:
            model = self.s3.meta.service_model.operation_model(operation)
            arguments = {name: value for name, value in self.arguments(model).items()}
            method = next(m for m, o in self.s3.meta.method_to_api_mapping.items() if o == operation)
            try:
                getattr(self.s3, method)(**arguments)
            except self.s3.exceptions.ClientError:
                pass
            self.assertEqual(self.admin("GET", "calls")["calls"][-1]["operation"], operation)

    def arguments(self, model):
        known = {"Bucket": "absent", "Key": "k", "UploadId": "u", "PartNumber": 1, "CopySource": "absent/k", "Body": b"", "Policy": "{}", "RestoreRequest": {"Days": 1}, "ObjectAttributes": ["ETag"]}
        return {name: known.get(name) or self.smallest(model.input_shape.members[name]) for name in [*model.input_shape.required_members, *(["RestoreRequest"] if model.name == "RestoreObject" else [])]}

    def smallest(self, shape):
        if shape.type_name == "structure":
            return {name: self.smallest(shape.members[name]) for name in shape.required_members}
        if shape.type_name == "list":
            return [self.smallest(shape.member)]
        return {"boolean": True, "integer": 1}.get(shape.type_name, shape.enum[0] if getattr(shape, "enum", None) else "x")

    def test_what_is_not_there_is_said_in_the_words_of_the_service(self):
        self.refused("NotImplemented", self.s3.get_bucket_cors, Bucket=self.bucket, status=501)
        self.refused("NotImplemented", self.s3.get_object_torrent, Bucket=self.bucket, Key="k")
        self.refused("NotImplemented", self.client("sts").get_session_token, status=501)
        self.refused("NotImplemented", self.client("ec2").describe_regions)
        self.refused("NotImplemented", self.client("ssm").list_commands)
        self.refused("NotImplemented", self.client("route53").list_hosted_zones)
        self.refused("NotImplemented", self.client("ebs").list_snapshot_blocks, SnapshotId="snap-1")
        self.expects_unknown = ["s3:GET /bucket", "s3:GET /bucket/k", "sts:GetSessionToken", "ec2:POST /", "ssm:POST /", "route53:GET /2013-04-01/hostedzone", "ebs:GET /snapshots/snap-1/blocks"]

    def test_an_answer_outside_the_model_is_noticed(self):
        model = self.s3.meta.service_model.operation_model("ListObjectsV2")
        right = {"status_code": 200, "headers": {}, "body": b"<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>"}
        service_model.check_answer(model, right)
        for wrong in (b"<ListBucketResult><Invented/></ListBucketResult>", b"<ListBucketResult><Contents><Name>k</Name></Contents></ListBucketResult>", b"<ListBucketResult><Name><Deep/></Name></ListBucketResult>"):
            with self.assertRaises(service_model.NotInModel):
                service_model.check_answer(model, {**right, "body": wrong})
        with self.assertRaises(service_model.NotInModel):
            service_model.check_answer(model, {**right, "headers": {"x-amz-invented": "1"}})

    def test_errors_are_those_of_s3(self):
        error = self.refused("NoSuchKey", self.get, "none")
        self.assertEqual(error["Error"]["Key"], "none")
        self.assertTrue(error["ResponseMetadata"]["RequestId"])
        self.assertTrue(error["ResponseMetadata"]["HostId"])
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{self.server.url}/{self.bucket}/none")
        root = ElementTree.fromstring(caught.exception.read())
        self.assertEqual([child.tag for child in root][:2], ["Code", "Message"])
        self.assertEqual([child.tag for child in root][-3:], ["Resource", "RequestId", "HostId"])

    def test_answers_were_checked(self):
        self.put("k")
        self.get("k")
        self.assertGreaterEqual(self.checked, 3)


if __name__ == "__main__":
    main()
