#!/usr/bin/env python3
"""listing.py [--unprivileged] DIR: everything about the entries below DIR, one line of JSON each, by path.

What golden trees are compared by. Taken with lstat and friends only, by nobody who knows Perdure. With --unprivileged what only root can
make again is left out: owners, devices, attributes outside user.*; so a listing made as root compares with what another user restored
(--strip does the same to a listing on standard input).
"""

import hashlib
import json
import os
import stat
import sys

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "character", stat.S_IFBLK: "block"}


def text(raw):
    return os.fsdecode(raw).encode("utf-8", "backslashreplace").decode()


def holes(path, size):
    """Whether the file takes less room than its content would."""
    return os.lstat(path).st_blocks * 512 + 4096 < size


def describe(path, relative, links):
    info = os.lstat(path)
    kind = KINDS[stat.S_IFMT(info.st_mode)]
    entry = {"path": text(relative), "type": kind, "mode": oct(stat.S_IMODE(info.st_mode)), "uid": info.st_uid,
             "gid": info.st_gid, "mtime": info.st_mtime_ns}
    if kind == "file":
        with open(path, "rb") as file:
            entry["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        entry["size"], entry["holes"] = info.st_size, holes(path, info.st_size)
    if kind == "symlink":
        entry["target"] = text(os.readlink(path))
    if kind in ("character", "block"):
        entry["device"] = [os.major(info.st_rdev), os.minor(info.st_rdev)]
    if kind != "directory" and info.st_nlink > 1:
        entry["same as"] = links.setdefault((info.st_dev, info.st_ino), text(relative))
    names = sorted(os.listxattr(path, follow_symlinks=False))
    if names:
        entry["xattrs"] = {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in names}
    return entry


def walk(folder, relative=b""):
    yield folder, relative
    if stat.S_ISDIR(os.lstat(folder).st_mode):
        for name in sorted(os.listdir(folder)):
            yield from walk(os.path.join(folder, name), os.path.join(relative, name) if relative else name)


def strip(entry):
    """Without what only root can restore; None for an entry of that kind."""
    if entry["type"] in ("character", "block"):
        return None
    kept = {key: value for key, value in entry.items() if key not in ("uid", "gid")}
    if "xattrs" in kept:
        kept["xattrs"] = {n: v for n, v in kept["xattrs"].items() if n.startswith("user.")}
        if not kept["xattrs"]:
            del kept["xattrs"]
    return kept


def main():
    unprivileged = "--unprivileged" in sys.argv
    if "--strip" in sys.argv:
        entries, unprivileged = map(json.loads, sys.stdin), True
    else:
        links = {}
        entries = (describe(path, relative, links) for path, relative in walk(os.fsencode(sys.argv[-1])))
    for entry in entries:
        entry = strip(entry) if unprivileged else entry
        if entry is not None:
            print(json.dumps(entry))


if __name__ == "__main__":
    main()
