"""Perdure and its peers behind one set of verbs, each at its defaults or at a stated compression."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from measure import Cost, run

PASSWORD = "bench password"


class Tool:
    """One program with one repository. Everything it writes lies below `place`."""

    name = ""          # as in --peers
    program = ""
    allowed = (0,)

    def __init__(self, place: pathlib.Path, program: str) -> None:
        self.place, self.executable = place, program
        self.repository = place / "repository"
        self.log = place / "log.txt"
        place.mkdir(parents=True)

    @classmethod
    def find(cls, checkout: pathlib.Path) -> str | None:
        """The program to run: of this checkout's build folders first, then of the PATH."""
        for folder in (f"build/peers/{cls.program}/bin", "build/peers/bin"):
            if (checkout / folder / cls.program).is_file():
                return str(checkout / folder / cls.program)
        return shutil.which(cls.program)

    @classmethod
    def version(cls, program: str) -> str:
        shown = subprocess.run([program, *cls.version_words], capture_output=True, text=True, check=True)
        found = re.search(r"\d+\.\d+(\.\d+)?\S*", shown.stdout + shown.stderr)
        return found.group(0) if found else "unknown"

    version_words = ("--version",)

    def environment(self) -> dict[str, str]:
        raise NotImplementedError

    def do(self, *words: str, sync: bool = False, cwd: pathlib.Path | None = None) -> Cost:
        return run([self.executable, *words], self.environment(), self.log, cwd,
                   self.place if sync else None, self.allowed)

    def init(self) -> None:
        raise NotImplementedError

    def backup(self, path: pathlib.Path, force: bool = False) -> Cost:
        raise NotImplementedError

    def restore(self, path: pathlib.Path, target: pathlib.Path) -> Cost:
        """The latest backup of `path`, whole, below target."""
        raise NotImplementedError

    def check(self) -> Cost:
        """Every stored byte is read and verified."""
        raise NotImplementedError


class Perdure(Tool):
    name = program = "perdure"
    version_words = ("version",)
    compression = "auto"
    as_writer = False  # by the key that init left on this machine, as a scheduled run; no password

    @classmethod
    def find(cls, checkout: pathlib.Path) -> str | None:
        built = checkout / "build" / "release" / "perdure"
        return os.environ.get("PERDURE_BINARY") or (str(built) if built.is_file() else None)

    def environment(self) -> dict[str, str]:
        credential = {"PERDURE_PASSWORD": PASSWORD}
        if self.as_writer:
            (key,) = (self.place / "config" / "writers").iterdir()
            credential = {"PERDURE_WRITER_KEY": str(key)}
        return {"PERDURE_REPOSITORY": str(self.repository), "PERDURE_CACHE_DIR": str(self.place / "cache"),
                "PERDURE_CONFIG_DIR": str(self.place / "config"), **credential}

    def init(self) -> None:
        self.do("init")

    def backup(self, path: pathlib.Path, force: bool = False) -> Cost:
        return self.do("backup", "--compression", self.compression, *(["--force"] if force else []),
                       str(path), sync=True)

    def restore(self, path: pathlib.Path, target: pathlib.Path) -> Cost:
        return self.do("restore", "latest", "--target", str(target))

    def restore_file(self, path: pathlib.Path, target: pathlib.Path) -> Cost:
        return self.do("restore", f"latest:{path}", "--target", str(target))

    def check(self) -> Cost:
        return self.do("check", "--level", "deep")


class Restic(Tool):
    name = program = "restic"
    version_words = ("version",)

    def environment(self) -> dict[str, str]:
        return {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": PASSWORD,
                "RESTIC_CACHE_DIR": str(self.place / "cache")}

    def init(self) -> None:
        self.do("init", "--repository-version", "2")  # the version that compresses

    def backup(self, path: pathlib.Path, force: bool = False) -> Cost:
        return self.do("backup", "--quiet", *(["--force"] if force else []), str(path), sync=True)

    def restore(self, path: pathlib.Path, target: pathlib.Path) -> Cost:
        return self.do("restore", "--quiet", "latest", "--target", str(target))

    def restore_file(self, path: pathlib.Path, target: pathlib.Path) -> Cost:
        return self.do("restore", "--quiet", "latest", "--target", str(target), "--include", str(path))

    def check(self) -> Cost:
        return self.do("check", "--read-data")


