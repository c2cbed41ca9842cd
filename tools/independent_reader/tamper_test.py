"""tamper_test.py REPOSITORY PASSWORD_FILE: flips bytes of every object; a point then reads as before, or trouble is told of.

What is compared is all that a restore would write: entries and content. Never may a point read differently without a word.
"""

import hashlib
import os
import random
import shutil
import sys
import tempfile

from independent_reader.__main__ import one_line
from independent_reader.keys import WrongKey
from independent_reader.packs import Blocks
from independent_reader.pages import FILE, Tree
from independent_reader.primitives import Corrupt, Unsupported, read_address
from independent_reader.repository import Repository

NEEDED = ("perdure", "epochs", "keys", "writers", "log", "points", "packs", "index")
FLIPS = 3


def fingerprints(folder, secret):
    """{point: hash of all it restores to}, and how often trouble was told of."""
    trouble, found = [], {}
    try:
        repository = Repository(folder, secret, lambda *what: trouble.append(what))
        blocks = Blocks(repository)
        for point in repository.points():
            hasher = hashlib.sha256()
            for root in repository.body(point).roots:
                tree = Tree(read_address(root.page), blocks.read)
                for entry in tree.entries():
                    hasher.update(repr((root.name, entry, tree.xattrs(entry))).encode())
                    for run in tree.recipe(entry) if entry.type == FILE else []:
                        if run.address:
                            hasher.update(blocks.read(run.address)[run.offset : run.offset + run.length])
            found[str(point.session)] = hasher.hexdigest()
    except (Corrupt, Unsupported, WrongKey) as error:
        trouble.append(error)
    return found, len(trouble)


def main():
    repository, secret = sys.argv[1], one_line(open(sys.argv[2], "rb").read())
    random.seed(20)
    expected, trouble = fingerprints(repository, secret)
    if trouble or not expected:
        sys.exit("the untouched repository is not read well")
    tried = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy")
        shutil.copytree(repository, copy)
        objects = [os.path.join(at, name) for part in NEEDED for at, _, names in os.walk(os.path.join(copy, part))
                   for name in names] + [os.path.join(copy, "perdure")]
        for path in objects:
            whole = open(path, "rb").read()
            changes = [bytearray(whole) for _ in range(FLIPS)] + [whole[: random.randrange(len(whole))]]
            for changed in changes[:FLIPS]:
                changed[random.randrange(len(whole))] ^= 1 << random.randrange(8)
            for changed in changes:
                with open(path, "wb") as file:
                    file.write(changed)
                found, trouble = fingerprints(copy, secret)
                silent = found != expected and not trouble
                if silent or any(found[p] != expected[p] for p in found):
                    sys.exit(f"{path} was changed, and a point reads differently without a word")
                tried += 1
            with open(path, "wb") as file:
                file.write(whole)
    print(f"tampering: {tried} changes, none passed for good")


if __name__ == "__main__":
    main()
