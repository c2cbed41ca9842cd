"""Small file systems of their own on loop devices, for tests that fill them or compare them.

Where there are no loop devices, as in many containers, a disk to be filled is a tmpfs of that size,
which runs out of space as truly. PERDURE_NO_LOOP set: as if there were none.
"""

import contextlib
import errno
import functools
import os
import shutil
import subprocess

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
OPTIONS = {"ext4": ["-q", "-F", "-m", "0", "-O", "ea_inode"], "xfs": ["-q", "-f"], "btrfs": ["-q", "-f"]}


class Disk:
    """A file system and where it is mounted; gone at the end of the test."""

    def __init__(self, test, name, size):
        self.at = test.dir / name
        self.at.mkdir()
        test.addCleanup(self.unmount)

    def unmount(self):
        """Also in the middle of a test: its size is given back then."""
        if os.path.ismount(self.at):
            run("umount", self.at)

    def free(self):
        status = os.statvfs(self.at)
        return status.f_bavail * status.f_frsize

    def fill(self, leave=0):
        """Somebody else's file that takes what is left."""
        try:
            file = open(self.at / "filler", "wb", buffering=0)
        except OSError as failed:
            if failed.errno == errno.ENOSPC:  # not even room for a name: it is full already
                return
            raise
        with file:
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, max(1, self.free() - leave))
            while self.free() > leave:
                try:
                    file.seek(0, os.SEEK_END)
                    file.write(b"x" * 1024)
                except OSError:
                    return

    def free_what_was_filled(self):
        (self.at / "filler").unlink(missing_ok=True)


class LoopDisk(Disk):
    def __init__(self, test, name, size, kind="ext4"):
        super().__init__(test, name, size)
        self.image = test.dir / f"{name}.image"
        with open(self.image, "wb") as file:
            file.truncate(size)
        run(f"mkfs.{kind}", *OPTIONS[kind], self.image)
        run("mount", "-o", "loop", self.image, self.at)

    def mount_again(self):
        """XFS counts space that it set aside as data until it is written, and while it is cached."""
        run("umount", self.at)
        run("mount", "-o", "loop", self.image, self.at)

    def unmount(self):
        super().unmount()
        self.image.unlink(missing_ok=True)

    def grow(self, size):
        """Not mounted meanwhile: growing a mounted one takes a right that containers do not give."""
        run("umount", self.at)
        with open(self.image, "r+b") as file:
            file.truncate(size)
        run("e2fsck", "-f", "-p", self.image)
        run("resize2fs", self.image)
        run("mount", "-o", "loop", self.image, self.at)


class MemoryDisk(Disk):
    def __init__(self, test, name, size):
        super().__init__(test, name, size)
        run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.at)

    def grow(self, size):
        run("mount", "-o", f"remount,size={size}", self.at)


def disk_to_fill(test, name, size):
    return (LoopDisk if loop_devices_work() else MemoryDisk)(test, name, size)


@functools.cache
def loop_devices_work():
    if os.environ.get("PERDURE_NO_LOOP") or shutil.which("losetup", path=PATH) is None:
        return False
    # Asking for a free one makes it where that is allowed.
    found = subprocess.run(["losetup", "--find"], env={**os.environ, "PATH": PATH}, capture_output=True, text=True)
    return found.returncode == 0 and os.path.exists(found.stdout.strip())


def run(*words):
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run([str(w) for w in words], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.stderr}{done.stdout}")
    return done.stdout
