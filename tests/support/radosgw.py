"""A Ceph cluster of one monitor and one disk in memory, with the S3 gateway, on loopback ports: made new, served
until standard input ends, and gone. Prints "listening on http://127.0.0.1:PORT" when it serves.

Needs radosgw, ceph-mon and ceph-osd (scripts/setup --long). The user is `root` with the secret `secret`.
"""

import base64
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid

PROGRAMS = ("ceph-mon", "ceph-osd", "ceph", "radosgw", "radosgw-admin", "ceph-authtool", "monmaptool")
ACCESS, SECRET = "root", "secret"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def new_key():
    """A key of cephx: type, time, length, sixteen random bytes."""
    now = time.time()
    return base64.b64encode(struct.pack("<hiih", 1, int(now), int(now % 1 * 1e9), 16) + os.urandom(16)).decode()


class Cluster:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="perdure-ceph-", dir="/var/tmp"))
        self.processes = []
        self.fsid = str(uuid.uuid4())
        self.port = free_port()
        self.env = {**os.environ, "CEPH_CONF": str(self.dir / "ceph.conf"), "CEPH_ARGS": ""}

    def run(self, *words, **options):
        result = subprocess.run([*map(str, words)], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=120, **options)
        if result.returncode != 0:
            raise RuntimeError(f"{words}: {result.returncode}\n{result.stderr.decode(errors='replace')}")
        return result.stdout.decode()

    def start(self, *words):
        with open(self.dir / f"{words[0]}.out", "wb") as log:
            self.processes.append(subprocess.Popen([*map(str, words)], env=self.env, stdout=log, stderr=log,
                                                   stdin=subprocess.DEVNULL, preexec_fn=end_with_parent))

    def write_configuration(self):
        keyring = self.dir / "keyring"
        parts = []
        for name, capabilities in (("mon.", ["mon = allow *"]),
                                   ("client.admin", ["mon = allow *", "osd = allow *", "mds = allow *", "mgr = allow *"]),
                                   ("osd.0", ["mon = allow profile osd", "osd = allow *"]),
                                   ("client.rgw", ["mon = allow rw", "osd = allow rwx"])):
            caps = "".join(f'\tcaps {c.split(" = ")[0]} = "{c.split(" = ")[1]}"\n' for c in capabilities)
            parts.append(f"[{name}]\n\tkey = {new_key()}\n{caps}")
        keyring.write_text("".join(parts))
        keyring.chmod(0o600)
        self.mon_port = free_port()
        (self.dir / "ceph.conf").write_text(f"""
[global]
fsid = {self.fsid}
mon host = [v2:127.0.0.1:{self.mon_port}]
mon initial members = a
keyring = {keyring}
run dir = {self.dir}
admin socket = {self.dir}/$name.$pid.asok
log file = {self.dir}/$name.log
pid file =
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon max pg per osd = 1000
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 8589934592
mon data = {self.dir}/mon
osd data = {self.dir}/osd
mon data avail crit = 1
mon data avail warn = 2
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{self.port}
rgw data = {self.dir}/rgw
rgw enable usage log = false
""")
        for name in ("mon", "osd", "rgw"):
            (self.dir / name).mkdir()

    def serve(self):
        self.write_configuration()
        map_file = self.dir / "monmap"
        self.run("monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", f"[v2:127.0.0.1:{self.mon_port}]", map_file)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", map_file, "--keyring", self.dir / "keyring")
        self.start("ceph-mon", "-f", "-i", "a")
        osd_id = str(uuid.uuid4())
        self.run("ceph", "--connect-timeout", "60", "osd", "new", osd_id)
        self.run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd_id)
        self.start("ceph-osd", "-f", "-i", "0")
        self.start("radosgw", "-f", "-n", "client.rgw")
        self.wait()
        self.run("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid", "tests", "--display-name", "tests",
                 "--access-key", ACCESS, "--secret-key", SECRET)

    def wait(self):
        end = time.monotonic() + 240
        while time.monotonic() < end:
            for process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args} ended with {process.returncode}; see {self.dir}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"the gateway does not serve; see {self.dir}")

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def main():
    end_with_parent()
    missing = [p for p in PROGRAMS if shutil.which(p) is None]
    if missing:
        sys.exit(f"{', '.join(missing)} missing: run scripts/setup --long")
    cluster = Cluster()
    try:
        cluster.serve()
        print(f"listening on http://127.0.0.1:{cluster.port}", flush=True)
        sys.stdin.buffer.read()
    except RuntimeError as error:
        sys.exit(str(error))
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
