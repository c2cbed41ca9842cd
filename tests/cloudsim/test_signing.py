"""Signatures, tokens and streamed bodies: what is not signed right is refused."""

import base64
import datetime
import http.client
import hashlib
import hmac
import urllib.parse
import urllib.request
import zlib

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness import CloudSimTest, REGION, main


class Signing(CloudSimTest):
    def send(self, method, path, body=b"", headers=None, secret="test", change=None, service="s3",
             region=REGION, key="test"):
        """Signs a request as botocore does, changes it, sends it: status, code."""
        request = AWSRequest(method, self.server.url + path, data=body, headers=headers or {})
        auth = S3SigV4Auth if service == "s3" else SigV4Auth
        auth(Credentials(key, secret), service, region).add_auth(request)
        prepared = request.prepare()
        sent = {"path": path, "body": body, "method": method, "headers": dict(prepared.headers.items())}
        if change is not None:
            change(sent)
        return self.raw(**sent)

    def raw(self, method, path, body=b"", headers=None):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.server.url).netloc, timeout=30)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        self.headers = dict(answer.getheaders())
        code = text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else ""
        return answer.status, code

    def test_what_is_signed_right_is_taken(self):
        self.assertEqual(self.send("PUT", "/bucket/k", b"body"), (200, ""))
        self.assertEqual(self.get("k"), b"body")

    def test_a_wrong_secret_and_an_unknown_key(self):
        self.assertEqual(self.send("GET", "/bucket/k", secret="other"), (403, "SignatureDoesNotMatch"))
        self.assertEqual(self.send("GET", "/bucket/k", key="nobody"), (403, "InvalidAccessKeyId"))

    def test_whatever_is_changed_on_the_way_is_noticed(self):
        def header(name, value):
            return lambda sent: sent["headers"].__setitem__(name, value)

        def no_header(name):
            return lambda sent: sent["headers"].pop(name)

        def path(value):
            return lambda sent: sent.__setitem__("path", value)

        mismatch = (403, "SignatureDoesNotMatch")
        for change, wanted in (
                (path("/bucket/other"), mismatch),
                (path("/bucket/k?versionId=null"), mismatch),
                (lambda sent: sent.__setitem__("method", "DELETE"), mismatch),
                (header("x-amz-meta-a", "2"), mismatch),
                (header("Host", "127.0.0.1:1"), mismatch),
                (header("x-amz-meta-new", "2"), (403, "AccessDenied")),
                (no_header("x-amz-meta-a"), mismatch),
                (lambda sent: sent.__setitem__("body", b"other"), (400, "XAmzContentSHA256Mismatch")),
                (header("X-Amz-Content-SHA256", hashlib.sha256(b"other").hexdigest()), mismatch),
                (no_header("X-Amz-Content-SHA256"), (400, "InvalidRequest")),
                (no_header("X-Amz-Date"), (403, "AccessDenied"))):
            self.assertEqual(self.send("PUT", "/bucket/k", b"body", {"x-amz-meta-a": "1"}, change=change), wanted)
        self.refused("NoSuchKey", self.get, "k")

    def test_a_scope_of_another_region_or_service(self):
        self.assertEqual(self.send("GET", "/bucket/k", region="eu-west-1"), (400, "AuthorizationHeaderMalformed"))
        self.assertEqual(self.headers["x-amz-bucket-region"], REGION)
        status, code = self.send("GET", "/bucket/k", service="kms")
        self.assertEqual((status, code), (501, ""))
        self.expects_unknown = ["kms:GET /bucket/k"]

    def test_clocks_that_differ(self):
        for skew, wanted in ((16 * 60, 403), (-16 * 60, 403), (10 * 60, 404), (-10 * 60, 404)):
            self.admin("PUT", "clock", {"skew_seconds": skew})
            status, code = self.send("GET", "/bucket/k")
            self.assertEqual((status, code), (wanted, "RequestTimeTooSkewed" if wanted == 403 else "NoSuchKey"))
            told = datetime.datetime.strptime(self.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=datetime.timezone.utc)
            seen = (told - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
            self.assertAlmostEqual(seen, skew, delta=10)

    def test_presigned_urls(self):
        self.put("k", b"body")
        url = self.client("s3", signature_version="s3v4").generate_presigned_url("get_object", {"Bucket": self.bucket, "Key": "k"}, ExpiresIn=60)
        self.assertEqual(urllib.request.urlopen(url).read(), b"body")
        path = url[len(self.server.url):]
        self.assertEqual(self.raw("GET", path.replace("/k?", "/other?")), (403, "SignatureDoesNotMatch"))
        self.assertEqual(self.raw("GET", path.replace("X-Amz-Expires=60", "X-Amz-Expires=600")), (403, "SignatureDoesNotMatch"))
        self.assertEqual(self.raw("PUT", path), (403, "SignatureDoesNotMatch"))
        self.admin("PUT", "clock", {"skew_seconds": 120})
        self.assertEqual(self.raw("GET", path), (403, "AccessDenied"))

    def test_who_signs_nothing_is_nobody(self):
        self.put("k")
        self.assertEqual(self.raw("GET", "/bucket/k"), (403, "AccessDenied"))

    # AWS's own example of a body in signed chunks (sigv4-streaming.html).
    KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    def chunk_key(self, day):
        key = ("AWS4" + self.SECRET).encode()
        for part in (day, REGION, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key

    def chunked(self, chunks, trailer=None, spoil=None):
        """A PUT whose chunks are signed by code of this test; `spoil` changes the body."""
        self.identities(users=[{"name": "chunky", "keys": [{"id": self.KEY, "secret": self.SECRET}], "policies": {"p": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}}])
        kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
        headers = {"x-amz-content-sha256": kind, "x-amz-decoded-content-length": str(sum(map(len, chunks))), "Content-Encoding": "aws-chunked"}
        if trailer:
            headers["x-amz-trailer"] = trailer[0]
        result = []

        def fill(sent):
            signed = sent["headers"]["Authorization"].split("Signature=")[1]
            time = sent["headers"]["X-Amz-Date"]
            scope = f"{time[:8]}/{REGION}/s3/aws4_request"
            empty = hashlib.sha256(b"").hexdigest()

            def sign(kind, what):
                text = f"{kind}\n{time}\n{scope}\n{signed}\n{what}"
                return hmac.new(self.chunk_key(time[:8]), text.encode(), hashlib.sha256).hexdigest()

            body = b""
            for chunk in [*chunks, b""]:
                signed = sign("AWS4-HMAC-SHA256-PAYLOAD", f"{empty}\n{hashlib.sha256(chunk).hexdigest()}")
                body += b"%x;chunk-signature=%s\r\n%s" % (len(chunk), signed.encode(), chunk + b"\r\n" if chunk else b"")
            if trailer:
                signed = sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(f"{trailer[0]}:{trailer[1]}\n".encode()).hexdigest())
                body += f"{trailer[0]}:{trailer[1]}\r\nx-amz-trailer-signature:{signed}\r\n".encode()
            body += b"\r\n"
            sent["body"] = spoil(body) if spoil else body
            result.append(sent)

        class Auth(S3SigV4Auth):
            def payload(self, request):
                return kind

        request = AWSRequest("PUT", self.server.url + "/bucket/chunked", data=b"", headers=headers)
        auth = Auth(Credentials(self.KEY, self.SECRET), "s3", REGION)
        auth.add_auth(request)
        sent = {"method": "PUT", "path": "/bucket/chunked", "headers": dict(request.headers.items())}
        sent["headers"].pop("Content-Length", None)
        fill(sent)
        return self.raw(**sent)

    def test_a_body_in_signed_chunks(self):
        chunks = [b"a" * 65536, b"a" * 1024]
        self.assertEqual(self.chunked(chunks), (200, ""))
        self.assertEqual(self.get("chunked"), b"a" * 66560)
        self.assertNotIn("ContentEncoding", self.s3.head_object(Bucket=self.bucket, Key="chunked"))
        mismatch = (403, "SignatureDoesNotMatch")
        self.assertEqual(self.chunked(chunks, spoil=lambda body: body.replace(b"aaaa", b"aaab", 1)), mismatch)
        self.assertEqual(self.chunked(chunks, spoil=lambda body: body.replace(b"chunk-signature=", b"chunk-signature=0", 1)), mismatch)
        self.assertEqual(self.chunked(chunks, spoil=lambda body: body[:70000 - 4000]), (400, "IncompleteBody"))

    def test_a_signed_trailer_holds_the_checksum(self):
        crc = base64.b64encode(zlib.crc32(b"body").to_bytes(4, "big")).decode()
        self.assertEqual(self.chunked([b"body"], ("x-amz-checksum-crc32", crc)), (200, ""))
        self.assertEqual(self.chunked([b"body"], ("x-amz-checksum-crc32", "AAAAAA==")), (400, "BadDigest"))
        self.assertEqual(self.chunked([b"body"], ("x-amz-checksum-crc32", crc), lambda b: b.replace(crc.encode(), b"AAAAAA==")), (403, "SignatureDoesNotMatch"))

    def test_an_unsigned_trailer_holds_the_checksum(self):
        crc = base64.b64encode(zlib.crc32(b"body").to_bytes(4, "big")).decode()
        for value, wanted in ((crc, (200, "")), ("AAAAAA==", (400, "BadDigest"))):
            body = b"4\r\nbody\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % value.encode()
            headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "4", "x-amz-trailer": "x-amz-checksum-crc32"}

            class Auth(S3SigV4Auth):
                def payload(self, request):
                    return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

            request = AWSRequest("PUT", self.server.url + "/bucket/trailer", data=b"", headers=headers)
            Auth(Credentials("test", "test"), "s3", REGION).add_auth(request)
            sent = dict(request.headers.items())
            sent.pop("Content-Length", None)
            self.assertEqual(self.raw("PUT", "/bucket/trailer", body, sent), wanted)

    def test_a_body_in_chunks_of_the_transfer(self):
        url = self.client("s3", signature_version="s3v4").generate_presigned_url("put_object", {"Bucket": self.bucket, "Key": "k"})
        netloc = urllib.parse.urlsplit(self.server.url).netloc
        connection = http.client.HTTPConnection(netloc)
        connection.request("PUT", url[len(self.server.url):], iter([b"one", b"two"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        self.assertEqual(self.get("k"), b"onetwo")

    def test_other_services_encode_paths_twice(self):
        sts = self.client("sts")
        self.assertEqual(sts.get_caller_identity()["Account"], "123456789012")
        self.refused("SignatureDoesNotMatch", self.client("sts", secret="no").get_caller_identity)


class Connections(CloudSimTest):
    def test_connections_are_kept_and_counted(self):
        before = self.admin("GET", "connections")
        for number in range(20):
            self.put(f"k{number}")
        after = self.admin("GET", "connections")
        # Each call of the admin API is a connection of its own.
        self.assertLessEqual(after["connections"] - before["connections"], 2)
        self.assertEqual(len({call["connection"] for call in self.calls(operation="PutObject")}), 1)


if __name__ == "__main__":
    main()
