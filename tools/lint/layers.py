#!/usr/bin/env python3
"""Layers: a file of src/ includes only what src/layers.txt lets its layer name.

A file belongs to the longest matching line. X/internal/ is private to the folder X. A line may name
only layers above it, and names nothing that its files do not include, so the drawing stays true.
"""

import pathlib
import re

import tree
from tree import Finding

LAYERS = "src/layers.txt"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
GENERATED = {"perdure.pb.h": "repo"}  # the only layer that may see the records' generated code


def read_layers(root: pathlib.Path) -> tuple[dict[str, set[str]], list[Finding]]:
    layers: dict[str, set[str]] = {}
    findings = []
    for number, line in enumerate((root / LAYERS).read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, colon, names = line.partition(":")
        if not colon:
            findings.append(Finding(LAYERS, number, f"no colon in '{line}'"))
            continue
        for allowed in names.split():
            if allowed not in layers:
                findings.append(Finding(LAYERS, number, f"{name} names {allowed}, not above it"))
        layers[name.strip()] = set(names.split())
    return layers, findings


def layer_of(path: str, layers: dict[str, set[str]]) -> str | None:
    """The longest line that is this path or a folder above it; path is relative to src/."""
    folder = path
    while "/" in folder:
        folder = folder.rsplit("/", 1)[0]
        if folder in layers:
            return folder
    return None


def private_to(header: str) -> str | None:
    folder, internal, _ = header.partition("/internal/")
    return folder if internal else None


def check_include(root: pathlib.Path, layers: dict[str, set[str]], path: str, layer: str,
                  header: str) -> str | None:
    """What is wrong with one include, or None."""
    if header in GENERATED:
        owner = GENERATED[header]
        return None if layer == owner else f"{header} is for {owner} alone"
    if header.startswith("support/"):
        return None if path.endswith("_test.cc") else "tests/support is for tests alone"
    if not (root / "src" / header).is_file():
        return f'"{header}" is not a file below src/ (includes are written from there)'
    owner = private_to(header)
    if owner is not None and not path.startswith(owner + "/"):
        return f"{header} is private to {owner}/"
    target = layer_of(header, layers)
    if target is not None and target != layer and target not in layers[layer]:
        return f"{layer} may not include {target} ({header}): see {LAYERS}"
    return None


def lint(root: pathlib.Path) -> list[Finding]:
    layers, findings = read_layers(root)
    used: dict[str, set[str]] = {name: set() for name in layers}
    for file in tree.cpp_files(root, "src"):
        path = str(file.relative_to(root / "src"))
        layer = layer_of(path, layers)
        if layer is None:
            findings.append(Finding(f"src/{path}", 1, f"belongs to no layer of {LAYERS}"))
            continue
        text = tree.without_comments(file.read_text(), keep_strings=True)
        for match in INCLUDE.finditer(text):
            used[layer].add(layer_of(match.group(1), layers) or "")
            trouble = check_include(root, layers, path, layer, match.group(1))
            if trouble:
                findings.append(Finding(f"src/{path}", tree.line_of(text, match.start()), trouble))
    for name, allowed in layers.items():
        if any(tree.cpp_files(root, f"src/{name}")):
            for stale in sorted(allowed - used[name]):
                findings.append(Finding(LAYERS, 1, f"{name} names {stale}, which it does not include"))
    return findings


if __name__ == "__main__":
    tree.main("layers", lint)
