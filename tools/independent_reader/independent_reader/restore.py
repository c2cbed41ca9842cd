"""Makes the entries of a point again below a directory."""

import os
import stat

from .pages import BLOCK, CHARACTER, DIRECTORY, FIFO, FILE, SOCKET, SYMLINK, Tree
from .primitives import Corrupt, read_address
from .schema import messages

DEVICES = {CHARACTER: stat.S_IFCHR, BLOCK: stat.S_IFBLK}


class Restore:
    """Trouble with one entry is told to `issue(path, why)`; the rest goes on."""

    def __init__(self, blocks, target, issue):
        self.blocks, self.target, self.issue = blocks, os.fsencode(target), issue
        self.links = {}  # (device, inode) -> (path made first, what it was)
        self.privileged = os.geteuid() == 0

    def point(self, body):
        for root in body.roots:
            if root.kind not in (messages.FILES, messages.STREAM):
                self.issue(root.name, "is a volume or of a kind this reader does not know")
                continue
            self.root(root)

    def root(self, root):
        base = self.target
        for part in root.name.split(b"/"):
            if part in (b".", b"..") or b"\0" in part:
                raise Corrupt(f"a root is named {root.name!r}")
            base = os.path.join(base, part) if part else base
        os.makedirs(os.path.dirname(base) if base != self.target else base, exist_ok=True)
        tree = Tree(read_address(root.page), self.blocks.read)
        made, directories = set(), []
        for entry in tree.entries():
            parent = entry.path.rpartition(b"/")[0] if entry.path else None
            path = os.path.join(base, entry.path) if entry.path else base
            try:
                # Only below what this run made as a directory: never through a link.
                if parent is not None and parent not in made:
                    if entry.path == parent or made:
                        raise Corrupt("lies in no directory of the point")
                    os.makedirs(base, exist_ok=True)
                    made.add(b"")
                if entry.type == DIRECTORY:
                    os.makedirs(path, mode=0o700, exist_ok=True)
                    made.add(entry.path)
                    directories.append((path, entry))
                elif not self._linked(path, entry):
                    self._make(path, entry, tree)
                    self._finish(path, entry, tree)
            except (OSError, Corrupt) as error:
                self.issue(os.path.join(root.name, entry.path), error)
        for path, entry in reversed(directories):
            try:
                self._finish(path, entry, tree)
            except (OSError, Corrupt) as error:
                self.issue(path, error)

    def _linked(self, path, entry):
        """Whether the entry was made as another name of one made before."""
        if entry.links < 2:
            return False
        what = (entry.type, entry.size, entry.mtime, entry.mode, repr(entry.recipe), entry.target)
        first, was = self.links.setdefault((entry.device, entry.inode), (path, what))
        if first == path or was != what:
            return False
        os.link(first, path, follow_symlinks=False)
        return True

    def _make(self, path, entry, tree):
        if entry.type == FILE:
            self._write(path, entry, tree.recipe(entry))
        elif entry.type == SYMLINK:
            os.symlink(entry.target, path)
        elif entry.type == FIFO:
            os.mkfifo(path, 0o600)
        elif entry.type == SOCKET:
            os.mknod(path, 0o600 | stat.S_IFSOCK)
        elif entry.type in DEVICES:
            os.mknod(path, 0o600 | DEVICES[entry.type], os.makedev(entry.major, entry.minor))

    def _write(self, path, entry, recipe):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for run in recipe:
                if run.address is None:
                    file.seek(run.length, os.SEEK_CUR)
                    continue
                content = self.blocks.read(run.address)
                if run.offset + run.length > len(content):
                    raise Corrupt("a run reaches past its block")
                file.write(content[run.offset : run.offset + run.length])
            file.truncate(entry.size)

    def _finish(self, path, entry, tree):
        """Owner before mode before attributes before times: each may undo the one before."""
        if self.privileged:
            os.lchown(path, entry.uid, entry.gid)
        if entry.type != SYMLINK:
            os.chmod(path, entry.mode)
        for name, value in tree.xattrs(entry):
            try:
                os.setxattr(path, name, value, follow_symlinks=False)
            except OSError as error:
                self.issue(path, f"attribute {name.decode('utf-8', 'replace')}: {error.strerror}")
        os.utime(path, ns=(entry.mtime, entry.mtime), follow_symlinks=False)
