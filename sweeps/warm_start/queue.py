"""Put known-good parameters into the queue of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.lock import hold_sweep
from sweeps.paths import SweepPaths
from sweeps.reading import know_space, read, read_sweep_record
from sweeps.search.study import open_study
from sweeps.spec.conditions import Scalar
from sweeps.spec.model import SweepSpec, spec_from_json
from sweeps.warm_start.candidates import (
    Candidate,
    Selection,
    check_candidates,
    find_unknown,
    select_candidates,
)
from sweeps.warm_start.keras_tuner_project import rank_project
from sweeps.warm_start.other_sweep import rank_trials

Rank = Callable[[SweepSpec], Sequence[Candidate]]
"""Gives candidates, best first, for the sweep that is to try them."""


@dataclass(frozen=True)
class Queued:
    """What was put into the queue.

    Attributes:
        numbers: Numbers of the new trials, which wait.
        num_trials: Trials that the sweep has now, the new ones included.
        target: The sweep's ``limits.trials``: where it is smaller, some will only run after
            ``resume --set limits.trials=...``.
        remarks: What the user should know of the choice, one sentence each.
    """

    numbers: tuple[int, ...]
    num_trials: int
    target: int
    remarks: tuple[str, ...] = ()


def list_ranks(
    from_sweep: str | Path | None = None, from_keras_tuner: str | Path | None = None
) -> list[Rank]:
    """Name the places from which the best trials are taken.

    Args:
        from_sweep: Folder of another sweep.
        from_keras_tuner: Folder of a KerasTuner project.
    """
    ranks: list[Rank] = []
    if from_sweep is not None:
        ranks.append(lambda _: rank_trials(Path(from_sweep)))
    if from_keras_tuner is not None:
        ranks.append(lambda spec: rank_project(Path(from_keras_tuner), spec.objective))
    return ranks


def gather(
    spec: SweepSpec,
    given: Sequence[Candidate],
    ranks: Sequence[Rank] = (),
    *,
    top: int,
    tried: Sequence[Mapping[str, Scalar]] = (),
) -> Selection:
    """Check what the user has written down and choose the best from elsewhere.

    Args:
        spec: The sweep that is to try them.
        given: Written down; each has to be possible.
        ranks: Trials from elsewhere; those that do not fit are passed over.
        top: How many to take from each of `ranks`.
        tried: Values of the trials that the sweep has already.

    Raises:
        SpecError: A given candidate cannot be tried.
        OptionError: Nothing of one of `ranks` fits.
    """
    check_candidates(spec, given)
    names = {name for values in tried for name in values}
    remarks = find_unknown(spec, given, names)
    chosen = list(given)
    for rank in ranks:
        known = [*tried, *(candidate.values for candidate in chosen)]
        selection = select_candidates(spec, rank(spec), top=top, tried=known)
        chosen += selection.candidates
        remarks += selection.remarks
    return Selection(tuple(chosen), tuple(remarks))


def queue_trials(
    paths: SweepPaths, given: Sequence[Candidate], ranks: Sequence[Rank] = (), *, top: int
) -> Queued:
    """Queue waiting trials in a sweep that does not run; they are the next to be trained.

    All are checked before the first is queued. If the process dies in between, those queued stay.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        SweepHeldError: Another process holds the sweep, such as the one that runs it.
        SpecError: A candidate is impossible.
    """
    record = read_sweep_record(paths)
    spec = know_space(spec_from_json(record["spec"]), record)
    with hold_sweep(paths.lock):
        tried = [trial.params for trial in read(paths.root).trials if trial.state != "failed"]
        selection = gather(spec, given, ranks, top=top, tried=tried)
        with open_study(paths, spec, sweep_id=record["sweep_id"]) as study:
            numbers = [study.enqueue(candidate.values) for candidate in selection.candidates]
            num_trials = study.num_trials
    return Queued(tuple(numbers), num_trials, spec.limits.trials, selection.remarks)


def queue_in_new_sweep(
    paths: SweepPaths, spec: SweepSpec, candidates: Sequence[Candidate], *, sweep_id: str
) -> None:
    """Queue trials in the folder of a new sweep, which has no study and its final name not yet."""
    if not candidates:
        return
    with open_study(paths, spec, sweep_id=sweep_id) as study:
        for candidate in candidates:
            study.enqueue(candidate.values)
