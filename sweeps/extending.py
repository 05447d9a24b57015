"""Chooses the trials that `extend` continues, and adds them to the study as new ones."""

from __future__ import annotations

from collections.abc import Sequence

from sweeps.causes import Cause
from sweeps.checkpoints.store import LatestStore
from sweeps.errors import CheckpointError, NoLeaderError, OptionError
from sweeps.paths import SweepPaths
from sweeps.search.study import Study
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec, is_repeated
from sweeps.worker.extensions import check_checkpoints


def extend_trials(
    paths: SweepPaths, spec: SweepSpec, study: Study, *, top: int, epochs: int
) -> None:
    """Add a trial for each of the best ones, to be continued up to `epochs`.

    If the process dies in between, those added stay, and a second call adds the others.
    """
    for number in choose_sources(paths, spec, study.trials(), top=top, epochs=epochs):
        study.extend(number, epochs)


def choose_sources(
    paths: SweepPaths, spec: SweepSpec, trials: Sequence[TrialRecord], *, top: int, epochs: int
) -> list[int]:
    """Choose the trials to continue: the best complete ones, of each the one trained furthest.

    Those that are extended to as many epochs already are passed over.

    Args:
        paths: The sweep's folder.
        spec: The sweep's spec.
        trials: All trials of the study.
        top: How many of the best.
        epochs: Epochs in all.

    Raises:
        OptionError: `top` or `epochs` make no sense, or trials are trained several times.
        NoLeaderError: No trial is complete.
        CheckpointError: What a trial would continue from is not there any more.
    """
    _check_options(spec, top, epochs)
    origins = list(dict.fromkeys(_find_origin(trial) for trial in _rank_complete(spec, trials)))
    if not origins:
        raise NoLeaderError(f"{paths.root}: no trial has completed, so there is none to extend.")
    last = {_find_origin(trial): trial for trial in trials if trial.state != "failed"}
    furthest = [last[origin] for origin in origins[:top]]
    chosen = [trial for trial in furthest if not _is_extended(trial, epochs)]
    if not chosen and all(trial.state == "complete" for trial in furthest):
        raise OptionError(f"--epochs {epochs}: the best trials have been extended to it already.")
    for trial in chosen:
        _check_source(paths, spec, trial, epochs)
    return [trial.number for trial in chosen]


def _check_options(spec: SweepSpec, top: int, epochs: int) -> None:
    for name, value in (("--top", top), ("--epochs", epochs)):
        if value < 1:
            raise OptionError(f"{name} {value}: expected a whole number of at least 1.")
    if is_repeated(spec):
        raise OptionError(
            f"{spec.name}: its trials are trained several times (repeats or folds), and of these "
            "only the last one could go on. Start a sweep with more training.epochs, and give it "
            "the best parameters with: run SPACE --from FOLDER"
        )


def _rank_complete(spec: SweepSpec, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """List complete trials, the best by the first objective first; duplicates trained nothing."""
    sign = 1.0 if spec.objective.direction == "minimize" else -1.0
    ranked = [
        (sign * trial.value, trial.number, trial)
        for trial in trials
        if trial.state == "complete" and trial.value is not None and trial.cause != Cause.DUPLICATE
    ]
    return [trial for _, _, trial in sorted(ranked, key=lambda item: item[:2])]


def _find_origin(trial: TrialRecord) -> int:
    return trial.extends.origin if trial.extends else trial.number


def _is_extended(trial: TrialRecord, epochs: int) -> bool:
    return trial.extends is not None and trial.extends.epochs == epochs


def _check_source(paths: SweepPaths, spec: SweepSpec, trial: TrialRecord, epochs: int) -> None:
    name, folder = f"trial {trial.number:04d}", paths.trial(trial.number)
    if trial.extends and trial.state != "complete":
        raise OptionError(
            f"{name} is being extended to {trial.extends.epochs} epochs and has not ended. "
            f"Continue it with 'resume', then extend it to {epochs}."
        )
    state = LatestStore(folder).find()
    if state is None:
        raise CheckpointError(
            f"{name} cannot be extended: the state it would continue from was deleted or damaged. "
            f"The {spec.keep.latest} best complete trials keep theirs, as keep.latest says; set it "
            "higher in the space file of the next sweep, or extend fewer trials with --top."
        )
    if epochs <= state.epoch:
        raise OptionError(
            f"--epochs {epochs}: {name} has trained {state.epoch} epochs already; "
            f"expected more, epochs in all."
        )
    try:
        check_checkpoints(folder)
    except CheckpointError as error:
        raise CheckpointError(f"{name} cannot be extended: {error}") from error
