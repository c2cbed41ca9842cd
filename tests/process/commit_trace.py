"""Reads a trace of `strace -f -y` and says where it breaks the order that makes a commit durable.

The rules, for everything below the repository's directory:
  1. A file gets its name only after an fsync of it returned 0 that began after its last write.
  2. No object is opened for creation under its final name.
  3. An object is named only when the objects it refers to, and the directories that lead to them, are
     durable: points after packs, indexes and log entries, indexes after packs, epochs after key slots,
     the config after all of these.
  4. Nothing is printed, and the process does not end with 0, before every name is durable: its
     directory was synced by a call that began after the name was given. Not so for hints: they may
     be lost without a word, so a run that failed to make them durable ends well.
"""

import os
import re
from dataclasses import dataclass, field

LINE = re.compile(r"^(?P<pid>\d+) +(?P<time>[\d.]+) (?P<rest>.*)$")
CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|\?)(?P<tail>.*)$", re.S)
MAY_BE_LOST = ("hints",)
WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "fallocate")
SYNCS = ("fsync", "fdatasync")
# What an object refers to, by the first part of names.
REFERS = {"points": ("packs", "index", "log"), "index": ("packs", "log"), "hints": ("packs", "log"),
          "packs": ("log",), "epochs": ("keys",), "perdure": ("epochs", "keys")}
TRACED = ",".join([*WRITES, *SYNCS, "syncfs", "openat", "open", "link", "linkat", "rename", "renameat",
                   "renameat2", "mkdir", "mkdirat", "exit_group"])


@dataclass
class Call:
    name: str
    arguments: str
    result: int
    tail: str
    begin: int  # line numbers
    end: int


def read_calls(lines):
    """Finished calls in the order in which they ended; what never returned ends at the last line."""
    begun = {}
    calls = []
    for number, line in enumerate(lines):
        at = LINE.match(line.rstrip("\n"))
        if not at:
            continue
        pid, rest, begin = at["pid"], at["rest"], number
        if rest.endswith("<unfinished ...>"):
            begun[pid] = (rest.removesuffix("<unfinished ...>").rstrip(), number)
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)$", rest, re.S)
        if resumed:
            first, begin = begun.pop(pid)
            rest = first + resumed[1]
        call = CALL.match(rest)
        if call:
            result = -1 if call["result"] == "?" else int(call["result"])
            calls.append(Call(call["name"], call["arguments"], result, call["tail"], begin, number))
    return calls


def descriptor(text):
    """5</a/b> is (5, "/a/b")."""
    found = re.match(r"(-?\d+|AT_FDCWD)<(.*?)>(?:\(deleted\))?(?:,|$)", text)
    return (found[1], found[2].removesuffix(" (deleted)")) if found else (text.split(",")[0], "")


def place(arguments):
    """The path that a directory descriptor and a name, or a name alone, stand for."""
    found = re.match(r'(?:(?:\d+|AT_FDCWD)<([^>]*)>, )?"([^"]*)"', arguments)
    return os.path.normpath(os.path.join(found[1] or "/", found[2]))


def two_places(arguments):
    found = re.match(r'((?:(?:\d+|AT_FDCWD)<[^>]*>, )?"[^"]*"), (.*)$', arguments)
    return place(found[1]), place(found[2])


@dataclass
class Checker:
    root: str
    violations: list = field(default_factory=list)
    named: list = field(default_factory=list)  # objects, in the order in which they got their names

    def check(self, lines):
        self.lines = lines
        self.unsynced = {}  # file -> line of its last write that no fsync covers
        self.written = set()
        self.pending = {}  # path -> line where its name was given, not durable yet
        self.open_files = {}  # number of a descriptor -> its path
        for call in sorted(read_calls(lines), key=lambda c: c.begin if c.name in WRITES or self.commits(c) else c.end):
            self.step(call)
        return self

    @staticmethod
    def commits(call):
        return call.name in ("link", "linkat", "rename", "renameat", "renameat2", "exit_group")

    def mine(self, path):
        return path == self.root or path.startswith(self.root + "/")

    def first_part(self, path):
        return os.path.relpath(path, self.root).split("/")[0]

    def complain(self, call, what):
        self.violations.append(f"line {call.begin + 1}: {what}: {self.lines[call.begin].strip()[:300]}")

    def step(self, call):
        if call.name in ("open", "openat"):
            self.opened(call)
        elif call.name in WRITES:
            self.wrote(call)
        elif call.name in SYNCS:
            self.synced(call)
        elif call.name == "exit_group":
            if call.arguments == "0":
                self.answered(call)
        elif call.result == 0 and call.name in ("mkdir", "mkdirat"):
            self.made(place(call.arguments), call)
        elif call.result == 0 and self.commits(call):
            self.gave_name(call)

    def opened(self, call):
        if call.result < 0:
            return
        _, path = descriptor(f"{call.result}{call.tail.strip()}")
        self.open_files[str(call.result)] = path
        if "O_CREAT" in call.arguments and self.mine(path) and self.first_part(path) != "tmp":
            self.complain(call, "an object is created under its final name")

    def wrote(self, call):
        number, path = descriptor(call.arguments)
        if number == "1" and call.name.startswith("write"):
            self.answered(call)
        if self.mine(path):
            self.unsynced[path] = call.end
            self.written.add(path)

    def synced(self, call):
        _, path = descriptor(call.arguments)
        if call.result != 0:
            return
        if path in self.written:
            if self.unsynced.get(path, -1) < call.begin:
                self.unsynced.pop(path, None)
            return
        for name in [n for n, line in self.pending.items() if os.path.dirname(n) == path and line < call.begin]:
            del self.pending[name]

    def made(self, path, call):
        if self.mine(path):
            self.pending[path] = call.end

    def gave_name(self, call):
        source, target = two_places(call.arguments)
        if not self.mine(target):
            return
        opened = re.fullmatch(r"/proc/self/fd/(\d+)", source)
        source = self.open_files.get(opened[1], "?") if opened else source
        if source not in self.written:
            self.complain(call, f"{source} got its name and was never written")
        if source in self.unsynced:
            self.complain(call, f"{source} got its name before its content was durable")
        for kind in REFERS.get(self.first_part(target), ()):
            for other in self.pending:
                if self.first_part(other) == kind and other != os.path.dirname(target):
                    self.complain(call, f"{target} refers to {other}, which is not durable")
        self.pending[target] = call.end
        self.named.append(os.path.relpath(target, self.root))

    def answered(self, call):
        for name in self.pending:
            if self.first_part(name) in MAY_BE_LOST:
                continue
            self.complain(call, f"success is said before {name} is durable")
