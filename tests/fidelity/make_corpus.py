#!/usr/bin/env python3
"""Makes the fidelity corpus: every kind of entry, name, attribute and time that a filesystem allows.

    make_corpus.py DIR            make it in DIR, which must be empty or not exist
    make_corpus.py --small DIR    without the rows that take long to make (10,000 links, depth 2,000)
    make_corpus.py --unprotect DIR   take immutable and append-only off everything in DIR

Needs root for owners, devices and most attributes. Prints a line for each row that was left out and why
(the filesystem, or missing rights), and the number of rows made. What lies in DIR/deep has paths that
most tools cannot name; compare.sh looks at it separately.
"""

import errno
import fcntl
import os
import random
import socket
import stat
import struct
import sys
import unicodedata

FS_IOC_GETFLAGS = 0x80086601
FS_IOC_SETFLAGS = 0x40086602
FS_IOC_FSGETXATTR = 0x801C581F
FS_IOC_FSSETXATTR = 0x401C5820
FICLONE = 0x40049409
IMMUTABLE, APPEND, NODUMP, NOATIME = 0x10, 0x20, 0x40, 0x80
SYNC, COMPR, NOCOMP, DIRSYNC, TOPDIR = 0x8, 0x4, 0x400, 0x10000, 0x20000
NOCOW, PROJINHERIT, CASEFOLD = 0x800000, 0x20000000, 0x40000000

MIB = 1 << 20
ROWS = []


def row(function):
    ROWS.append(function)
    return function


def write(path, data=b"content\n"):
    with open(path, "wb") as file:
        file.write(data)


def noise(size):
    return random.Random(size).randbytes(size)


def flags_of(fd):
    return struct.unpack("I", fcntl.ioctl(fd, FS_IOC_GETFLAGS, b"\0" * 4)[:4])[0]


def set_flags(path, flags):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("I", flags_of(fd) | flags))
        if flags_of(fd) & flags != flags:
            raise OSError(errno.EOPNOTSUPP, "flag not kept")
    finally:
        os.close(fd)


def set_project(path, project, inherit=False):
    fd = os.open(path, os.O_RDONLY)
    try:
        fields = list(struct.unpack("IIIII8s", fcntl.ioctl(fd, FS_IOC_FSGETXATTR, b"\0" * 28)))
        fields[3] = project
        if inherit:
            fields[0] |= 0x200
        fcntl.ioctl(fd, FS_IOC_FSSETXATTR, struct.pack("IIIII8s", *fields))
    finally:
        os.close(fd)


def sparse(path, size, pieces):
    with open(path, "wb") as file:
        for offset, data in pieces:
            file.seek(offset)
            file.write(data)
        file.truncate(size)


# ---- content


@row
def content_sizes(d):
    for boundary in (512, 4096, 16384, 65536, MIB):
        for size in (boundary - 1, boundary, boundary + 1):
            write(f"{d}/{size}", noise(size))
    write(d + "/empty", b"")
    write(d + "/one", b"x")
    write(d + "/larger", noise(5 * MIB + 13))


@row
def content_zero(d):
    write(d + "/zeros", b"\0" * (3 * MIB))
    write(d + "/zero-tail", noise(100) + b"\0" * MIB)


@row
def holes(d):
    sparse(d + "/start", 4 * MIB, [(3 * MIB, noise(MIB))])
    sparse(d + "/middle", 4 * MIB, [(0, noise(MIB)), (3 * MIB, noise(MIB))])
    sparse(d + "/end", 4 * MIB, [(0, noise(MIB))])
    sparse(d + "/all", 4 * MIB, [])
    sparse(d + "/many", 64 * MIB, [(i * MIB, noise(5000)) for i in range(64)])
    sparse(d + "/unaligned", 4 * MIB + 77, [(MIB + 13, b"x"), (3 * MIB - 1, b"yz")])


@row
def over_4_gib(d):
    sparse(d + "/file", (4 << 30) + 12345, [(0, noise(5000)), ((4 << 30) - 3, noise(4000))])


@row
def one_tib_sparse(d):
    sparse(d + "/file", 1 << 40, [(1 << 39, noise(9000))])


@row
def preallocated(d):
    with open(d + "/file", "wb") as file:
        file.write(noise(10000))
        file.flush()
        os.posix_fallocate(file.fileno(), 0, 2 * MIB)


@row
def reflink(d):
    write(d + "/a", noise(MIB))
    with open(d + "/a", "rb") as a, open(d + "/b", "wb") as b:
        fcntl.ioctl(b.fileno(), FICLONE, a.fileno())


