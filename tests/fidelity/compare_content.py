#!/usr/bin/env python3
"""Compares what compare.sh's other tools cannot: holes, content of huge sparse files, and deep/.

    compare_content.py A B      prints each difference; exit code 1 if there is any

Holes by SEEK_DATA/SEEK_HOLE: a file that is sparse in A has the same holes in B. A file with space
allocated for all of it in A (written or reserved) may have any in B. None takes more space in B.
"""

import hashlib
import os
import stat
import sys

CHUNK = 1 << 20
differences = 0


def differ(path, what):
    global differences
    differences += 1
    shown = os.fsdecode(path)
    print(f"{shown if len(shown) < 200 else shown[:100] + '...' + shown[-80:]}: {what}")


def extents(fd, size):
    # What others have read of space that is only reserved counts as data for as long as it is cached.
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    found, at = [], 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        found.append((start, at))
    return found


def digest(fd, ranges):
    hashed = hashlib.sha256()
    for start, end in ranges:
        while start < end:
            data = os.pread(fd, min(CHUNK, end - start), start)
            if not data:
                break
            hashed.update(data)
            start += len(data)
    return hashed.hexdigest()


def compare_file(path, a, b):
    info_a, info_b = os.fstat(a), os.fstat(b)
    if info_a.st_size != info_b.st_size:
        return differ(path, f"size {info_a.st_size} and {info_b.st_size}")
    map_a, map_b = extents(a, info_a.st_size), extents(b, info_b.st_size)
    if info_a.st_blocks * 512 < info_a.st_size:
        if map_a != map_b:
            differ(path, f"holes differ: data at {map_a[:5]} and {map_b[:5]}")
    if info_b.st_blocks > info_a.st_blocks + 16:
        differ(path, f"takes {info_b.st_blocks} sectors instead of {info_a.st_blocks}")
    # Where both have a hole there is nothing to read.
    either = sorted(map_a + map_b)
    merged = []
    for start, end in either:
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([start, end])
    if digest(a, merged) != digest(b, merged):
        differ(path, "content differs")


def kind(info):
    return (stat.S_IFMT(info.st_mode), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns)


FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def compare_trees(a, b):
    """Two directories, by descriptors level by level: paths may be of any length and depth."""
    stack = [(os.open(a, FLAGS), os.open(b, FLAGS), b"")]
    while stack:
        fd_a, fd_b, path = stack.pop()
        names_a = sorted(os.fsencode(n) for n in os.listdir(fd_a))
        names_b = sorted(os.fsencode(n) for n in os.listdir(fd_b))
        if names_a != names_b:
            differ(path, f"names differ: {set(names_a) ^ set(names_b)}")
        for name in set(names_a) & set(names_b):
            below = path + b"/" + name
            info_a = os.stat(name, dir_fd=fd_a, follow_symlinks=False)
            info_b = os.stat(name, dir_fd=fd_b, follow_symlinks=False)
            if kind(info_a) != kind(info_b):
                differ(below, f"{kind(info_a)} and {kind(info_b)}")
            elif stat.S_ISDIR(info_a.st_mode) or stat.S_ISREG(info_a.st_mode):
                below_a = os.open(name, FLAGS, dir_fd=fd_a)
                below_b = os.open(name, FLAGS, dir_fd=fd_b)
                if stat.S_ISDIR(info_a.st_mode):
                    stack.append((below_a, below_b, below))
                    continue
                compare_file(below, below_a, below_b)
                os.close(below_a)
                os.close(below_b)
        os.close(fd_a)
        os.close(fd_b)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    compare_trees(sys.argv[1], sys.argv[2])
    sys.exit(1 if differences else 0)


main()
