"""How the memory of driver and fork server grows with the number of trials.

Run from the repository: ``python benchmarks/memory.py [--quick] [--json FILE]``. A real sweep of
tiny models runs while both processes are measured at the end of every trial: what they hold for
themselves (RssAnon). The first fifth of the trials is left out: caches fill. The bound is 0.1 MB a
trial; trials themselves cannot leak, since each has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import sweeps
from sweeps.worker.events import Event, TrialEnded
from sweeps.worker.memory import measure_process
from sweeps.worker.process_tree import list_children

HOME = Path(__file__).parents[1]
MAX_MB_PER_TRIAL = 0.1
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


def measure(num_trials: int, folder: Path) -> dict[str, object]:
    """Run a sweep and give the memory at its begin and end, and its growth a trial."""
    space = folder / "memory.yaml"
    space.write_text(SPACE % num_trials)
    driver, server = [], []

    def observe(event: Event) -> None:
        if isinstance(event, TrialEnded):
            driver.append(measure_process(os.getpid()) / 1e6)
            server.append(measure_process(find_server()) / 1e6)

    began = time.monotonic()
    report = sweeps.run(space, results=folder / "results", observer=observe)
    return {
        "trials": len(report.trials),
        "seconds": round(time.monotonic() - began, 1),
        **describe("driver", driver),
        **describe("server", server),
        "machine": platform.platform(),
        "date": time.strftime("%F"),
    }


def find_server() -> int:
    """Find the fork server among our children: it has imported TensorFlow."""
    return max(list_children(os.getpid()), key=measure_process)


def describe(name: str, megabytes: Sequence[float]) -> dict[str, float]:
    """Give first and last figure, and the slope of the line through all but the first fifth."""
    kept = megabytes[len(megabytes) // 5 :]
    slope = statistics.linear_regression(range(len(kept)), kept).slope
    return {
        f"{name}_mb_first": round(kept[0], 2),
        f"{name}_mb_last": round(kept[-1], 2),
        f"{name}_mb_per_trial": round(slope, 4),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="12 trials instead of 200, no bound")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(12 if options.quick else 200, Path(folder))
    for key, value in found.items():
        print(f"{key:>22}  {value}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    growth = max(found["driver_mb_per_trial"], found["server_mb_per_trial"])  # type: ignore[type-var]
    if not options.quick and growth > MAX_MB_PER_TRIAL:  # type: ignore[operator]
        raise SystemExit(f"memory grew by more than {MAX_MB_PER_TRIAL} MB a trial")


if __name__ == "__main__":
    main()
