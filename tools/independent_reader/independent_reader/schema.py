"""The protobuf messages of proto/perdure.proto, generated when the program starts."""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = Path(os.environ.get("PERDURE_PROTO", Path(__file__).resolve().parents[3] / "proto" / "perdure.proto"))


def _generate():
    with tempfile.TemporaryDirectory(prefix="perdure-proto-") as folder:
        subprocess.run(["protoc", f"--python_out={folder}", f"-I{PROTO.parent}", PROTO.name], check=True)
        sys.path.insert(0, folder)
        try:
            return importlib.import_module(f"{PROTO.stem}_pb2")
        finally:
            sys.path.remove(folder)


messages = _generate()
