"""python3 -m independent_reader --repo DIR (--password-file F | --recovery-key-file F) list | restore POINT --target DIR"""

import argparse
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from .keys import WrongKey
from .packs import Blocks
from .primitives import Corrupt, Unsupported
from .repository import Repository
from .restore import Restore
from .schema import messages

SUCCESS, FAILED, PARTIAL, NO_REPOSITORY, WRONG_KEY = 0, 1, 3, 10, 12


def arguments():
    parser = argparse.ArgumentParser(prog="independent_reader", description="Lists and restores Perdure points.")
    parser.add_argument("--repo", required=True, type=Path)
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--password-file", type=Path)
    key.add_argument("--recovery-key-file", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    restore = commands.add_parser("restore")
    restore.add_argument("point", help="a short id such as 1-5, or latest")
    restore.add_argument("--target", required=True, type=Path)
    return parser.parse_args()


def one_line(data):
    """A file's content without the line end behind it."""
    return data.removesuffix(b"\n").removesuffix(b"\r")


def show(point):
    header = point.header
    time = datetime.fromtimestamp(header.finished // 10**9, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    sources = " ".join(s.decode("utf-8", "backslashreplace") for s in header.sources)
    tags = ",".join(t.decode("utf-8", "backslashreplace") for t in point.tags)
    outcome = "SUCCESS" if header.outcome == 1 else "PARTIAL"
    host = header.host.decode("utf-8", "backslashreplace")
    print(f"{point.session}  {time}  {messages.EndKind.Name(header.kind).lower()}  {host}  {outcome}  {sources}  {tags}")


def choose(points, wanted):
    found = points[-1:] if wanted == "latest" else [p for p in points if str(p.session) == wanted]
    if not found:
        raise Corrupt(f"there is no point {wanted}")
    return found[0]


def main():
    options = arguments()
    trouble = []

    def report(name, why):
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        trouble.append(name)
        print(f"{name}: {why}".encode("utf-8", "backslashreplace").decode(), file=sys.stderr)

    if not (options.repo / "perdure").exists():
        print(f"{options.repo}: there is no repository", file=sys.stderr)
        return NO_REPOSITORY
    try:
        secret = one_line((options.password_file or options.recovery_key_file).read_bytes())
        repository = Repository(str(options.repo), secret, report)
        points = repository.points()
        if options.command == "list":
            for point in points:
                show(point)
        else:
            point = choose(points, options.point)
            options.target.mkdir(parents=True, exist_ok=True)
            if any(options.target.iterdir()):
                raise Corrupt(f"{options.target} is not empty")
            Restore(Blocks(repository), str(options.target), report).point(repository.body(point))
    except WrongKey as error:
        print(error, file=sys.stderr)
        return WRONG_KEY
    except (Corrupt, Unsupported) as error:
        print(error, file=sys.stderr)
        return FAILED
    return PARTIAL if trouble else SUCCESS


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
