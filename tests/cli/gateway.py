"""versitygw, a real S3 server, on a loopback port for as long as a test lives.

The program is named by PERDURE_VERSITYGW, or is build/servers/bin/versitygw, where scripts/setup puts
it. Where it is missing the test fails.
"""

import base64
import ctypes
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

SOURCE = pathlib.Path(os.environ.get("PERDURE_SOURCE", pathlib.Path(__file__).parents[2]))
PROGRAM = os.environ.get("PERDURE_VERSITYGW") or str(SOURCE / "build/servers/bin/versitygw")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Gateway:
    ACCESS, SECRET = "root", "secret"

    def __init__(self, region="us-east-1", certificate=None):
        """`certificate`: (certificate file, key file) for TLS."""
        if not os.access(PROGRAM, os.X_OK):
            raise AssertionError(f"{PROGRAM} is not there: run scripts/setup")
        # On a disk: the server keeps extended attributes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="perdure-s3-", dir=os.environ.get("TMPDIR", "/var/tmp")))
        for name in ("data", "iam", "versions"):
            (self.dir / name).mkdir()
        self.port, self.admin_port = free_port(), free_port()
        self.scheme = "https" if certificate else "http"
        words = [PROGRAM, "--port", f"127.0.0.1:{self.port}", "--admin-port", f"127.0.0.1:{self.admin_port}",
                 "--region", region, "--iam-dir", str(self.dir / "iam"), "--keep-alive", "-q"]
        if certificate:
            words += ["--cert", str(certificate[0]), "--key", str(certificate[1])]
        words += ["posix", "--versioning-dir", str(self.dir / "versions"), str(self.dir / "data")]
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                words, stdout=log, stderr=log, preexec_fn=end_with_parent,
                env={"ROOT_ACCESS_KEY": self.ACCESS, "ROOT_SECRET_KEY": self.SECRET, "PATH": os.environ["PATH"]})
        for port in (self.port, self.admin_port):
            self.wait_for(port)

    def wait_for(self, port):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        log = (self.dir / "log").read_text(errors="replace")
        self.stop()
        raise AssertionError(f"{PROGRAM} does not serve: {log}")

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def endpoint(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def location(self, bucket="bucket", prefix="backups/web"):
        return f"s3:{self.endpoint}/{bucket}/{prefix}"

    def make_bucket(self, name="bucket"):
        (self.dir / "data" / name).mkdir()

    def objects(self, bucket="bucket"):
        """Keys, without the server's own files."""
        root = self.dir / "data" / bucket
        return sorted(str(p.relative_to(root)) for p in root.rglob("*")
                      if p.is_file() and not str(p.relative_to(root)).startswith(".sgwtmp"))

    def path(self, key, bucket="bucket"):
        return self.dir / "data" / bucket / key

    def add_user(self, name, secret):
        subprocess.run(
            [PROGRAM, "admin", "--allow-insecure", "-a", self.ACCESS, "-s", self.SECRET, "--endpoint-url",
             f"http://127.0.0.1:{self.admin_port}", "create-user", "--access", name, "--secret", secret,
             "--role", "user"], check=True, capture_output=True)

    def environment(self, access=None, secret=None):
        return {"AWS_ACCESS_KEY_ID": access or self.ACCESS, "AWS_SECRET_ACCESS_KEY": secret or self.SECRET,
                "AWS_EC2_METADATA_DISABLED": "true"}

    def request(self, method, path, query=(), body=b""):
        """A request as the server's owner; `query` are pairs, sorted by name."""
        status, answer = self.attempt(method, path, query, body)
        if status >= 300:
            raise AssertionError(f"{method} {path}?{query}: {status} {answer!r}")
        return answer

    def attempt(self, method, path, query=(), body=b"", access=None, secret=None, headers_more=None):
        """The status and the answer, whatever they are."""
        access, secret = access or self.ACCESS, secret or self.SECRET
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": f"127.0.0.1:{self.port}", "x-amz-content-sha256": digest, "x-amz-date": now}
        text = "&".join(f"{name}={urllib.parse.quote(value, safe='')}" for name, value in query)
        names = ";".join(headers)
        canonical = "\n".join([method, f"/{path}", text, *(f"{n}:{v}" for n, v in headers.items()), "", names, digest])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + secret.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, "
                                    f"Signature={signature}")
        if body:
            headers["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, f"/{path}?{text}", body=body, headers={**headers, **(headers_more or {})})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, answer

    def set_policy(self, statements, bucket="bucket"):
        policy = {"Version": "2012-10-17", "Statement": statements}
        self.request("PUT", bucket, [("policy", "")], json.dumps(policy).encode())

    def keep_versions(self, bucket="bucket"):
        self.request("PUT", bucket, [("versioning", "")],
                     b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                     b"<Status>Enabled</Status></VersioningConfiguration>")