# ---- names


@row
def name_bytes(d):
    for byte in range(1, 256):
        if byte != ord("/"):
            write(os.fsencode(d) + b"/n" + bytes([byte]))


@row
def names(d):
    base = os.fsencode(d) + b"/"
    for name in (b"-rf", b"--help", b"two\nlines", b" ", b"...", b"~", b"$HOME", b"a\\b", b"*", b"x" * 255,
                 b"\xff\xfe", b"\xc3\x28", b"CASE", b"case", b"Case", b"C:", b"a'b\"c", b"\xe2\x80\xae"):
        write(base + name)
    for form in ("NFC", "NFD"):
        write(base + unicodedata.normalize(form, "\u00e9-" + "name").encode())
    os.mkdir(base + b"dir\xff\n")
    write(base + b"dir\xff\n/file")
    # Names around '/' in the order of bytes: a tree walked in the wrong order shows here.
    for name in (b"o", b"o-", b"o.d", b"o0"):
        os.mkdir(base + name)
        write(base + name + b"/x")


# ---- links


@row
def symlinks(d):
    for name, target in (("dangling", "no/where"), ("absolute", "/etc/passwd"), ("loop", "loop"),
                         ("up", "../../.."), ("dot", "."), ("slash", "a//b/"), ("spaces", " \n ")):
        os.symlink(target, f"{d}/{name}")
    os.symlink(b"\xff\xfe/\n", os.fsencode(d) + b"/not-utf-8")
    os.symlink("x" * 1000, d + "/long")


@row
def symlink_4k(d):
    os.symlink("y" * 4095, d + "/link")


@row
def symlink_owner_and_time(d):
    os.symlink("t", d + "/link")
    os.chown(d + "/link", 4711, 4712, follow_symlinks=False)
    os.utime(d + "/link", ns=(0, 1_234_567_890_123_456_789), follow_symlinks=False)


@row
def symlink_xattr(d):
    os.symlink("t", d + "/link")
    os.setxattr(d + "/link", "trusted.link", b"value", follow_symlinks=False)


@row
def hard_links(d):
    os.makedirs(d + "/a/b")
    write(d + "/first")
    for name in ("second", "a/third", "a/b/fourth"):
        os.link(d + "/first", f"{d}/{name}")
    write(d + "/empty", b"")
    os.link(d + "/empty", d + "/a/empty")
    os.symlink("t", d + "/symlink")
    os.link(d + "/symlink", d + "/symlink2", follow_symlinks=False)
    os.mkfifo(d + "/fifo")
    os.link(d + "/fifo", d + "/fifo2")