class Borg(Tool):
    name = program = "borg"
    compression = "lz4"  # its default

    def __init__(self, place: pathlib.Path, program: str) -> None:
        super().__init__(place, program)
        self.backups = 0

    def environment(self) -> dict[str, str]:
        return {"BORG_REPO": str(self.repository), "BORG_PASSPHRASE": PASSWORD,
                "BORG_BASE_DIR": str(self.place / "base")}

    def init(self) -> None:
        self.do("init", "--encryption", "repokey-blake2")

    def backup(self, path: pathlib.Path, force: bool = False) -> Cost:
        self.backups += 1
        return self.do("create", "--compression", self.compression,
                       *(["--files-cache", "disabled"] if force else []), f"::b{self.backups}", str(path), sync=True)

    def restore(self, path: pathlib.Path, target: pathlib.Path) -> Cost:
        target.mkdir()
        return self.do("extract", f"::b{self.backups}", cwd=target)

    def check(self) -> Cost:
        return self.do("check", "--verify-data")


class BorgZstd(Borg):
    name, compression = "borg-zstd", "zstd,3"


class Rustic(Tool):
    name = program = "rustic"

    def environment(self) -> dict[str, str]:
        return {"RUSTIC_REPOSITORY": str(self.repository), "RUSTIC_PASSWORD": PASSWORD,
                "RUSTIC_CACHE_DIR": str(self.place / "cache"), "RUSTIC_NO_PROGRESS": "true",
                "HOME": str(self.place)}

    def init(self) -> None:
        self.do("init")

    def backup(self, path: pathlib.Path, force: bool = False) -> Cost:
        return self.do("backup", *(["--force"] if force else []), str(path), sync=True)

    def restore(self, path: pathlib.Path, target: pathlib.Path) -> Cost:
        return self.do("restore", "latest", str(target))

    def check(self) -> Cost:
        return self.do("check", "--read-data")


class Kopia(Tool):
    name = program = "kopia"
    compression: str | None = None  # its default

    def environment(self) -> dict[str, str]:
        return {"KOPIA_PASSWORD": PASSWORD, "KOPIA_CONFIG_PATH": str(self.place / "config"),
                "KOPIA_CACHE_DIRECTORY": str(self.place / "cache"), "KOPIA_LOG_DIR": str(self.place / "logs"),
                "KOPIA_CHECK_FOR_UPDATES": "false", "HOME": str(self.place)}

    def init(self) -> None:
        self.do("repository", "create", "filesystem", "--path", str(self.repository))
        if self.compression is not None:
            self.do("policy", "set", "--global", "--compression", self.compression)

    def backup(self, path: pathlib.Path, force: bool = False) -> Cost:
        return self.do("snapshot", "create", *(["--force-hash", "100"] if force else []), str(path), sync=True)

    def restore(self, path: pathlib.Path, target: pathlib.Path) -> Cost:
        listed = subprocess.run([self.executable, "snapshot", "list", "--json", str(path)], check=True,
                                env={**os.environ, **self.environment()}, capture_output=True, text=True)
        return self.do("snapshot", "restore", json.loads(listed.stdout)[-1]["id"], str(target))

    def check(self) -> Cost:
        return self.do("snapshot", "verify", "--verify-files-percent", "100")


class KopiaZstd(Kopia):
    name, compression = "kopia-zstd", "zstd"


TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in
                                (Perdure, Restic, Borg, BorgZstd, Rustic, Kopia, KopiaZstd)}
