"""Which pruner and which sampler find a good model soonest: a replay of real learning curves.

Run from the repository:

1. ``python benchmarks/pruning_replay.py --record digits --trials 120`` (and ``fashion``): trains so
   many random trials to their end and keeps their curves in ``benchmarks/results/curves-*.json``;
2. ``python benchmarks/pruning_replay.py --json benchmarks/results/pruning_replay.json``: lets the
   pruners and samplers of this repository, and the stated alternatives, search over those curves
   in many orders, in simulated time with two workers. Takes minutes, trains nothing.

A trial costs its start and its recorded seconds an epoch. The target is what random search without
pruning has at the end of 30 trials, in the median. A sampler proposes a point, and the nearest
trial of the record that has not been taken stands in for it.
"""

from __future__ import annotations

import heapq
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

import sweeps
from benchmarks.figures import Column, Figures, draw_table, make_parser
from benchmarks.images import read_images
from benchmarks.time_to_accuracy import SEARCHES, write_space
from sweeps.search.pruners import PRUNERS
from sweeps.worker.events import EpochReported, Event, TrialStarted

RESULTS = Path(__file__).parent / "results"
WORKERS = 2
RANDOM_TRIALS = 30
COLUMNS = (
    Column("data", "data"),
    Column("policy", "policy"),
    Column("seconds", "seconds", ".1f"),
    Column("ratio", "times the default", ".2f"),
    Column("slow", "slowest tenth", ".1f"),
    Column("trials", "trials begun", ".0f"),
    Column("epochs", "epochs", ".0f"),
)
DEFAULT = "tpe startup=10, asha"


@dataclass(frozen=True)
class Curve:
    """A trial as it was recorded.

    Attributes:
        params: Its parameters.
        values: The accuracy after each epoch.
        epoch_seconds: How long an epoch took, in the median.
        start_seconds: How much longer it took to the first report.
    """

    params: dict[str, Any]
    values: tuple[float, ...]
    epoch_seconds: float
    start_seconds: float


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


@dataclass
class Replayed:
    """A trial of a replay, with what a pruner looks at."""

    number: int
    curve: Curve
    intermediate_values: dict[int, float] = field(default_factory=dict)
    state: TrialState = TrialState.RUNNING
    rung: int = 0

    @property
    def last_step(self) -> int | None:
        """The last epoch."""
        return max(self.intermediate_values, default=None)


@dataclass
class ReplayedStudy:
    """The trials of a replay, as pruners ask a study for them."""

    trials: list[Replayed] = field(default_factory=list)
    direction: StudyDirection = StudyDirection.MAXIMIZE

    def get_trials(self, deepcopy: bool = True, states: Any = None) -> list[Replayed]:
        """List them."""
        del deepcopy
        return [trial for trial in self.trials if states is None or trial.state in states]


@dataclass(frozen=True)
class Course:
    """How a replay went."""

    seconds: float
    trials: int
    epochs: int


Propose = Callable[[list[Curve], list[Replayed]], Curve]


def replay(curves: Sequence[Curve], pruner: Any, propose: Propose, target: float) -> Course:
    """Search over curves until the target is reached, with two workers.

    A pruner of `Continuing` kind pauses trials on rungs and chooses which goes on; others are asked
    after each epoch whether to stop.
    """
    study, left, epochs = ReplayedStudy(), list(curves), 0
    free = [(0.0, worker) for worker in range(WORKERS)]
    running: dict[int, Replayed] = {}
    while True:
        now, worker = heapq.heappop(free)
        trial = running.pop(worker, None)
        if trial is not None:
            epochs += 1
            epoch = len(trial.intermediate_values) + 1
            trial.intermediate_values[epoch] = trial.curve.values[epoch - 1]
            if trial.curve.values[epoch - 1] >= target:
                return Course(now, len(study.trials), epochs)
            if epoch == len(trial.curve.values):
                trial.state = TrialState.COMPLETE
            elif pruner.prune(study, trial):
                trial.state = TrialState.PRUNED
            else:
                running[worker] = trial
                heapq.heappush(free, (now + trial.curve.epoch_seconds, worker))
                continue
        chosen = pruner.choose(study) if isinstance(pruner, Continuing) else None
        if chosen is None:
            if not left:
                left = list(curves)  # begun anew: nobody may end without the target
            curve = propose(left, study.trials)
            left.remove(curve)
            chosen = Replayed(len(study.trials), curve)
            study.trials.append(chosen)
        running[worker] = chosen
        cost = chosen.curve.start_seconds + chosen.curve.epoch_seconds
        heapq.heappush(free, (now + cost, worker))


