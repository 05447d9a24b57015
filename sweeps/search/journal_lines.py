"""The lines of a study's journal: Optuna's format, with a checksum in each.

Each line is one JSON object, as Optuna's own ``JournalFileBackend`` writes and reads it. Ours carry
one more key at the end, ``"crc"``: the CRC-32 of the line without that key, in eight hexadecimal
digits. Optuna ignores the key, and a changed byte cannot become a wrong value. A line
without it was written by another program (optuna-dashboard saves notes so): it is taken if it holds
nothing but Optuna's keys.

Nothing here imports Optuna, which takes half a second: `status` reads a journal without it.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

from sweeps.errors import JournalError

Record = dict[str, Any]

_CHECKSUM = re.compile(rb',"crc":"([0-9a-f]{8})"\}$')
_OPTUNA_KEYS = frozenset(
    {
        *("op_code", "worker_id", "study_id", "study_name", "directions", "trial_id"),
        *("user_attr", "system_attr", "user_attrs", "system_attrs", "state", "value", "values"),
        *("datetime_start", "datetime_complete", "distribution", "distributions", "params"),
        *("param_name", "param_value_internal", "step", "intermediate_value"),
        "intermediate_values",
    }
)


def encode_record(record: Record) -> bytes:
    """Write one record as a line with its checksum, newline included."""
    return add_checksum(encode_body(record))


def encode_body(record: Record) -> str:
    """Write one record as JSON, as short as it can be."""
    return json.dumps(record, separators=(",", ":"))


def add_checksum(text: str) -> bytes:
    """Make a line of a record's JSON."""
    body = text.encode()
    return b'%s,"crc":"%08x"}\n' % (body[:-1], zlib.crc32(body))


def decode_record(line: bytes) -> Record | None:
    """Read one line without its newline; None where it is damaged."""
    checksum = _CHECKSUM.search(line)
    body = line[: checksum.start()] + b"}" if checksum else line
    if checksum and int(checksum[1], 16) != zlib.crc32(body):
        return None
    try:
        record = json.loads(str(body, "utf-8"))  # as bytes it would guess the encoding first
    except ValueError:
        return None
    # A changed byte inside `"crc"` itself would make a line pass as one of another program.
    return record if isinstance(record, dict) and record.keys() <= _OPTUNA_KEYS else None


def read_records(content: bytes, *, path: Path, first_line: int = 1) -> tuple[list[Record], int]:
    """Read all complete records of a journal.

    A damaged last line, with or without its newline, is what a crash leaves of a record that was
    never confirmed: it is left out.

    Args:
        content: Bytes of the file, or of its end.
        path: The file, for messages.
        first_line: Line number of the first line in `content`.

    Returns:
        The records, and the number of bytes they take from the start of `content`.

    Raises:
        JournalError: A line before the last one is damaged.
    """
    lines = content.split(b"\n")
    tail = lines.pop()
    records = [decode_record(line) for line in lines]
    damaged = next((index for index, record in enumerate(records) if record is None), len(lines))
    if damaged < len(lines) - 1 or (damaged < len(lines) and tail):
        raise JournalError(_describe_damage(path, first_line + damaged))
    good = [record for record in records if record is not None]
    return good, sum(len(line) + 1 for line in lines[:damaged])


def _describe_damage(path: Path, line: int) -> str:
    return (
        f"{path}:{line}: this record is damaged, and records follow it. Restore the file from a "
        f"copy, or keep what is before it with: head -n {line - 1} {path.name} > repaired"
    )
