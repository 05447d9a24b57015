"""What the driver costs: thousands of trials through it that take no time to train.

Run from the repository: ``python benchmarks/driver.py [--quick] [--json FILE]``. All is real, the
study with its journal and every fsync, pruning, supervisors, joblib's dispatch, the engine, but for
the trial processes: `benchmarks/stub_server.py` plays them over the same sockets. Each trial tells
its parameters, reports ten epochs, each with a decision about pruning, and ends. Trials per second,
the time and CPU of one trial and the driver's memory are told around the 100th, the 1,000th and the
last trial, the latency of a report as the trial sees it over the whole sweep.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import Column, Figures, make_parser
from benchmarks.stub_server import LATENCIES, METRIC
from sweeps.conductor import conduct
from sweeps.durable import make_dir, write_json
from sweeps.engines.local import LocalEngine
from sweeps.paths import SweepPaths
from sweeps.spec.model import SweepSpec, spec_to_json
from sweeps.worker import fork_server
from sweeps.worker.events import Event, SweepStarted, TrialEnded
from sweeps.worker.memory import measure_process

HOME = Path(__file__).parents[1]
COLUMNS = (
    Column("workers", "workers", "d"),
    Column("finished", "finished trials", "d"),
    Column("trials_per_second", "trials/s", ".0f"),
    Column("report_ms_median", "report, ms", ".2f"),
    Column("report_ms_p99", "p99", ".1f"),
    Column("milliseconds", "ms a trial", ".1f"),
    Column("cpu_milliseconds", "CPU ms a trial", ".1f"),
    Column("megabytes", "MB", ".0f"),
)
WINDOW = 100
"""Around a number of finished trials the cost is the mean over so many trials before it."""
_START = """\
import sys
sys.path.insert(0, sys.argv[1])
from benchmarks import stub_server
stub_server.main(int(sys.argv[2]))
"""


@dataclass(frozen=True)
class Sample:
    """The driver at the end of one trial.

    Attributes:
        seconds: Wall time since the first trial could begin.
        cpu_seconds: CPU time of the driver by then.
        megabytes: What the driver holds for itself.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float


@dataclass(frozen=True)
class Cost:
    """What one trial costs once so many have finished.

    Attributes:
        finished: Finished trials.
        milliseconds: Wall time from one trial's end to the next one's.
        cpu_milliseconds: CPU time of the driver for it.
        megabytes: What the driver holds for itself.
    """

    finished: int
    milliseconds: float
    cpu_milliseconds: float
    megabytes: float


class Watch:
    """Notes time, CPU and memory at the end of every trial."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def __call__(self, event: Event) -> None:
        """Take note of an event; called from several threads."""
        if isinstance(event, SweepStarted):
            self._began, self._cpu_before = time.perf_counter(), read_cpu_seconds()
            self.samples.append(Sample(0.0, 0.0, measure_process(os.getpid()) / 1e6))
        elif isinstance(event, TrialEnded):
            # To read the memory takes longer than a trial may: now and then is enough.
            is_due = len(self.samples) % WINDOW == 0
            memory = measure_process(os.getpid()) / 1e6 if is_due else self.samples[-1].megabytes
            cpu = read_cpu_seconds() - self._cpu_before
            self.samples.append(Sample(time.perf_counter() - self._began, cpu, memory))


def read_cpu_seconds() -> float:
    """Read the CPU time that this process has used, all its threads together."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run_sweep(trials: int, workers: int, folder: Path, options: Mapping[str, str]) -> Watch:
    """Run one sweep through the driver."""
    spec = SweepSpec.model_validate(
        {
            "name": "driver",
            "model": "stub:build",
            "data": "stub:load",
            "objective": {"metric": METRIC, "direction": "maximize"},
            "parameters": [
                {"name": "x", "type": "float", "low": 0.0, "high": 1.0},
                {"name": "units", "type": "int", "low": 1, "high": 1_000_000},
            ],
            "limits": {"trials": trials, "workers": workers},
            "training": {"epochs": 11},  # the last epoch is never judged
            **{key: {"name": value} for key, value in options.items()},
        }
    )
    paths = SweepPaths(folder / spec.name)
    for number in range(trials):  # a trial's process makes its folder with its log
        make_dir(paths.trial(number).root)
        paths.trial(number).log.touch()
    record = {"schema": 1, "sweep_id": "driver", "spec": spec_to_json(spec), "threads": 1}
    facts: dict[str, Any] = {"fingerprint": {"versions": {}}, "data": [], "data_parts": {}}
    write_json(paths.spec, record | facts)
    watch = Watch()
    fork_server._START = _START  # noqa: SLF001 - what this benchmark puts in its place
    engine = LocalEngine()
    try:
        with (  # there is no model
            mock.patch("sweeps.conductor._export_leader"),
            mock.patch("sweeps.drafting.Drafting.make"),
        ):
            conduct(paths, spec, engine, watch)
    finally:
        engine.close()
    return watch


