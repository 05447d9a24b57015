"""How long it takes until something happens: commands, the first trial, a trial's first operation.

Run from the repository: ``python benchmarks/start.py [--quick] [--json FILE]``. Commands are timed
beside the interpreter that runs them, in wall and in CPU seconds (on a busy machine only the latter
mean something). A real sweep tells when its first trial ran, counted from the moment when the fork
server had imported Keras. Each of its trials writes down when its first TensorFlow operation was
done, counted from when its process was asked for, and how much memory it held for itself then.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import sweeps
from benchmarks.figures import Column, Figures, make_parser
from sweeps.engines.local import LocalEngine
from sweeps.worker.events import Event, TrialStarted

HOME = Path(__file__).parents[1]
COLUMNS = (Column("what", "what"), Column("value", "measured", "g"))
SPACE = """
name: start
model: first_op.py:build
data: first_op.py:load
objective: {metric: val_loss, direction: minimize}
parameters: {learning_rate: {type: float, low: 1e-3, high: 1e-1, log: true}}
sampler: random
pruner: none
training: {epochs: 1, batch_size: 32}
limits: {trials: %d, workers: 1}
"""
CODE = """
import json, sys, time
from pathlib import Path
import tensorflow as tf
sys.path.append({home!r})
from tests.fakes.tiny_model import build as build_tiny, load

def build(hp):
    float(tf.constant(1.0) + 1.0)
    done = time.monotonic()
    rows = (line.split() for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    kilobytes = {{row[0].rstrip(":"): int(row[1]) for row in rows}}
    own = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    with Path(__file__).with_name("first_ops.txt").open("a") as file:
        file.write(json.dumps([done, own / 1000, kilobytes["Pss"] / 1000]) + "\\n")
    return build_tiny(hp)
"""


def time_commands(sweep: Path, rounds: int) -> list[dict[str, Any]]:
    """Time commands that train nothing, and the interpreter alone."""
    space = HOME / "search_spaces" / "digits.yaml"
    commands = {
        "the interpreter alone": ["-c", "pass"],
        "--help": ["-m", "sweeps", "--help"],
        "status": ["-m", "sweeps", "status", str(sweep)],
        "check --no-build": ["-m", "sweeps", "check", "--no-build", str(space)],
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            times[name].append(time_process([sys.executable, *arguments]))
    return [
        {
            "command": name,
            "seconds": round(statistics.median(wall for wall, _ in each), 3),
            "cpu_seconds": round(statistics.median(cpu for _, cpu in each), 3),
        }
        for name, each in times.items()
    ]


def time_process(command: Sequence[str]) -> tuple[float, float]:
    """Run a process; gives its wall and its CPU seconds."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, cwd=HOME, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, cpu


def time_sweep(folder: Path, trials: int) -> dict[str, Any]:
    """Run a sweep and time its first trial and the first operation of each."""
    space = folder / "start.yaml"
    space.write_text(SPACE % trials)
    (folder / "first_op.py").write_text(CODE.format(home=str(HOME)))
    asked: list[float] = []
    ready: list[float] = []
    hold_data = LocalEngine.hold_data

    def noting(self: LocalEngine, target: str, seed: int) -> None:
        assert self._server is not None
        self._server.wait_until_ready()
        ready.append(time.monotonic())
        hold_data(self, target, seed)

    def observe(event: Event) -> None:
        if isinstance(event, TrialStarted) and (not asked or len(asked) <= event.number):
            asked.append(time.monotonic())

    began = time.monotonic()
    LocalEngine.hold_data = noting  # type: ignore[method-assign]
    try:
        sweeps.run(space, results=folder, observer=observe)
    finally:
        LocalEngine.hold_data = hold_data  # type: ignore[method-assign]
    lines = (folder / "first_ops.txt").read_text().splitlines()
    first_ops = [json.loads(line) for line in lines][-trials:]  # the others were checks
    delays = [done - start for start, (done, _, _) in zip(asked, first_ops, strict=True)]
    return {
        "import_seconds": round(ready[0] - began, 2),
        "first_trial_seconds_after_import": round(asked[0] - ready[0], 2),
        "first_op_seconds_after_import": round(first_ops[0][0] - ready[0], 2),
        "trials": trials,
        "first_op_ms_median": round(statistics.median(delays) * 1000),
        "first_op_ms_fastest": round(min(delays) * 1000),
        "own_mb_median": round(statistics.median(own for _, own, _ in first_ops), 1),
        "pss_mb_median": round(statistics.median(pss for _, _, pss in first_ops), 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it as JSON where asked."""
    parser = make_parser(__doc__, "3 trials, one round")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    trials, rounds = (3, 1) if options.quick else (options.trials, options.rounds)
    figures = Figures("start", COLUMNS, seeds=[0])
    with tempfile.TemporaryDirectory() as name:
        figures.details = time_sweep(Path(name), trials)
        commands = time_commands(Path(name) / "start", rounds)
    measured = [{"what": name, "value": value} for name, value in figures.details.items()]
    figures.rows = [
        *measured,
        *(
            {"what": f"{row['command']}: {key.replace('_', ' ')}", "value": row[key]}
            for row in commands
            for key in ("seconds", "cpu_seconds")
        ),
    ]
    figures.print()
    figures.write(options.json)


if __name__ == "__main__":
    main()
