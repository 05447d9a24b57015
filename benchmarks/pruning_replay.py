"""Which pruner and which sampler find a good model soonest: a replay of real learning curves.

Run from the repository:

1. ``python benchmarks/pruning_replay.py --record digits --trials 120`` (and ``fashion``): trains so
   many random trials to their end and keeps their curves in ``benchmarks/results/curves-*.json``;
2. ``python benchmarks/pruning_replay.py --json benchmarks/results/pruning_replay.json``: lets the
   pruners and samplers of this repository, and the stated alternatives, search over those curves
   in many orders, in simulated time with two workers. Takes minutes, trains nothing.

A trial costs its start and its recorded seconds an epoch. There are three targets: what random
search without pruning has at the end of 10, 20 and 30 trials, in the median; a row has the mean of
the times to them. A sampler proposes a point, and the nearest
trial of the record that has not been taken stands in for it.
"""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import optuna

import sweeps
from benchmarks.figures import Column, Figures, draw_table, make_parser
from benchmarks.images import read_images
from benchmarks.replay import WORKERS, Course, Curve, make_proposer, make_pruner, replay
from benchmarks.time_to_accuracy import SEARCHES, write_space
from sweeps.worker.events import EpochReported, Event, TrialStarted

RESULTS = Path(__file__).parent / "results"
RANDOM_TRIALS = (10, 20, 30)
COLUMNS = (
    Column("policy", "sampler, pruner"),
    Column("ratio", "times the default", ".2f"),
    Column("digits", "digits s", ".1f"),
    Column("digits_slow", "slowest tenth", ".1f"),
    Column("digits_trials", "trials", ".0f"),
    Column("digits_epochs", "epochs", ".0f"),
    Column("fashion", "fashion s", ".1f"),
    Column("fashion_slow", "slowest tenth", ".1f"),
    Column("fashion_trials", "trials", ".0f"),
    Column("fashion_epochs", "epochs", ".0f"),
    Column("orders", "orders", "d"),
)
DEFAULT = "tpe startup=10, asha"


def record(search: str, num_trials: int, path: Path) -> None:
    """Train random trials to their end, and keep their curves."""
    spec = SEARCHES[search]
    times: dict[int, list[float]] = {}
    values: dict[int, list[float]] = {}

    def observe(event: Event) -> None:
        if isinstance(event, TrialStarted):
            times.setdefault(event.number, [time.perf_counter()])
        if isinstance(event, EpochReported) and event.value is not None:
            times[event.number].append(time.perf_counter())
            values.setdefault(event.number, []).append(round(event.value, 5))

    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        read_images(folder / "data.npz", 10_000, 2_000)
        write_space(folder / "space.yaml", spec, seed=0, is_random=True)
        os.environ["BENCHMARK_WORK"] = str(folder)
        settings = [f"limits.trials={num_trials}", f"limits.workers={WORKERS}"]
        report = sweeps.run(
            folder / "space.yaml", results=folder, overrides=settings, observer=observe
        )
    curves = []
    for trial in report.trials:
        if trial.state == "complete":
            moments = times[trial.number]
            lengths = [after - before for before, after in pairwise(moments)]
            epoch = statistics.median(lengths[1:])
            start = max(lengths[0] - epoch, 0.0)
            curve = Curve(dict(trial.params), tuple(values[trial.number]), epoch, start)
            curves.append(vars(curve))
    path.write_text(json.dumps({"search": search, "epochs": spec.epochs, "curves": curves}) + "\n")


def read_curves(search: str) -> list[Curve]:
    """Read what `record` wrote."""
    found = json.loads((RESULTS / f"curves-{search}.json").read_text())
    return [Curve(**{**curve, "values": tuple(curve["values"])}) for curve in found["curves"]]


PRUNER_TEXTS = (
    "none",
    "median",
    "median min_epochs=1",
    "percentile percentile=25",
    *(
        f"asha min_epochs={rung} reduction_factor={factor}"
        for rung in (1, 2, 3)
        for factor in (2, 3, 4)
    ),
    "hyperband",
    "hyperband min_epochs=2",
    "patient patience=3",
    *(
        f"continuing min_epochs={rung} reduction_factor={factor}"
        for rung in (1, 2)
        for factor in (2, 3, 4)
    ),
)