def compute_costs(samples: Sequence[Sample], marks: Sequence[int]) -> list[Cost]:
    """Compute what a trial costs around each number of finished trials."""
    costs = []
    for mark in marks:
        window = min(WINDOW, mark)
        first, last = samples[mark - window], samples[mark]
        wall = (last.seconds - first.seconds) / window * 1000
        cpu = (last.cpu_seconds - first.cpu_seconds) / window * 1000
        costs.append(Cost(mark, round(wall, 2), round(cpu, 2), round(last.megabytes, 1)))
    return costs


def describe(samples: Sequence[Sample], latencies: Sequence[float], workers: int) -> dict[str, Any]:
    """Give the figures of one sweep as JSON values."""
    trials = len(samples) - 1
    marks = sorted({mark for mark in (100, 1000, trials) if mark <= trials})
    ranks = statistics.quantiles(latencies, n=100)
    return {
        "workers": workers,
        "trials": trials,
        "reports": len(latencies),
        "trials_per_second": round(trials / samples[-1].seconds, 1),
        "cpu_seconds": round(samples[-1].cpu_seconds, 2),
        "report_ms_median": round(ranks[49] * 1000, 2),
        "report_ms_p99": round(ranks[98] * 1000, 2),
        "costs": [asdict(cost) for cost in compute_costs(samples, marks)],
    }


def measure(trials: int, workers: int, options: Mapping[str, str]) -> dict[str, Any]:
    """Run one sweep in this process and give its figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[LATENCIES] = str(folder / "latencies")
        samples = run_sweep(trials, workers, folder, options).samples
        latencies = [float(line) for line in (folder / "latencies").read_text().split()]
    return describe(samples, latencies, workers)


def measure_apart(trials: int, workers: int, options: Mapping[str, str]) -> dict[str, Any]:
    """Run one sweep in a process of its own, so that each begins with the same memory."""
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from benchmarks import driver; "
        "print(json.dumps(driver.measure(*json.loads(sys.argv[2]))))"
    )
    arguments = json.dumps([trials, workers, dict(options)])
    command = [sys.executable, "-c", script, str(HOME), arguments]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return figures


def measure_disk(folder: Path, times: int = 200) -> float:
    """Measure the median time of an fsync after a small append, in milliseconds."""
    seconds = []
    descriptor = os.open(folder / "probe", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for _ in range(times):
        os.write(descriptor, b"x" * 200)
        began = time.perf_counter()
        os.fsync(descriptor)
        seconds.append(time.perf_counter() - began)
    os.close(descriptor)
    return round(statistics.median(seconds) * 1000, 2)


def list_rows(measured: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give one row a sweep and number of finished trials."""
    return [
        {**{key: value for key, value in row.items() if key != "costs"}, **cost}
        for row in measured
        for cost in row["costs"]
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it as JSON where asked."""
    parser = make_parser(__doc__, "20 trials, 4 workers")
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--pruner", default="asha")
    options = parser.parse_args(arguments)
    trials, workers = (20, [4]) if options.quick else (options.trials, options.workers)
    chosen = {"sampler": options.sampler, "pruner": options.pruner}
    with tempfile.TemporaryDirectory() as folder:
        details = {**chosen, "fsync_ms": measure_disk(Path(folder))}
    figures = Figures("driver", COLUMNS, seeds=[0], details=details)
    figures.rows = list_rows([measure_apart(trials, count, chosen) for count in workers])
    figures.print()
    figures.write(options.json)


if __name__ == "__main__":
    main()
