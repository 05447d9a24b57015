"""How much memory workers need that train on the same data.

Run from the repository: ``python benchmarks/shared_data.py [--quick] [--json FILE]``. Eight workers
train on one array of 1 GB, while the shares of memory (Pss: a shared page counts once) of all
processes of the sweep are added up. To compare with, each process loads the data for itself, as it
would without the process that holds it; eight times 1 GB would be too much, so that is done with
100 MB beside a row of the same size with data loaded once.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

import sweeps
from benchmarks.figures import Column, Figures, make_parser
from sweeps.engines.local import LocalEngine
from sweeps.worker.events import Event, TrialStarted
from sweeps.worker.process_tree import list_children

COLUMNS = (
    Column("loaded", "data loaded"),
    Column("data_mb", "MB of data", "d"),
    Column("workers", "workers", "d"),
    Column("processes", "processes", "d"),
    Column("all_mb", "MB of all together, at most", "d"),
)
NUM_FEATURES = 8192
SPACE = """
name: data
model: shared_data.py:build
data: shared_data.py:load
objective: {{metric: val_loss, direction: minimize}}
parameters: {{learning_rate: {{type: float, low: 1e-6, high: 1e-5}}}}
sampler: random
pruner: none
training: {{epochs: 2, batch_size: 64}}
limits: {{trials: {workers}, workers: {workers}}}
resources: {{threads: 1}}
"""
CODE = """
import keras
import numpy as np

def load():
    x = np.ones(({rows}, {features}), "float32")
    x[:, 0] = np.arange(len(x)) / len(x)
    return {{"train": (x, x[:, 0]), "validation": (x[:64], x[:64, 0])}}

def build(hp):
    model = keras.Sequential([keras.Input(({features},)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(hp.Float("learning_rate", 1e-6, 1e-5)), "mse")
    return model
"""


class Sampling:
    """Adds up the shares of memory of this process and all below it, as long as the block lasts.

    Attributes:
        megabytes: The sum at each look.
        processes: How many processes there were at each look.
    """

    def __init__(self) -> None:
        self.megabytes: list[float] = []
        self.processes: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Sampling:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(0.2):
            shares = [read_share(pid) for pid in iter_tree(os.getpid())]
            self.megabytes.append(sum(shares) / 1000)
            self.processes.append(len(shares))


def iter_tree(pid: int) -> Iterator[int]:
    """Give a process and all below it."""
    yield pid
    for child in list_children(pid):
        yield from iter_tree(child)


def read_share(pid: int) -> int:
    """Read a process' share of memory in kilobytes; 0 where it has gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def measure(megabytes: int, workers: int, *, apart: bool) -> dict[str, Any]:
    """Let workers train on one array, and give the most that all processes held together."""
    began: list[int] = []

    def observe(event: Event) -> None:
        if isinstance(event, TrialStarted) and not began:
            began.append(len(sampling.megabytes))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = megabytes * 10**6 // (4 * NUM_FEATURES)
        code = CODE.format(rows=rows, features=NUM_FEATURES)
        (folder / "shared_data.py").write_text(code)
        space = folder / "data.yaml"
        space.write_text(SPACE.format(workers=workers))
        hold = mock.patch.object(LocalEngine, "hold_data") if apart else contextlib.nullcontext()
        with hold, Sampling() as sampling:
            sweeps.run(space, results=folder / "results", observer=observe)
    return {
        "loaded": "by each process" if apart else "once",
        "data_mb": megabytes,
        "workers": workers,
        "processes": max(sampling.processes[began[0] :]),
        "all_mb": round(max(sampling.megabytes[began[0] :])),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it as JSON where asked."""
    parser = make_parser(__doc__, "2 workers on 20 MB")
    options = parser.parse_args(arguments)
    small, workers = (20, 2) if options.quick else (100, 8)
    figures = Figures("shared_data", COLUMNS, seeds=[0])
    sizes = [small] if options.quick else [small, 1000]
    figures.rows = [measure(size, workers, apart=False) for size in sizes]
    figures.rows.insert(1, measure(small, workers, apart=True))
    figures.print()
    figures.write(options.json)


if __name__ == "__main__":
    main()
