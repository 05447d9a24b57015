"""Searches over recorded learning curves, in simulated time: nothing is trained.

Pruners are those of this repository, as they are: they see trials of a study. Samplers are
Optuna's: they propose a point, and the nearest recorded trial stands in for it.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from sweeps.search.pruners import PRUNERS

WORKERS = 2
MAX_PASSES = 3


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

    def begin(self, curve: Curve) -> Replayed:
        """Begin a trial."""
        self.trials.append(Replayed(len(self.trials), curve))
        return self.trials[-1]

    def count_epochs(self) -> int:
        """Count the epochs of all trials."""
        return sum(len(trial.intermediate_values) for trial in self.trials)


@dataclass(frozen=True)
class Course:
    """How a replay went.

    Attributes:
        seconds: When each target was reached.
        trials: How many trials were begun until the last one.
        epochs: How many epochs they had.
    """

    seconds: tuple[float, ...]
    trials: int
    epochs: int


Propose = Callable[[list[Curve], list[Replayed]], Curve]


def replay(
    curves: Sequence[Curve], pruner: Any, propose: Propose, targets: Sequence[float]
) -> Course:
    """Search over curves until all targets are reached, with two workers.

    A pruner of `Continuing` kind pauses trials on rungs and chooses which goes on; others are asked
    after each epoch whether to stop. A search that has taken each curve `MAX_PASSES` times is given
    up: targets that it has not reached count with the time it took until then.

    Args:
        curves: What trials may be.
        pruner: A pruner of Optuna's kind, or a `Continuing` one.
        propose: Chooses among the curves that are left.
        targets: Values, ascending.
    """
    study, left, reached = ReplayedStudy(), list(curves), list[float]()
    waiting: list[tuple[float, int, Replayed | None]] = [(0.0, n, None) for n in range(WORKERS)]
    while True:
        now, worker, trial = heapq.heappop(waiting)
        value = -math.inf if trial is None else train_epoch(study, trial, pruner)
        reached += [now for target in targets[len(reached) :] if value >= target]
        is_over = len(study.trials) > MAX_PASSES * len(curves)
        if len(reached) == len(targets) or is_over:
            missed = [now] * (len(targets) - len(reached))
            return Course((*reached, *missed), len(study.trials), study.count_epochs())
        if trial is not None and trial.state == TrialState.RUNNING:
            heapq.heappush(waiting, (now + trial.curve.epoch_seconds, worker, trial))
            continue
        trial = pruner.choose(study) if isinstance(pruner, Continuing) else None
        if trial is None:
            left = left or list(curves)
            trial = study.begin(propose(left, study.trials))
            left.remove(trial.curve)
        cost = trial.curve.start_seconds + trial.curve.epoch_seconds
        heapq.heappush(waiting, (now + cost, worker, trial))


def train_epoch(study: ReplayedStudy, trial: Replayed, pruner: Any) -> float:
    """Report the trial's next epoch, and end the trial where that was its last one."""
    epoch = len(trial.intermediate_values) + 1
    value = trial.curve.values[epoch - 1]
    trial.intermediate_values[epoch] = value
    if epoch == len(trial.curve.values):
        trial.state = TrialState.COMPLETE
    elif pruner.prune(study, trial):
        trial.state = TrialState.PRUNED
    return value


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
