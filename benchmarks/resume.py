"""How soon a sweep with thousands of finished trials goes on training.

Run from the repository: ``python benchmarks/resume.py [--quick] [--json FILE]``. It makes a
sweep of that many finished trials (its study is real, its models were never trained), lets
``resume`` train one more, and measures from the call to that trial's start. TensorFlow's import
goes on in another process meanwhile; how long it takes alone is measured in the same way, by a
sweep with one finished trial.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import Column, Figures, make_parser
from sweeps.paths import SweepPaths
from sweeps.reading import know_space, read_sweep_record
from sweeps.search.study import open_study
from sweeps.search.trials import TrialOutcome
from sweeps.spec.model import spec_from_json

HOME = Path(__file__).parents[1]
SPACE = """
name: {name}
model: tests.fakes.tiny_model:build
data: tests.fakes.tiny_model:load
objective: {{metric: val_loss, direction: minimize}}
parameters:
  units: {{type: int, low: 1, high: 1000000}}
sampler: random
pruner: none
limits: {{trials: {trials}, workers: 1}}
training: {{epochs: 1}}
"""
COLUMNS = (
    Column("finished", "finished trials", ",d"),
    Column("seconds", "first trial starts after s", ".2f"),
    Column("more", "longer than with one", "+.2f"),
)
REPORTS = 10
WORST = 1000.0  # so that the trained trial leads, which has a checkpoint to export

RESUME = """
import sys, time
began = time.perf_counter()
import sweeps
from sweeps.worker.events import TrialStarted
started = []
def observe(event):
    if isinstance(event, TrialStarted) and not started:
        started.append(time.perf_counter() - began)
sweeps.resume(sys.argv[1], overrides=["limits.trials=" + sys.argv[2]], observer=observe)
print(started[0])
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = make_parser(__doc__, "50 trials, one round")
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    trials, rounds = (50, 1) if options.quick else (options.trials, options.rounds)
    figures = Figures("resume", COLUMNS, seeds=[0])
    with tempfile.TemporaryDirectory() as folder:
        sweeps = {count: make_sweep(Path(folder), count) for count in (1, trials)}
        seconds: dict[int, list[float]] = {count: [] for count in sweeps}
        for _ in range(rounds):
            for count, sweep in sweeps.items():
                seconds[count].append(time_resume(sweep))
    medians = {count: statistics.median(each) for count, each in seconds.items()}
    figures.rows = [
        {"finished": count, "seconds": median, "more": median - medians[1]}
        for count, median in medians.items()
    ]
    figures.details = {"rounds": seconds}
    figures.print()
    figures.write(options.json)


def make_sweep(folder: Path, trials: int) -> SweepPaths:
    """Make a sweep with so many finished trials, the first of which was really trained."""
    name = f"finished-{trials}"
    space = folder / f"{name}.yaml"
    space.write_text(SPACE.format(name=name, trials=1))
    run = [sys.executable, "-m", "sweeps", "run", space, "--results", folder]
    subprocess.run(run, check=True, cwd=HOME, capture_output=True)
    paths = SweepPaths(folder / name)
    record = read_sweep_record(paths)
    spec = know_space(spec_from_json(record["spec"]), record)
    with open_study(paths, spec, sweep_id=record["sweep_id"]) as study:
        for index in range(1, trials):
            number = study.ask().number
            for epoch in range(1, REPORTS + 1):
                study.report(number, epoch, WORST + index - epoch)
            study.tell(
                number, TrialOutcome("complete", WORST + index - REPORTS, best_epoch=REPORTS)
            )
    return paths


def time_resume(paths: SweepPaths) -> float:
    """Let a sweep train one more trial in a new process; gives the seconds until it starts."""
    record = read_sweep_record(paths)
    spec = know_space(spec_from_json(record["spec"]), record)
    with open_study(paths, spec, sweep_id=record["sweep_id"]) as study:
        trials = study.num_trials + 1
    command = [sys.executable, "-c", RESUME, str(paths.root), str(trials)]
    ran = subprocess.run(command, check=True, cwd=HOME, stdout=subprocess.PIPE, text=True)
    return float(ran.stdout.split()[-1])


if __name__ == "__main__":
    main()
