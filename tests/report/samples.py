"""A small sweep as `sweeps.read` would give it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sweeps.reading import SweepReport
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import Limits, Objective, SweepSpec

BEGAN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

COMPLETE = TrialRecord(
    number=0,
    state="complete",
    value=0.9625,
    epoch=3,
    best_epoch=2,
    params={"optimizer": "adam", "learning_rate": 0.001},
    checkpoint="0000-epoch02.keras",
    attempt=1,
    started=BEGAN,
    finished=BEGAN + timedelta(seconds=75),
    reports={1: 0.5, 2: 0.9625, 3: 0.95},
    values={"val_accuracy": 0.9625},
)
PRUNED = TrialRecord(
    number=1, state="pruned", value=0.5, epoch=2, best_epoch=1, params={"optimizer": "sgd"},
    attempt=1, started=BEGAN, finished=BEGAN + timedelta(seconds=20), reports={1: 0.5, 2: 0.25},
)  # fmt: skip
FAILED = TrialRecord(
    number=2,
    state="failed",
    params={"optimizer": "sgd"},
    attempt=1,
    cause="nan",
    reason="val_accuracy is NaN\nat epoch 1;\x1b[31m lower learning_rate",
)
INTERRUPTED = TrialRecord(
    number=3, state="interrupted", epoch=2, params={}, attempt=2, reports={1: 0.7, 2: 0.6}
)
WAITING = TrialRecord(number=4, state="waiting")


def make_spec(direction: str = "maximize", trials: int = 8) -> SweepSpec:
    """Make the spec of a sweep called digits."""
    return SweepSpec(
        name="digits",
        model="digits_model.py:build",
        data="digits_model.py:load",
        objective=Objective(metric="val_accuracy", direction=direction),
        limits=Limits(trials=trials),
    )


def make_report(folder: Path = Path("results/digits"), **changes: object) -> SweepReport:
    """Make a sweep with a trial in every state, unless `changes` say otherwise."""
    report = SweepReport(
        folder=folder,
        name="digits",
        spec=make_spec(),
        trials=(COMPLETE, PRUNED, FAILED, INTERRUPTED, WAITING),
        best=COMPLETE,
        front=(COMPLETE,),
        bundle=folder / "bundle",
        test_scores={"loss": 0.25, "accuracy": 0.9375},
    )
    return replace(report, **changes)
