"""Perdure and its peers behind one set of verbs, each at its defaults or at a stated compression."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from measure import Cost, bytes_below, run
from s3_server import BUCKET, PREFIX, Server

PASSWORD = "bench password"


class Tool:
    """One program with one repository: in a folder, or where `server` is given in its bucket. Everything
    else that it writes lies below `place`, which may be one of an earlier run."""

    name = ""          # as in --peers
    program = ""
    allowed = (0,)
    has_s3 = True
    as_writer = False  # backups by the key that init left on this machine, where there is such a thing
    same_format = ""   # the tool whose repositories it works with as with its own

    def __init__(self, place: pathlib.Path, program: str, server: Server | None = None) -> None:
        self.place, self.executable, self.server = place, program, server
        self.repository = place / "repository"
        self.log = place / "log.txt"
        place.mkdir(parents=True, exist_ok=True)

    def stored(self) -> int:
        """Bytes of the repository."""
        return self.server.stored() if self.server else bytes_below(self.repository)

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

    def credentials(self) -> dict[str, str]:
        return self.server.environment() if self.server else {}

    def do(self, *words: str, sync: bool = False, cwd: pathlib.Path | None = None) -> Cost:
        return run([self.executable, *words], self.environment() | self.credentials(), self.log, cwd,
                   self.place if sync and not self.server else None, self.allowed)

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

    def list(self) -> Cost:
        return self.do("snapshots")

    def forget(self, keep: int) -> Cost:
        """All but the latest backups are forgotten, and what only they needed is deleted at once."""
        raise NotImplementedError


class Perdure(Tool):
    name = program = "perdure"
    version_words = ("version",)
    compression = "auto"

    @classmethod
    def find(cls, checkout: pathlib.Path) -> str | None:
        built = checkout / "build" / "release" / "perdure"
        return os.environ.get("PERDURE_BINARY") or (str(built) if built.is_file() else None)

    def environment(self) -> dict[str, str]:
        credential = {"PERDURE_PASSWORD": PASSWORD}
        if self.as_writer:
            (key,) = (self.place / "config" / "writers").iterdir()
            credential = {"PERDURE_WRITER_KEY": str(key)}
        where = f"s3:http://{self.server.host}/{BUCKET}/{PREFIX}" if self.server else str(self.repository)
        return {"PERDURE_REPOSITORY": where, "PERDURE_CACHE_DIR": str(self.place / "cache"),
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

    def forget(self, keep: int) -> Cost:
        return self.do("forget", "--unsafe-allow-sudden-change", "--keep-last", str(keep)).plus(
            self.do("gc", "--now", "--max-drop", "100%", sync=True))


class Restic(Tool):
    name = program = "restic"
    version_words = ("version",)

    def environment(self) -> dict[str, str]:
        where = f"s3:http://{self.server.host}/{BUCKET}/{PREFIX}" if self.server else str(self.repository)
        return {"RESTIC_REPOSITORY": where, "RESTIC_PASSWORD": PASSWORD,
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

    def forget(self, keep: int) -> Cost:
        return self.do("forget", "--quiet", "--keep-last", str(keep), "--prune", sync=True)


class Borg(Tool):
    name = program = "borg"
    compression = "lz4"  # its default
    has_s3 = False

    def __init__(self, place: pathlib.Path, program: str, server: Server | None = None) -> None:
        super().__init__(place, program, server)
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
    same_format = "restic"

    def environment(self) -> dict[str, str]:
        if self.server:
            self.write_profile(self.server)
        return {"RUSTIC_REPOSITORY": "opendal:s3" if self.server else str(self.repository), "RUSTIC_PASSWORD": PASSWORD,
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

    def forget(self, keep: int) -> Cost:
        return self.do("forget", "--keep-last", str(keep), "--prune", "--instant-delete", sync=True)

    def write_profile(self, server: Server) -> None:
        """Where the bucket is can be told by a file alone."""
        access, secret = server.keys
        folder = self.place / ".config" / "rustic"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rustic.toml").write_text(
            "[repository.options]\n"
            f'bucket = "{BUCKET}"\nroot = "/{PREFIX}"\nendpoint = "http://{server.host}"\nregion = "us-east-1"\n'
            f'access_key_id = "{access}"\nsecret_access_key = "{secret}"\n')


class Kopia(Tool):
    name = program = "kopia"
    compression: str | None = None  # its default

    def environment(self) -> dict[str, str]:
        return {"KOPIA_PASSWORD": PASSWORD, "KOPIA_CONFIG_PATH": str(self.place / "config"),
                "KOPIA_CACHE_DIRECTORY": str(self.place / "cache"), "KOPIA_LOG_DIR": str(self.place / "logs"),
                "KOPIA_CHECK_FOR_UPDATES": "false", "HOME": str(self.place)}

    def init(self) -> None:
        if self.server:
            access, secret = self.server.keys
            self.do("repository", "create", "s3", "--bucket", BUCKET, "--prefix", f"{PREFIX}/", "--disable-tls",
                    "--endpoint", self.server.host, "--access-key", access, "--secret-access-key", secret)
        else:
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

    def list(self) -> Cost:
        return self.do("snapshot", "list", "--all")

    def forget(self, keep: int) -> Cost:
        return self.do("policy", "set", "--global", "--keep-latest", str(keep), *(
            word for period in ("hourly", "daily", "weekly", "monthly", "annual")
            for word in (f"--keep-{period}", "0"))).plus(
                self.do("snapshot", "expire", "--all", "--delete")).plus(
                self.do("maintenance", "run", "--full", "--safety=none", sync=True))


class KopiaZstd(Kopia):
    name, compression = "kopia-zstd", "zstd"


TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in
                                (Perdure, Restic, Borg, BorgZstd, Rustic, Kopia, KopiaZstd)}
