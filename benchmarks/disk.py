"""How much disk a sweep uses while it runs, against what ``keep`` allows.

Run from the repository: ``python benchmarks/disk.py [--quick] [--json FILE]``. A real sweep of tiny
models runs with ``keep: {best: 3, max_disk: ...}`` while its folder is measured every 50 ms.
Checkpoints have to stay within ``max_disk`` and what the trials that run need: the best model, the
one that is to replace it, two latest states and a third that is being written. All else in the
folder grows with the number of trials; the table says how fast.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import sweeps
from benchmarks.figures import Column, Figures, make_parser

HOME = Path(__file__).parents[1]
MAX_DISK = 150_000
WORKERS = 2
SAMPLE_SECONDS = 0.05
COLUMNS = tuple(
    Column(key, key, ",d") for key in ("trials", "checkpoints", "journal", "logs", "others")
)
SPACE = f"""
name: disk
model: {HOME}/tests/fakes/tiny_model.py:build
data: {HOME}/tests/fakes/tiny_model.py:load
objective: {{metric: val_accuracy, direction: maximize}}
sampler: random
pruner: none
training: {{epochs: 2, batch_size: 16}}
limits: {{trials: %d, workers: {WORKERS}}}
keep: {{best: 3, max_disk: {MAX_DISK}}}
"""


@dataclass(frozen=True)
class Sample:
    """The sizes of a sweep's files at one moment, in bytes.

    Attributes:
        trials: How many trials have a folder.
        checkpoints: Best models and latest states, with what is just being written.
        journal: The study.
        logs: What trials printed.
        others: All else: spec, parameters, histories, outcomes, the bundle.
    """

    trials: int
    checkpoints: int
    journal: int
    logs: int
    others: int


@dataclass
class Sampler:
    """Measures a sweep's folder again and again, in a thread of its own.

    Attributes:
        root: The folder.
        samples: What was measured, in order.
        largest_best: The largest best model seen, in bytes.
        largest_latest: The largest latest state seen, in bytes.
    """

    root: Path
    samples: list[Sample] = field(default_factory=list)
    largest_best: int = 0
    largest_latest: int = 0

    def run(self, ended: threading.Event) -> None:
        """Measure until `ended` is set, and once more."""
        while not ended.wait(SAMPLE_SECONDS):
            self.sample()
        self.sample()

    def sample(self) -> None:
        """Measure once."""
        sizes = dict.fromkeys(("checkpoints", "journal", "logs", "others"), 0)
        states: dict[str, int] = {}
        seen: set[int] = set()
        for folder, _, names in os.walk(self.root):
            for name in names:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    status = Path(folder, name).stat()
                    size = status.st_size
                    if status.st_ino not in seen:  # a state may link its trial's checkpoint
                        sizes[sort_file(folder, name)] += size
                        seen.add(status.st_ino)
                    if Path(folder).name == "checkpoints":
                        self.largest_best = max(self.largest_best, size)
                    if Path(folder).parent.name == "latest":
                        states[folder] = states.get(folder, 0) + size
        self.largest_latest = max(self.largest_latest, *states.values(), 0, 0)
        num_trials = len(list((self.root / "trials").glob("[0-9]*")))
        self.samples.append(Sample(num_trials, **sizes))


def sort_file(folder: str, name: str) -> str:
    if {"checkpoints", "latest"} & {*Path(folder).parts} and name != "best.json":
        return "checkpoints"
    return {"study.journal": "journal", "log.txt": "logs"}.get(name, "others")


def measure(num_trials: int, folder: Path, figures: Figures) -> None:
    """Run a sweep and note its sizes at each quarter, the largest ones, and the bound."""
    space = folder / "disk.yaml"
    space.write_text(SPACE % num_trials)
    sampler = Sampler(folder / "results" / "disk")
    ended = threading.Event()
    thread = threading.Thread(target=sampler.run, args=(ended,))
    thread.start()
    began = time.monotonic()
    try:
        report = sweeps.run(space, results=folder / "results")
    finally:
        ended.set()
        thread.join()
    needed = 2 * sampler.largest_best + 3 * sampler.largest_latest
    samples = sampler.samples
    quarters = [
        next(each for each in samples if each.trials >= num_trials * part / 4) for part in (1, 2, 3)
    ]
    figures.rows = [asdict(each) for each in (*quarters, samples[-1])]
    figures.details = {
        "trials": len(report.trials),
        "kept": sum(trial.checkpoint is not None for trial in report.trials),
        "seconds": round(time.monotonic() - began, 1),
        "samples": len(samples),
        "max_disk": MAX_DISK,
        "needed_by_live_trials": WORKERS * needed,
        "bound": MAX_DISK + WORKERS * needed,
        "largest_checkpoints": max(each.checkpoints for each in samples),
        "largest_folder": max(sum(list(asdict(each).values())[1:]) for each in samples),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it as JSON where asked."""
    parser = make_parser(__doc__, "12 trials instead of 200")
    options = parser.parse_args(arguments)
    figures = Figures("disk", COLUMNS, seeds=[0])
    with tempfile.TemporaryDirectory() as folder:
        measure(12 if options.quick else 200, Path(folder), figures)
    figures.print()
    figures.write(options.json)
    found = figures.details
    largest, bound = found["largest_checkpoints"], found["bound"]
    print(f"checkpoints took at most {largest:,} bytes; the bound is {bound:,}")
    if largest > bound:
        raise SystemExit("the checkpoints outgrew their bound")


if __name__ == "__main__":
    main()
