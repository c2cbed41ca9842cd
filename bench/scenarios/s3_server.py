"""The S3 server of the rows over a network: versitygw as the tests start it, and the delay in front of it."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

from measure import WrongResult, bytes_below

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "cli"))
import gateway  # noqa: E402

BUCKET, PREFIX = "bench", "backups"
STREAMS = 8              # Perdure's parallel requests, unless --set s3.connections says otherwise
OBJECT_BYTES = 64 << 20  # of a pack


class Server:
    """One bucket of an S3 server of its own, each answer `delay_ms` later than the server gives it."""

    def __init__(self, delay_ms: int) -> None:
        self.gateway = gateway.Gateway()
        self.gateway.make_bucket(BUCKET)
        self.port, self.proxy = self.gateway.port, None
        if delay_ms:
            self.port = gateway.free_port()
            self.proxy = subprocess.Popen(
                [sys.executable, str(HERE / "delay_proxy.py"), str(self.port), str(self.gateway.port), str(delay_ms)],
                preexec_fn=gateway.end_with_parent)
            self.wait_for_proxy()

    def wait_for_proxy(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise WrongResult("the delaying proxy does not listen")

    def stop(self) -> None:
        if self.proxy is not None:
            self.proxy.kill()
            self.proxy.wait()
        self.gateway.stop()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def keys(self) -> tuple[str, str]:
        return self.gateway.ACCESS, self.gateway.SECRET

    def environment(self) -> dict[str, str]:
        return self.gateway.environment() | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1"}

    @property
    def folder(self) -> pathlib.Path:
        """Where the server keeps the objects of the repository, each as a file."""
        return self.gateway.path(PREFIX, BUCKET)

    def stored(self) -> int:
        return bytes_below(self.folder)

    def adopt(self, repository: pathlib.Path) -> None:
        """Serves a repository that was made in a folder."""
        shutil.copytree(repository, self.folder)

    def plain_loop(self, what: str, size: int) -> float:
        """Seconds of a plain parallel loop that puts or gets as many bytes."""
        done = subprocess.run(
            [sys.executable, str(HERE / "plain_loop.py"), what, str(self.port), BUCKET, "plain", str(size),
             str(OBJECT_BYTES), str(STREAMS)],
            env={**os.environ, **self.environment()}, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise WrongResult(f"the plain loop failed: {done.stderr}")
        return float(done.stdout)

    def forget_plain(self) -> None:
        shutil.rmtree(self.gateway.path("plain", BUCKET), ignore_errors=True)
