"""Runs one command and says what it cost: wall, CPU of it and all its children, peak memory."""

import os
import pathlib
import subprocess
import time
from dataclasses import dataclass


class WrongResult(Exception):
    """A run whose exit code or result is wrong: the bench fails."""


@dataclass
class Cost:
    wall: float = 0.0
    sync: float = 0.0  # of this, waiting for `sync -f`
    user: float = 0.0
    system: float = 0.0
    peak_kib: int = 0

    def plus(self, other: "Cost") -> "Cost":
        """Both, one after the other."""
        return Cost(self.wall + other.wall, self.sync + other.sync, self.user + other.user,
                    self.system + other.system, max(self.peak_kib, other.peak_kib))


def run(command: list[str], environment: dict[str, str], log: pathlib.Path,
        cwd: pathlib.Path | None = None, sync: pathlib.Path | None = None,
        allowed: tuple[int, ...] = (0,)) -> Cost:
    """Waits for the command; output goes to the end of `log`. `sync` names a folder whose file system
    is flushed before the clock stops, so that nobody gains by leaving data in memory."""
    with log.open("ab") as out:
        out.write(f"\n$ {' '.join(command)}\n".encode())
        out.flush()
        begun = time.monotonic()
        child = subprocess.Popen(command, env={**os.environ, **environment}, cwd=cwd,
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)  # of the child and the children it waited for
        child.returncode = os.waitstatus_to_exitcode(status)
        ended = time.monotonic()
        if sync is not None:
            subprocess.run(["sync", "-f", str(sync)], check=True)
        synced = time.monotonic()
    if child.returncode not in allowed:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise WrongResult(f"{' '.join(command)}: exit code {child.returncode}\n{tail}")
    return Cost(synced - begun, synced - ended, usage.ru_utime, usage.ru_stime, usage.ru_maxrss)


def bytes_below(folder: pathlib.Path) -> int:
    """Sum of file sizes, as `du -b` counts them, without the folders themselves."""
    total = 0
    for where, _, files in os.walk(folder):
        total += sum(os.lstat(os.path.join(where, name)).st_size for name in files)
    return total


def settle() -> None:
    """Nothing of an earlier run is still being written when the next one starts."""
    subprocess.run(["sync"], check=True)