class Continuing:
    """ASHA as published: trials pause on rungs, and the best of a rung go on from their state.

    Li et al. 2020 (arXiv 1810.05934), Algorithm 2.

    Args:
        min_epochs: The first rung.
        factor: Distance of rungs, and share that goes on.
    """

    def __init__(self, min_epochs: int, factor: int) -> None:
        self._min_epochs, self._factor = min_epochs, factor

    def prune(self, study: ReplayedStudy, trial: Replayed) -> bool:
        """Pause a trial that has reached its next rung."""
        del study
        return len(trial.intermediate_values) >= self._min_epochs * self._factor**trial.rung

    def choose(self, study: ReplayedStudy) -> Replayed | None:
        """Choose a paused trial to go on with, from the highest rung that has one."""
        for rung in reversed(range(20)):
            epoch = self._min_epochs * self._factor**rung
            there = [trial for trial in study.trials if epoch in trial.intermediate_values]
            there.sort(key=lambda trial: -trial.intermediate_values[epoch])
            for trial in there[: len(there) // self._factor]:
                if trial.state == TrialState.PRUNED and trial.rung == rung:
                    trial.state, trial.rung = TrialState.RUNNING, rung + 1
                    return trial
        return None


def make_pruner(text: str, epochs: int, seed: int) -> Any:
    """Make a pruner from a text such as ``asha min_epochs=2 reduction_factor=3``."""
    name, *given = text.split()
    options = {key: float(value) for key, value in (each.split("=") for each in given)}
    if name == "continuing":
        return Continuing(int(options["min_epochs"]), int(options["reduction_factor"]))
    member = PRUNERS.load(name)
    return member.create(member.Options(**options), epochs=epochs, seed=seed)


def propose_random(seed: int) -> Propose:
    """Draw at random."""
    generator = random.Random(seed)
    return lambda left, _: generator.choice(left)


def propose_by(make: Callable[[int], Any], curves: Sequence[Curve], seed: int) -> Propose:
    """Let a sampler propose, and take the nearest curve.

    Finished and running trials are told with the parameters and values that they have.
    """
    distributions = find_distributions(curves)

    def propose(left: list[Curve], trials: list[Replayed]) -> Curve:
        study = optuna.create_study(direction="maximize", sampler=make(seed + len(trials)))
        study.add_trials([tell(trial, distributions) for trial in trials])
        asked = study.ask()
        relative = {
            name: asked._suggest(name, distribution)  # noqa: SLF001
            for name, distribution in distributions.items()
        }
        return min(left, key=lambda curve: measure_distance(curve.params, relative, distributions))

    return propose


def tell(trial: Replayed, distributions: dict[str, Any]) -> Any:
    known = {name: value for name, value in trial.curve.params.items() if name in distributions}
    reports = trial.intermediate_values
    state = trial.state if reports else TrialState.RUNNING
    return create_trial(
        state=state,
        params=known,
        distributions={name: distributions[name] for name in known},
        intermediate_values=reports,
        value=max(reports.values()) if state == TrialState.COMPLETE else None,
    )


def find_distributions(curves: Sequence[Curve]) -> dict[str, Any]:
    """Find the space in the recorded parameters."""
    found: dict[str, Any] = {}
    for name in sorted({name for curve in curves for name in curve.params}):
        values = {curve.params[name] for curve in curves if name in curve.params}
        kinds = {type(value) for value in values}
        if len(values) == 1:
            continue
        if kinds == {float}:
            log = min(values) > 0 and max(values) / min(values) > 50
            found[name] = optuna.distributions.FloatDistribution(min(values), max(values), log=log)
        elif kinds == {int} and len(values) > 3:
            found[name] = optuna.distributions.IntDistribution(min(values), max(values))
        else:
            found[name] = optuna.distributions.CategoricalDistribution(sorted(values))
    return found


def measure_distance(
    params: dict[str, Any], proposed: dict[str, Any], distributions: dict[str, Any]
) -> float:
    """Measure how far a recorded trial is from a proposal: 1 a parameter at most."""
    total = 0.0
    for name, distribution in distributions.items():
        if name not in params:
            continue
        if isinstance(distribution, optuna.distributions.CategoricalDistribution):
            total += params[name] != proposed[name]
            continue
        low, high, ours, theirs = (
            math.log(value) if distribution.log else value
            for value in (distribution.low, distribution.high, params[name], proposed[name])
        )
        total += ((ours - theirs) / (high - low)) ** 2
    return total / max(sum(name in params for name in distributions), 1)


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
        policies += [("random", pruner) for pruner in (USUAL_PRUNER, *PRUNER_TEXTS[1:])]
        policies += [(sampler, USUAL_PRUNER) for sampler in SAMPLER_TEXTS]
        policies += [(USUAL_SAMPLER, pruner) for pruner in PRUNER_TEXTS]
    return policies


def make_proposer(text: str, curves: Sequence[Curve], seed: int) -> Propose:
    """Make what proposes, from a text such as ``tpe startup=10``."""
    name, *given = text.split()
    if name == "random":
        return propose_random(seed)
    options = {key: int(value) for key, value in (each.split("=") for each in given)}

    def make(number: int) -> Any:
        return optuna.samplers.TPESampler(
            n_startup_trials=options["startup"],
            n_ei_candidates=options.get("candidates", 24),
            multivariate=True,
            group=True,
            constant_liar=True,
            seed=number,
        )

    return propose_by(make, curves, seed)


def summarize(name: str, policy: str, courses: Sequence[Course]) -> dict[str, Any]:
    seconds = sorted(course.seconds for course in courses)
    return {
        "data": name,
        "policy": policy,
        "seconds": statistics.fmean(seconds),
        "slow": seconds[int(0.9 * len(seconds))],
        "trials": statistics.fmean(course.trials for course in courses),
        "epochs": statistics.fmean(course.epochs for course in courses),
    }


def find_target(curves: Sequence[Curve]) -> float:
    """Find what random search has after its trials, in the median over many orders."""
    generator = random.Random(0)
    ends = [
        max(max(curve.values) for curve in generator.sample(list(curves), RANDOM_TRIALS))
        for _ in range(1000)
    ]
    return statistics.median_low(ends)


def main(arguments: Sequence[str] | None = None) -> None:
    """Record or replay; print and write the table after each policy."""
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parser = make_parser(__doc__, "two orders of a few policies")
    parser.add_argument("--record", choices=list(SEARCHES), help="train, and keep the curves")
    parser.add_argument("--trials", type=int, default=120, help="how many are recorded")
    parser.add_argument("--orders", type=int, default=100, help="how many orders are replayed")
    options = parser.parse_args(arguments)
    if options.record:
        record(options.record, options.trials, RESULTS / f"curves-{options.record}.json")
        return
    orders = 2 if options.quick else options.orders
    figures = Figures("pruning_replay", COLUMNS, seeds=list(range(orders)))
    for search in SEARCHES:
        curves = read_curves(search)
        target = find_target(curves)
        figures.details[search] = {"curves": len(curves), "target": target}
        for sampler, pruner in list_policies(quick=options.quick):
            courses = [
                replay(
                    curves,
                    make_pruner(pruner, SEARCHES[search].epochs, seed),
                    make_proposer(sampler, curves, 1000 * seed),
                    target,
                )
                for seed in figures.seeds
            ]
            figures.rows.append(summarize(search, f"{sampler}, {pruner}", courses))
            compare(figures.rows)
            print(draw_table(COLUMNS, figures.rows[-1:]).splitlines()[1], flush=True)
            figures.write(options.json)
    figures.print()


def compare(rows: list[dict[str, Any]]) -> None:
    """Put beside each row how its time compares with the default's on the same data."""
    defaults = {row["data"]: row["seconds"] for row in rows if row["policy"] == DEFAULT}
    for row in rows:
        default = defaults.get(row["data"])
        row["ratio"] = default and row["seconds"] / default


if __name__ == "__main__":
    main()
