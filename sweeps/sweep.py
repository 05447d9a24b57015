"""The conductor: run, resume, read and export a sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec
from sweeps.worker.events import Observer, ignore_events


@dataclass(frozen=True)
class SweepReport:
    """A sweep as it is on disk: what `status`, `best` and `show` print, and what `run` returns.

    Attributes:
        folder: The sweep's folder.
        name: Name of the sweep.
        spec: What was asked for.
        trials: All trials, by number. State `interrupted` means: to be continued by `resume`.
        best: The leader, one of `trials`; None where no trial has completed.
        is_running: Another process is working on the sweep right now.
        bundle: The bundle's folder; None where there is none yet.
        manifest: The bundle's manifest; None where there is none.
        test_scores: Scores of the leader on the held-out test split; None where there is none.
        stopped: Why the sweep ended before its target; empty where it reached it.
    """

    folder: Path
    name: str
    spec: SweepSpec
    trials: tuple[TrialRecord, ...]
    best: TrialRecord | None
    is_running: bool = False
    bundle: Path | None = None
    manifest: dict[str, Any] | None = None
    test_scores: dict[str, float] | None = None
    stopped: str = ""

    def to_rows(self) -> list[dict[str, Any]]:
        """Give the trials as a table: one dict a trial, ready for `pandas.DataFrame`."""
        raise NotImplementedError


@dataclass(frozen=True)
class CheckReport:
    """What `check` found out about a space file that has no mistake.

    Attributes:
        spec: What was asked for.
        metrics: Names a trained epoch logs, such as ``loss`` and ``val_accuracy``; empty with
            `build=False`.
        declared: Parameters that the model's code declares, by name.
        num_weights: Number of weights of the model built with defaults; None with `build=False`.
        data: One line a split that says what the data is, such as ``train: 1,437 samples ...``.
        loop: ``compiled`` or ``fit``: how trials will train.
        loop_reason: Why it is not the compiled loop; empty where it is.
    """

    spec: SweepSpec
    metrics: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    num_weights: int | None = None
    data: tuple[str, ...] = field(default=())
    loop: str = ""
    loop_reason: str = ""


def check(space: str | Path, *, overrides: Sequence[str] = (), build: bool = True) -> CheckReport:
    """Find every mistake of a space file, its model and its data before any training."""
    raise NotImplementedError


def run(
    space: str | Path,
    *,
    results: str | Path = "results",
    overrides: Sequence[str] = (),
    fresh: bool = False,
    engine: str = "local",
    observer: Observer = ignore_events,
) -> SweepReport:
    """Run the sweep that a space file describes, and export its best model."""
    raise NotImplementedError


def resume(
    folder: str | Path,
    *,
    overrides: Sequence[str] = (),
    accept_change: bool = False,
    engine: str = "local",
    observer: Observer = ignore_events,
) -> SweepReport:
    """Continue an interrupted sweep as if nothing had happened."""
    raise NotImplementedError


def read(folder: str | Path) -> SweepReport:
    """Read a sweep, running or not, without changing anything and without TensorFlow."""
    raise NotImplementedError


def load(folder: str | Path) -> Any:
    """Load the best model of a sweep, or the model of a bundle, as a Keras model."""
    raise NotImplementedError
