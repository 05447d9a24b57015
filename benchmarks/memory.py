"""How the memory of driver and fork server grows with the number of trials.

Run from the repository: ``python benchmarks/memory.py [--quick] [--json FILE]``. A real sweep of
tiny models runs while both processes are measured at the end of every trial: what they hold for
themselves (RssAnon). The first fifth of the trials is left out: caches fill. The bound is 0.1 MB a
trial; trials themselves cannot leak, since each has a process of its own.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import sweeps
from benchmarks.figures import Column, Figures, make_parser
from sweeps.worker.events import Event, TrialEnded
from sweeps.worker.memory import measure_process
from sweeps.worker.process_tree import list_children

HOME = Path(__file__).parents[1]
MAX_MB_PER_TRIAL = 0.1
COLUMNS = (
    Column("process", "process"),
    Column("first_mb", "MB at a fifth of the trials", ".2f"),
    Column("last_mb", "MB at the end", ".2f"),
    Column("mb_per_trial", "MB a trial", ".4f"),
)
SPACE = f"""
name: memory
model: {HOME}/tests/fakes/tiny_model.py:build
data: {HOME}/tests/fakes/tiny_model.py:load
objective: {{metric: val_accuracy, direction: maximize}}
sampler: random
pruner: none
training: {{epochs: 2, batch_size: 32}}
limits: {{trials: %d, workers: 2}}
keep: {{best: 3}}
"""


def measure(num_trials: int, folder: Path, figures: Figures) -> None:
    """Run a sweep and note the memory at its begin and end, and its growth a trial."""
    space = folder / "memory.yaml"
    space.write_text(SPACE % num_trials)
    driver, server = [], []

    def observe(event: Event) -> None:
        if isinstance(event, TrialEnded):
            driver.append(measure_process(os.getpid()) / 1e6)
            server.append(measure_process(find_server()) / 1e6)

    began = time.monotonic()
    report = sweeps.run(space, results=folder / "results", observer=observe)
    figures.rows = [describe("driver", driver), describe("fork server", server)]
    figures.details = {
        "trials": len(report.trials),
        "seconds": round(time.monotonic() - began, 1),
        "max_mb_per_trial": MAX_MB_PER_TRIAL,
    }


def find_server() -> int:
    """Find the fork server among our children: it has imported TensorFlow."""
    return max(list_children(os.getpid()), key=measure_process)


def describe(process: str, megabytes: Sequence[float]) -> dict[str, Any]:
    """Give first and last figure, and the slope of the line through all but the first fifth."""
    kept = megabytes[len(megabytes) // 5 :]
    slope = statistics.linear_regression(range(len(kept)), kept).slope
    return {
        "process": process,
        "first_mb": round(kept[0], 2),
        "last_mb": round(kept[-1], 2),
        "mb_per_trial": round(slope, 4),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it as JSON where asked."""
    parser = make_parser(__doc__, "12 trials instead of 200, no bound")
    options = parser.parse_args(arguments)
    figures = Figures("memory", COLUMNS, seeds=[0])
    with tempfile.TemporaryDirectory() as folder:
        measure(12 if options.quick else 200, Path(folder), figures)
    figures.print()
    figures.write(options.json)
    growth = max(row["mb_per_trial"] for row in figures.rows)
    if not options.quick and growth > MAX_MB_PER_TRIAL:
        raise SystemExit(f"memory grew by more than {MAX_MB_PER_TRIAL} MB a trial")


if __name__ == "__main__":
    main()
