"""Whose study it is, and what its values mean: written once, checked at every opening."""

from __future__ import annotations

import optuna
from optuna.storages import JournalStorage

from sweeps.errors import ResumeRefusedError
from sweeps.spec.model import SweepSpec

_SWEEP_ID = "sweep_id"


def check_origin(storage: JournalStorage, spec: SweepSpec, *, sweep_id: str, place: str) -> None:
    """Mark a study that was just created, or make sure that it is the sweep's own.

    Args:
        storage: Holds one study.
        spec: The sweep's spec.
        sweep_id: Names the sweep for ever.
        place: Where the study lies, for messages.

    Raises:
        ResumeRefusedError: It belongs to another sweep, or has other objectives.
    """
    study = optuna.load_study(study_name=None, storage=storage)
    found = study.user_attrs.get(_SWEEP_ID)
    if found is None and not study.get_trials(deepcopy=False):
        study.set_metric_names([objective.metric for objective in spec.objectives])
        study.set_user_attr(_SWEEP_ID, sweep_id)  # just created, or killed while creating
    elif found != sweep_id:
        raise ResumeRefusedError(
            f"{place}: this study belongs to sweep {found!r}, not to {sweep_id!r}. "
            "Restore the sweep's own journal, or start a new sweep."
        )
    metrics = study.metric_names or []
    before = [
        f"{direction.name.lower()} {metric}"
        for direction, metric in zip(study.directions, metrics, strict=True)
    ]
    now = [f"{objective.direction} {objective.metric}" for objective in spec.objectives]
    if before != now:
        raise ResumeRefusedError(
            f"{place}: the objective changed since the sweep began ({', '.join(before)} -> "
            f"{', '.join(now)}). Restore it, or start a new sweep."
        )
