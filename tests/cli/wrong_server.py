"""An S3 server that is wrong in a way that a test chooses: no signatures, no conditions, faults."""

import email.utils
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape


class WrongServer:
    def __init__(self):
        self.objects, self.requests, self.lock = {}, [], threading.Lock()
        self.fault = lambda request: None  # (status, code, headers) or None
        self.clock_ahead = 0
        self.honours_conditions = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                server.answer(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = answer

            def log_message(self, *_):
                pass

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(time.time() + server.clock_ahead, usegmt=True)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def location(self, bucket="bucket", prefix="p"):
        return f"s3:http://127.0.0.1:{self.server.server_port}/{bucket}/{prefix}"

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        _, _, key = url.path[1:].partition("/")
        with self.lock:
            self.requests.append((request.command, key, query))
            fault = self.fault(request)
            if fault is None:
                fault = self.do(request, key, query, body)
        status, content, headers = fault
        if status >= 300:
            content = f"<Error><Code>{content}</Code><Message>m</Message></Error>".encode()
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        if "Content-Length" not in headers:
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content)

    def do(self, request, key, query, body):
        method = request.command
        if not key:
            if set(query) & {"versioning", "object-lock", "lifecycle"}:
                return 501, "NotImplemented", {}
            return 200, self.listing(query.get("prefix", "")), {}
        if method == "PUT":
            if self.honours_conditions and key in self.objects and request.headers.get("If-None-Match"):
                return 412, "PreconditionFailed", {}
            self.objects[key] = body
            return 200, b"", {}
        if method == "DELETE":
            self.objects.pop(key, None)
            return 204, b"", {}
        if key not in self.objects:
            return 404, "NoSuchKey", {}
        content = self.objects[key]
        if method == "HEAD":
            return 200, b"", {"Content-Length": str(len(content))}
        wanted = request.headers.get("Range")
        if wanted is None:
            return 200, content, {}
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        if int(first) >= len(content):
            return 416, "InvalidRange", {}
        return 206, content[int(first):int(last) + 1 if last else None], {}

    def listing(self, prefix):
        keys = "".join(f"<Contents><Key>{escape(k)}</Key><Size>{len(self.objects[k])}</Size>"
                       "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                       for k in sorted(self.objects) if k.startswith(prefix))
        return f"<ListBucketResult>{keys}<IsTruncated>false</IsTruncated></ListBucketResult>".encode()
