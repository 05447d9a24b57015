"""What a peer is to do, and where it notes what it has done. Imports nothing heavy.

The benchmark has written both files into the folder named by the variable ``BENCHMARK_WORK``.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

VARIABLE = "BENCHMARK_WORK"
METRIC = "val_accuracy"


def find_folder() -> Path:
    """Find the folder to work in."""
    return Path(os.environ[VARIABLE])


def read_todo() -> dict[str, Any]:
    """Read what is to be done: ``trials``, a list of parameters, and ``epochs``."""
    todo: dict[str, Any] = json.loads((find_folder() / "work.json").read_text())
    return todo


def list_choices(trials: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """List all values that each parameter has in the trials: the space of them."""
    names = sorted({name for values in trials for name in values})
    return {name: sorted({each[name] for each in trials if name in each}) for name in names}


def note(trial: int | str, epoch: int, value: float) -> None:
    """Append a value to the log from which the benchmark reads what was reached when."""
    line = json.dumps({"time": time.time(), "trial": trial, "epoch": epoch, "value": value})
    with (find_folder() / "log.jsonl").open("a") as log:
        log.write(f"{line}\n")