TPE_PRUNERS = (
    "none",
    "median",
    "hyperband",
    *(
        f"asha min_epochs={rung} reduction_factor={factor}"
        for rung in (1, 2)
        for factor in (2, 3, 4)
    ),
    "continuing min_epochs=1 reduction_factor=3",
    "continuing min_epochs=2 reduction_factor=3",
)
SAMPLER_TEXTS = (
    "tpe startup=5",
    "tpe startup=20",
    "tpe startup=10 candidates=64",
)
USUAL_SAMPLER, USUAL_PRUNER = DEFAULT.split(", ")


def list_policies(*, quick: bool) -> list[tuple[str, str]]:
    """List the pairs of sampler and pruner that are compared, the default first."""
    policies = [(USUAL_SAMPLER, USUAL_PRUNER), ("random", "none")]
    if not quick:
        policies += [("random", pruner) for pruner in PRUNER_TEXTS[1:]]
        policies += [(sampler, USUAL_PRUNER) for sampler in SAMPLER_TEXTS]
        policies += [(USUAL_SAMPLER, pruner) for pruner in TPE_PRUNERS]
    return policies


def summarize(search: str, courses: Sequence[Course]) -> dict[str, float]:
    """Give the figures of a policy on one data set."""
    seconds = sorted(statistics.fmean(course.seconds) for course in courses)
    return {
        search: statistics.fmean(seconds),
        f"{search}_slow": seconds[int(0.9 * len(seconds))],
        f"{search}_trials": statistics.fmean(course.trials for course in courses),
        f"{search}_epochs": statistics.fmean(course.epochs for course in courses),
    }


def find_targets(curves: Sequence[Curve]) -> list[float]:
    """Find what random search has after some trials, in the median over many orders."""
    best = [max(curve.values) for curve in curves]
    generator = random.Random(0)
    return [
        statistics.median_low(max(generator.sample(best, number)) for _ in range(1000))
        for number in RANDOM_TRIALS
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Record or replay; print and write the table after each policy."""
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parser = make_parser(__doc__, "two orders of a few policies")
    parser.add_argument("--record", choices=list(SEARCHES), help="train, and keep the curves")
    parser.add_argument("--trials", type=int, default=120, help="how many are recorded")
    parser.add_argument("--orders", type=int, default=200, help="how many orders are replayed")
    options = parser.parse_args(arguments)
    if options.record:
        record(options.record, options.trials, RESULTS / f"curves-{options.record}.json")
        return
    orders = 2 if options.quick else options.orders
    figures = Figures("pruning_replay", COLUMNS, seeds=list(range(orders)))
    curves = {search: read_curves(search) for search in SEARCHES}
    targets = {search: find_targets(curves[search]) for search in SEARCHES}
    figures.details = {
        search: {"curves": len(curves[search]), "targets": targets[search]} for search in SEARCHES
    }
    try:
        for sampler, pruner in list_policies(quick=options.quick):
            # Proposing costs a hundred times as much as drawing: fewer orders.
            num_orders = orders if sampler == "random" or options.quick else max(orders // 5, 1)
            row: dict[str, Any] = {"policy": f"{sampler}, {pruner}", "orders": num_orders}
            for search in SEARCHES:
                seeds = range(num_orders)
                row |= summarize(
                    search,
                    [try_order(search, curves, sampler, pruner, seed, targets) for seed in seeds],
                )
            figures.rows.append(row)
            compare(figures.rows)
            print(draw_table(COLUMNS, [row]).splitlines()[1], flush=True)
            figures.write(options.json)
    finally:
        figures.print()


def try_order(
    search: str,
    curves: dict[str, list[Curve]],
    sampler: str,
    pruner: str,
    seed: int,
    targets: dict[str, list[float]],
) -> Course:
    """Replay one order."""
    made = make_pruner(pruner, SEARCHES[search].epochs, seed)
    propose = make_proposer(sampler, curves[search], 1000 * seed)
    return replay(curves[search], made, propose, targets[search])


def compare(rows: list[dict[str, Any]]) -> None:
    """Put beside each row how its times compare with the default's, in the geometric mean."""
    default = next(row for row in rows if row["policy"] == DEFAULT)
    for row in rows:
        row["ratio"] = math.prod(row[search] / default[search] for search in SEARCHES) ** 0.5
    rows.sort(key=lambda row: row["ratio"])


if __name__ == "__main__":
    main()
