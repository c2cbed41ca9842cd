"""From raw records to the table: medians, ratios against the best peer, and what of it is an estimate."""

import json
import pathlib
from statistics import median

from rows import PLAIN, ROWS, Row

# kopia 0.23.1 against restic on one 2-core machine, both warm, seconds or MB: (kopia at its best of
# default and zstd, restic 0.19.1, Debian's restic 0.14 where it was measured).
KOPIA_RECORDED: dict[str, tuple[float, float, float | None]] = {
    "usr-first": (43.7, 46.2, None), "usr-size": (1969, 1971, None), "usr-second": (2.0, 4.2, None),
    "usr-force": (14.1, 16.5, None), "usr-restore": (64.8, 24.5, None), "usr-check": (15.5, 8.2, None),
    "random-first": (6.5, 13.3, 14.1), "random-force": (3.4, 3.2, 3.2), "random-restore": (9.2, 6.4, 7.4),
    "random-check": (2.4, 3.3, 4.4), "small-first": (6.3, 6.5, None), "small-second": (0.73, 2.6, None),
    "dump-size": (132.1, 132.5, None), "releases-size": (29.5, 31.3, None),
}
ESTIMATE = "kopia (estimated)"


def load(folders: list[pathlib.Path]) -> tuple[list[dict], dict]:
    """Raw records of one or more runs of the bench, and what the last one said of itself."""
    records, about = [], {}
    for folder in folders:
        about = json.loads((folder / "about.json").read_text())
        records += [json.loads(line) for line in (folder / "raw.jsonl").read_text().splitlines()]
    return records, about


def value_of(row: Row, record: dict) -> float:
    cpu = record["user"] + record["system"]
    if row.figure in ("entries", "bytes"):
        return record[row.figure] / cpu if cpu else 0.0
    return record["peak_kib"] * 1024 if row.figure == "peak" else record[row.figure]


def figure(row: Row, records: list[dict]) -> float:
    return median(value_of(row, record) for record in records)


def estimate_kopia(row: Row, tools: dict[str, list[dict]]) -> float | None:
    """Where kopia is absent: restic's figure today times the recorded ratio of the two."""
    if row.name not in KOPIA_RECORDED or "restic" not in tools or any(name.startswith("kopia") for name in tools):
        return None
    kopia, newest, debian = KOPIA_RECORDED[row.name]
    is_debian = tools["restic"][0]["version"].startswith("0.14")
    return figure(row, tools["restic"]) * kopia / (debian if is_debian and debian else newest)


def shown(row: Row, value: float) -> str:
    if row.figure == "wall":
        return f"{value:.2f} s"
    if row.figure == "entries":
        return f"{value:,.0f}/s"
    return f"{value / 1e6:,.1f} MB" + ("/s" if row.figure == "bytes" else "")


def verdict(row: Row, mine: float, best: float | None, plain: float | None) -> str:
    if row.below or row.above:
        met = mine < row.below if row.below else mine > row.above
    elif row.ratio and best is not None and mine:
        met = best / mine >= row.ratio or bool(row.share and plain and plain / mine >= row.share)
    else:
        return row.aim
    return f"{row.aim}: {'met' if met else '**missed**'}"


def against(row: Row, mine: float, peers: dict[str, float]) -> str:
    """Times faster than the best peer, or the share of the smallest one's size."""
    if row.figure not in ("wall", "repository") or not peers or not mine:
        return "–"
    name = min(peers, key=lambda peer: peers[peer])
    return f"{mine / peers[name]:.2f} of {name}" if row.figure == "repository" else f"{peers[name] / mine:.2f}× {name}"


def of_plain(mine: float, plain: float | None) -> str:
    """How much of a plain loop's speed that is."""
    return f"; {plain / mine:.0%} of a plain loop" if plain and mine else ""


def row_line(row: Row, tools: dict[str, list[dict]], names: list[str]) -> str:
    values = {name: figure(row, tools[name]) for name in names
              if name in tools and (name != PLAIN or row.figure == "wall")}
    guess = estimate_kopia(row, tools)
    if guess is not None:
        values[ESTIMATE] = guess
    plain = values.get(PLAIN) if row.share else None
    peers = {name: value for name, value in values.items() if name not in ("perdure", PLAIN)}
    cells = [shown(row, values[name]) if name in values else "–" for name in [*names, ESTIMATE]]
    mine = values.get("perdure")
    last = [row.aim] if mine is None else [verdict(row, mine, min(peers.values(), default=None), plain)]
    beside = against(row, mine or 0.0, peers) + of_plain(mine or 0.0, plain)
    return "| " + " | ".join([row.title, *cells, beside, *last]) + " |"


def details(row: Row, name: str, records: list[dict]) -> str:
    wall, cpu = median(r["wall"] for r in records), median(r["user"] + r["system"] for r in records)
    peak = max(r["peak_kib"] for r in records) / 1024
    entries, size = records[-1]["entries"], records[-1]["bytes"]
    rate = f"{entries / cpu:,.0f} entries/s, {size / cpu / 1e9:.2f} GB/s" if cpu and entries else "–"
    runs = ", ".join(f"{r['wall']:.2f}" for r in records)
    extra = ", ".join(f"{key} {value:.4g}" for key, value in records[-1]["extra"].items())
    return (f"| {row.name} | {name} | {wall:.2f} | {cpu:.2f} | {rate} | {peak:.0f} | "
            f"{records[-1]['repository'] / 1e6:,.1f} | {runs} | {extra} |")


def markdown(records: list[dict], about: dict) -> str:
    names = sorted({record["tool"] for record in records}, key=lambda name: (name != "perdure", name == PLAIN, name))
    versions = {record["tool"]: record["version"] for record in records}
    lines = [f"Bench of {about['date']}, commit {about['commit']}, {about['machine']}.",
             "Wall seconds or repository size, medians; " +
             ", ".join(f"{name} {versions[name]}".strip() for name in names) + ".",
             f"*{ESTIMATE}*: kopia was absent; restic's figure here times the ratio of the two that was recorded "
             "with kopia 0.23.1 and restic 0.19.1 (0.14 where it was measured).", ""]
    if about["scale"] != 1:
        lines.insert(0, f"**Trees scaled to {about['scale']}: a trial of the bench, no result.**")
    lines.append("| row | " + " | ".join([*names, ESTIMATE]) + " | against the best peer | aim |")
    lines.append("|---" * (len(names) + 4) + "|")
    by_row: dict[str, dict[str, list[dict]]] = {}
    for record in records:
        by_row.setdefault(record["row"], {}).setdefault(record["tool"], []).append(record)
    wanted = [row for row in ROWS if row.name in by_row]
    lines += [row_line(row, by_row[row.source], names) for row in ROWS if row.source in by_row]
    lines += ["", "| row | tool | wall s | CPU s | per CPU second | peak MiB | repository MB | runs, wall s | |",
              "|---" * 9 + "|"]
    lines += [details(row, name, by_row[row.name][name]) for row in wanted for name in names
              if name in by_row[row.name]]
    return "\n".join(lines) + "\n"
