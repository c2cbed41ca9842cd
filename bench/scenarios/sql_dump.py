#!/usr/bin/env python3
"""A database dump as mysqldump writes it, and later versions of it: reproducible from a seed.

    sql_dump.py make FILE --megabytes 300 [--seed 1]
    sql_dump.py change FILE NEW_FILE --fraction 0.0035 [--seed 2]

Rows hold names, addresses and dates that repeat, and a token and an amount that do not: zstd makes
about a third of them. A change rewrites amount and state of rows picked at random over the whole file;
the new text may be longer or shorter, as in a real dump.
"""

import argparse
import math
import random

ROWS_PER_STATEMENT = 400
FIRST = ("Ada Alan Barbara Charles Claude Donald Edsger Frances Grace Hedy Ivan Jean John Joan Karen Ken "
         "Leslie Linus Margaret Niklaus Radia Robin Rosalind Shafi Sophie Stephen Tim Vint Whitfield Yukihiro").split()
LAST = ("Allen Babbage Backus Clarke Dijkstra Diffie Engelbart Floyd Goldwasser Hamilton Hopper Hoare Jones "
        "Kay Knuth Lamarr Lamport Liskov Lovelace McCarthy Milner Perlman Ritchie Sammet Shannon Spaerck "
        "Thompson Torvalds Turing Wirth").split()
CITIES = ("Amsterdam Bergen Dresden Geneva Graz Kyoto Leeds Lisbon Ljubljana Malmo Nantes Oslo Porto Quito "
          "Riga Seville Sydney Tartu Toronto Turin Utrecht Vilnius Wellington Zagreb").split()
STATES = ("open", "paid", "packed", "shipped", "delivered", "returned", "cancelled")


def row_text(row: int, bits: int) -> str:
    """One row from its number and 128 random bits."""
    first, last = FIRST[bits & 31 if bits & 31 < 30 else 0], LAST[bits >> 5 & 31 if bits >> 5 & 31 < 30 else 0]
    return (f"({row},'{first} {last}','{first}.{last}{bits >> 10 & 1023}@example.org',"
            f"'{CITIES[(bits >> 20 & 255) % 24]}','{bits >> 64:016x}',{bits >> 32 & 0xfffff}.{bits >> 52 & 63:02d},"
            f"'2026-{(bits >> 58 & 7) + 1:02d}-{(bits >> 28 & 15) + 10}','{STATES[(bits >> 61 & 7) % 7]}')")


def make(path: str, megabytes: float, seed: int) -> int:
    """Writes the first version; returns its rows."""
    draw = random.Random(seed).getrandbits
    left, row = int(megabytes * 1e6), 0
    with open(path, "w", encoding="ascii", buffering=1 << 20) as out:
        out.write("-- a generated dump\nDROP TABLE IF EXISTS `orders`;\n")
        while left > 0:
            rows = ",\n".join([row_text(row + i, draw(128)) for i in range(ROWS_PER_STATEMENT)])
            left -= out.write(f"INSERT INTO `orders` VALUES\n{rows};\n")
            row += ROWS_PER_STATEMENT
    return row


def next_gap(rng: random.Random, fraction: float) -> int:
    """Lines to pass over before the next change, as if a die were cast for each line."""
    return int(math.log(1 - rng.random()) / math.log(1 - fraction))


def change(path: str, new_path: str, fraction: float, seed: int) -> int:
    """Writes the next version, with this share of the rows rewritten; returns how many."""
    rng = random.Random(seed)
    changed = 0
    gap = next_gap(rng, fraction)
    with open(path, encoding="ascii", buffering=1 << 20) as old, \
            open(new_path, "w", encoding="ascii", buffering=1 << 20) as new:
        for line in old:
            gap -= 1
            if gap < 0 and line.startswith("("):
                head, _, _, _ = line.rsplit(",", 3) if line.endswith(";\n") else line.rsplit(",", 4)[:4]
                line = (f"{head},{rng.getrandbits(20)}.{rng.getrandbits(6):02d},'2026-11-{10 + rng.getrandbits(4)}',"
                        f"'{rng.choice(STATES)}')" + line[line.rindex(")") + 1:])
                gap = next_gap(rng, fraction)
                changed += 1
            new.write(line)
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make")
    maker.add_argument("file")
    maker.add_argument("--megabytes", type=float, required=True)
    maker.add_argument("--seed", type=int, default=1)
    changer = commands.add_parser("change")
    changer.add_argument("file")
    changer.add_argument("new_file")
    changer.add_argument("--fraction", type=float, default=0.0035)
    changer.add_argument("--seed", type=int, default=2)
    given = parser.parse_args()
    if given.command == "make":
        print(f"{make(given.file, given.megabytes, given.seed)} rows")
    else:
        print(f"{change(given.file, given.new_file, given.fraction, given.seed)} rows changed")


if __name__ == "__main__":
    main()
