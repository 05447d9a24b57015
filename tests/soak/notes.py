"""What the processes of a sweep really did, noted by them in one file of the test's own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

VARIABLE = "SOAK_NOTES"
"""Names the file in the environment of every process of a sweep."""

Note = dict[str, Any]
_write = os.write  # the driver's own is made to fail


class Notes:
    """Appends notes to a file, one write each, so that no kill tears one that was made.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)

    def add(self, kind: str, **fields: Any) -> None:
        """Note something; the order of the file is the order of time."""
        line = json.dumps({"kind": kind, "pid": os.getpid(), **fields})
        _write(self._descriptor, line.encode() + b"\n")


def open_notes() -> Notes:
    """Open the file that the environment names."""
    return Notes(Path(os.environ[VARIABLE]))


def read_notes(path: Path) -> list[Note]:
    """Read all notes."""
    return [json.loads(line) for line in path.read_text().splitlines()]