@row
def hard_link_device(d):
    os.mknod(d + "/null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.link(d + "/null", d + "/null2")


@row
def hard_links_10000(d):
    write(d + "/file")
    for i in range(10000):
        sub = f"{d}/{i // 100}"
        if i % 100 == 0:
            os.mkdir(sub)
        os.link(d + "/file", f"{sub}/{i}")


# ---- special files


@row
def special(d):
    os.mkfifo(d + "/fifo", 0o622)
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(d)
    listener.bind("socket")
    os.chdir(here)
    listener.close()


@row
def devices(d):
    os.mknod(d + "/char", stat.S_IFCHR | 0o660, os.makedev(1, 5))
    os.mknod(d + "/block", stat.S_IFBLK | 0o640, os.makedev(7, 1 << 10))
    os.mknod(d + "/larger", stat.S_IFCHR | 0o600, os.makedev(511, (1 << 18) - 1))


@row
def device_largest(d):
    os.mknod(d + "/largest", stat.S_IFCHR | 0o600, os.makedev(4095, (1 << 20) - 1))


@row
def whiteout(d):
    os.mknod(d + "/whiteout", stat.S_IFCHR, os.makedev(0, 0))


# ---- modes and owners


@row
def modes(d):
    for mode in (0o4755, 0o2755, 0o1644, 0o6711, 0o7777, 0, 0o400, 0o200, 0o111, 0o777):
        write(f"{d}/file-{mode:o}")
        os.chmod(f"{d}/file-{mode:o}", mode)
    for mode in (0o1777, 0o2775, 0, 0o500, 0o4755):
        os.mkdir(f"{d}/dir-{mode:o}")
        write(f"{d}/dir-{mode:o}/below")
        os.chmod(f"{d}/dir-{mode:o}", mode)


@row
def owners(d):
    for uid, gid in ((65534, 65534), (1, 0), (0, 1), (987654, 876543), (2**32 - 2, 2**32 - 2)):
        for name, mode in ((f"{uid}-{gid}", 0o640), (f"{uid}-{gid}-setuid", 0o6755)):
            write(f"{d}/{name}")
            os.chown(f"{d}/{name}", uid, gid)
            os.chmod(f"{d}/{name}", mode)
        os.mkdir(f"{d}/dir-{uid}-{gid}")
        os.chown(f"{d}/dir-{uid}-{gid}", uid, gid)


# ---- times


def times(d, moments):
    for name, moment in moments:
        write(f"{d}/{name}")
        os.utime(f"{d}/{name}", ns=(moment, moment))
        if os.stat(f"{d}/{name}").st_mtime_ns != moment:
            raise OSError(errno.EOVERFLOW, f"time {name} not kept")


@row
def times_ordinary(d):
    times(d, (("epoch", 0), ("nanosecond", 1), ("last", 999_999_999), ("now", 1_789_000_000_123_456_789)))
    os.mkdir(d + "/dir")
    write(d + "/dir/newer")
    os.utime(d + "/dir", ns=(5, 1_000_000_000_000_000_007))


@row
def times_before_1970(d):
    times(d, (("1969", -1), ("1969b", -1_000_000_001), ("1901", -2_147_483_648 * 10**9)))


@row
def times_2038(d):
    times(d, (("2038", (2**31) * 10**9 + 5), ("2038b", (2**31 - 1) * 10**9)))


@row
def times_2106(d):
    times(d, (("2106", (2**32) * 10**9 + 7), ("2200", 7_258_118_400 * 10**9 + 1)))


# ---- attributes


def acl(*entries):
    # A default ACL and an access ACL have the same form: version 2, then tag, permissions, id.
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


NOBODY = 2**32 - 1
ACL = acl((1, 6, NOBODY), (2, 4, 4242), (4, 0, NOBODY), (8, 5, 4343), (16, 5, NOBODY), (32, 0, NOBODY))


@row
def xattr_user(d):
    write(d + "/file")
    for target in (d, d + "/file"):
        os.setxattr(target, "user.text", b"value")
        os.setxattr(target, "user.empty", b"")
        os.setxattr(target, "user.binary", bytes(range(256)))
        os.setxattr(target, b"user.\xff\xfe", b"name that is not UTF-8")


@row
def xattr_many(d):
    write(d + "/file")
    for i in range(60):
        os.setxattr(d + "/file", f"user.attribute-{i}", b"v" * (i % 17))


@row
def xattr_read_only_file(d):
    write(d + "/file")
    os.setxattr(d + "/file", "user.a", b"1")
    os.chmod(d + "/file", 0o400)


@row
def xattr_trusted(d):
    write(d + "/file")
    os.setxattr(d + "/file", "trusted.a", b"1")
    os.mkdir(d + "/opaque")
    os.setxattr(d + "/opaque", "trusted.overlay.opaque", b"y")


@row
def xattr_security(d):
    write(d + "/file")
    os.setxattr(d + "/file", "security.ours", b"1")


@row
def xattr_selinux(d):
    write(d + "/file")
    os.setxattr(d + "/file", "security.selinux", b"system_u:object_r:etc_t:s0\0")


@row
def xattr_3k(d):
    write(d + "/file")
    os.setxattr(d + "/file", "user.large", noise(3000))


@row
def xattr_64k(d):
    write(d + "/file")
    os.setxattr(d + "/file", "user.largest", noise(65536))


@row
def xattr_special(d):
    os.mkfifo(d + "/fifo")
    os.setxattr(d + "/fifo", "trusted.fifo", b"1")
    os.mknod(d + "/device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.setxattr(d + "/device", "trusted.device", b"1")


@row
def acls(d):
    write(d + "/file")
    os.setxattr(d + "/file", "system.posix_acl_access", ACL)
    os.mkdir(d + "/dir")
    os.setxattr(d + "/dir", "system.posix_acl_default", ACL)
    os.setxattr(d + "/dir", "system.posix_acl_access", ACL)
    write(d + "/dir/inherits")
    write(d + "/dir/bare")
    os.removexattr(d + "/dir/bare", "system.posix_acl_access")
    os.mkdir(d + "/dir/sub")
    os.mkdir(d + "/dir/sub-bare")
    os.removexattr(d + "/dir/sub-bare", "system.posix_acl_default")
    os.removexattr(d + "/dir/sub-bare", "system.posix_acl_access")


@row
def capabilities(d):
    v2 = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    v3 = struct.pack("<IIIIII", 0x03000001, 1 << 13, 0, 0, 0, 100000)
    for name, value in (("v2", v2), ("v3", v3)):
        write(f"{d}/{name}")
        os.chown(f"{d}/{name}", 1000, 1000)
        os.chmod(f"{d}/{name}", 0o755)
        os.setxattr(f"{d}/{name}", "security.capability", value)


def flag_row(name, flags, directory=False):
    def make(d):
        if directory:
            os.mkdir(d + "/dir")
            if flags & CASEFOLD:
                set_flags(d + "/dir", flags)
                write(d + "/dir/Below")
            else:
                write(d + "/dir/below")
                set_flags(d + "/dir", flags)
        else:
            write(d + "/file", b"" if flags & NOCOW else noise(10000))
            set_flags(d + "/file", flags)
            if flags & NOCOW:
                write(d + "/file", noise(10000))

    make.__name__ = "flag_" + name
    ROWS.append(make)


flag_row("immutable", IMMUTABLE)
flag_row("append", APPEND)
flag_row("nodump", NODUMP)
flag_row("noatime_sync", NOATIME | SYNC)
flag_row("compress", COMPR)
flag_row("nocompress", NOCOMP)
flag_row("nocow", NOCOW)
flag_row("immutable_dir", IMMUTABLE, True)
flag_row("append_dir", APPEND, True)
flag_row("nodump_dir", NODUMP, True)
flag_row("dirsync_dir", DIRSYNC, True)
flag_row("topdir_dir", TOPDIR, True)
flag_row("compress_dir", COMPR, True)
flag_row("nocow_dir", NOCOW, True)
flag_row("casefold_dir", CASEFOLD, True)


@row
def immutable_hard_link(d):
    write(d + "/a")
    os.link(d + "/a", d + "/b")
    os.chmod(d + "/a", 0o444)
    set_flags(d + "/a", IMMUTABLE)


@row
def project_id(d):
    write(d + "/file")
    set_project(d + "/file", 4242)
    os.mkdir(d + "/dir")
    set_project(d + "/dir", 4343, inherit=True)
    write(d + "/dir/below")
    write(d + "/dir/none")
    set_project(d + "/dir/none", 0)


# ---- depth: compare.sh looks at deep/ by itself


def nest(at, name, depth):
    fd = os.open(at, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
        file = os.open("z", os.O_CREAT | os.O_WRONLY, 0o640, dir_fd=fd)
        os.write(file, b"deep")
        os.close(file)
    os.close(fd)


@row
def deep_beyond_path_max(d):
    nest(d, "n" * 200, 40)


@row
def deep_2000(d):
    nest(d, "d", 2000)


SLOW = {"hard_links_10000", "deep_2000", "one_tib_sparse"}


def shallow_directories(root):
    found = []
    for directory, below, _ in os.walk(root):
        found.append(directory)
        if os.path.basename(directory) == "deep":
            below.clear()  # too deep for paths
    return found


def make(root, small):
    made = 0
    os.makedirs(root + "/deep")
    for function in ROWS:
        name = function.__name__
        if small and name in SLOW:
            continue
        d = f"{root}/{'deep/' if name.startswith('deep_') else ''}{name}"
        os.mkdir(d)
        try:
            function(d)
            made += 1
        except OSError as error:
            print(f"left out: {name}: {os.strerror(error.errno) if error.errno else error}")
    # Directory times that are not those of making them.
    for i, directory in enumerate(shallow_directories(root)):
        try:
            os.utime(directory, ns=(0, 1_500_000_000_000_000_000 + i * 1_000_000_007))
        except PermissionError:
            pass  # immutable
    print(f"{made} rows made")


def unprotect(root):
    for directory in shallow_directories(root):
        for path in [directory] + [entry.path for entry in os.scandir(directory) if entry.is_file(follow_symlinks=False)]:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                flags = flags_of(fd)
                if flags & (IMMUTABLE | APPEND):
                    fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("I", flags & ~(IMMUTABLE | APPEND)))
                os.close(fd)
            except OSError:
                pass


def main():
    arguments = sys.argv[1:]
    small = "--small" in arguments
    clear = "--unprotect" in arguments
    paths = [a for a in arguments if not a.startswith("--")]
    if len(paths) != 1:
        sys.exit(__doc__)
    if clear:
        unprotect(paths[0])
    else:
        make(paths[0], small)


main()
