"""What the tests of perdure-cloudsim share: a server of their own, boto3 clients whose answers are held
to the service model, and the admin API.

A request for an operation that the server does not have fails the test that made it.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import service_model

PROGRAM = os.environ.get("PERDURE_CLOUDSIM", "perdure-cloudsim")
ACCOUNT = "123456789012"
REGION = "us-east-1"
SESSION = boto3.session.Session()  # one, as it keeps the service models that it has read


class Server:
    """The program on a port that it picked."""

    def __init__(self, state="memory"):
        self.process = subprocess.Popen([PROGRAM, "--listen", "127.0.0.1:0", "--state", str(state)],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.url = line.split()[2].rstrip(",")

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        assert code == 0, f"perdure-cloudsim ended with {code}"

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def admin(self, method, what, document=None):
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/_cloudsim/{what}", data=body, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


class CloudSimTest(unittest.TestCase):
    """`self.server`, with `self.s3` and an empty bucket `self.bucket` of the account's root."""

    versioned = False
    object_lock = False
    expects_unknown = ()

    def setUp(self):
        self.checked = 0
        self.dir = tempfile.mkdtemp(prefix="perdure-cloudsim-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.start_server()
        self.addCleanup(lambda: self.server.stop())
        self.addCleanup(self.check_unknown)
        self.s3 = self.client("s3")
        self.bucket = "bucket"
        arguments = {"ObjectLockEnabledForBucket": True} if self.object_lock else {}
        self.s3.create_bucket(Bucket=self.bucket, **arguments)
        if self.versioned:
            self.s3.put_bucket_versioning(Bucket=self.bucket,
                                          VersioningConfiguration={"Status": "Enabled"})

    def start_server(self):
        self.server = Server()

    def check_unknown(self):
        unknown = self.admin("GET", "calls")["unknown"]
        self.assertEqual(sorted(unknown), sorted(self.expects_unknown))

    def admin(self, method, what, document=None):
        return self.server.admin(method, what, document)

    def fault(self, **rule):
        return self.admin("PUT", "faults", rule)["id"]

    def calls(self, **wanted):
        """Calls of the log that have these values."""
        return [call for call in self.admin("GET", "calls")["calls"]
                if all(call[name] == value for name, value in wanted.items())]

    def client(self, service, key="test", secret="test", token=None, region=REGION, attempts=1,
               timeout=30, style="path", **config):
        made = SESSION.client(
            service, endpoint_url=self.server.url, region_name=region, aws_access_key_id=key,
            aws_secret_access_key=secret, aws_session_token=token,
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"},
                          read_timeout=timeout, s3={"addressing_style": style}, **config))
        made.meta.events.register("before-parse", self.check_answer)
        return made

    def check_answer(self, operation_model, response_dict, **_):
        service_model.check_answer(operation_model, response_dict)
        self.checked += 1

    def identities(self, **document):
        self.admin("PUT", "identities", document)

    def user(self, name, *statements):
        """A client of S3 for a new user with one policy."""
        self.identities(users=[{"name": name, "keys": [{"id": f"AKIA{name}", "secret": "s"}],
                                "policies": {"p": policy(*statements)}}])
        return self.client("s3", f"AKIA{name}", "s")

    def put(self, key, body=b"x", **arguments):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **arguments)

    def get(self, key, **arguments):
        return self.s3.get_object(Bucket=self.bucket, Key=key, **arguments)["Body"].read()

    def refused(self, code, call, *arguments, status=None, **named):
        """The call is refused with this code; the error is returned."""
        with self.assertRaises(ClientError) as caught:
            call(*arguments, **named)
        response = caught.exception.response
        self.assertEqual(response["Error"]["Code"], code, response)
        if status is not None:
            self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], status)
        return response


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action, resource="*", **rest):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **rest}


def deny(action, resource="*", **rest):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **rest}


def main():
    unittest.main(verbosity=2)
