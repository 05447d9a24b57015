"""A sweep as it is on disk, running or not: read without changing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sweeps.bundles.manifest import read_manifest
from sweeps.durable import read_json, refuse_links
from sweeps.errors import SweepNotFoundError, describe_error
from sweeps.lock import is_held
from sweeps.paths import SweepPaths, is_file_name
from sweeps.search.front import find_front, find_leader
from sweeps.search.replay import read_study
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec, spec_from_json
from sweeps.spec.parameters import parameter_from_json


@dataclass(frozen=True)
class SweepReport:
    """A sweep as it is on disk: what `status`, `best` and `show` print, and what `run` returns.

    Attributes:
        folder: The sweep's folder.
        name: Name of the sweep.
        spec: What was asked for.
        trials: All trials, by number. State `interrupted` means: to be continued by `resume`.
        best: The leader, one of `trials`; None where no trial has completed.
        front: The Pareto front: the complete trials that no other one beats in every objective.
            With one objective that is the leader alone.
        is_running: A process is working on the sweep right now.
        bundle: The bundle's folder; None where there is none yet.
        manifest: The bundle's manifest; None where there is none.
        test_scores: Scores of the leader on the held-out test split; None where there is none.
        stopped: Why the sweep ended before its target: ``interrupted`` by Ctrl-C, ``terminated``
            by SIGTERM, ``timeout``, or a sentence; empty where it reached it.
        accepted_changes: What changed since the sweep began and was accepted, oldest first.
    """

    folder: Path
    name: str
    spec: SweepSpec
    trials: tuple[TrialRecord, ...]
    best: TrialRecord | None
    front: tuple[TrialRecord, ...] = ()
    is_running: bool = False
    bundle: Path | None = None
    manifest: dict[str, Any] | None = None
    test_scores: dict[str, float] | None = None
    stopped: str = ""
    accepted_changes: tuple[str, ...] = ()

    def to_rows(self) -> list[dict[str, Any]]:
        """Give the trials as a table: one dict a trial, ready for `pandas.DataFrame`."""
        return [
            {
                "number": trial.number,
                "state": trial.state,
                "value": trial.value,
                **{f"values.{metric}": value for metric, value in self._list_values(trial)},
                "epoch": trial.epoch,
                "best_epoch": trial.best_epoch,
                **{f"params.{name}": value for name, value in trial.params.items()},
            }
            for trial in self.trials
        ]

    def _list_values(self, trial: TrialRecord) -> list[tuple[str, float | None]]:
        """Give a trial's value of every objective, where there are several."""
        if len(self.spec.objectives) == 1:
            return []
        metrics = [objective.metric for objective in self.spec.objectives]
        return [(metric, trial.values.get(metric)) for metric in metrics]


def read_sweep_record(paths: SweepPaths) -> dict[str, Any]:
    """Read what a sweep was started with.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
        UnsafeFolderError: It holds a link. Every command that opens a sweep comes by here first.
    """
    if paths.spec.exists():
        refuse_links(paths.root)
    if not paths.spec.is_file():
        raise SweepNotFoundError(
            f"{paths.root}: there is no sweep here (spec.json is missing). "
            "Start one with: python -m sweeps run SPACE.yaml"
        )
    try:
        record: dict[str, Any] = read_json(paths.spec)
        record["spec"].items()
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise SweepNotFoundError(
            f"{paths.spec}: damaged, so that there is no sweep to read ({describe_error(error)}). "
            "Put it back from a copy, or start a new sweep."
        ) from error
    return record


def know_space(spec: SweepSpec, record: Mapping[str, Any]) -> SweepSpec:
    """Let a spec hold the parameters of the model's code too, as they were when the sweep began.

    With this one the study is opened: a resumed sweep proposes from the space it began with.
    """
    if "space" not in record:
        return spec
    parameters = tuple(map(parameter_from_json, record["space"]))
    return spec.model_copy(update={"parameters": parameters})


def read(folder: str | Path) -> SweepReport:
    """Read a sweep, running or not, without changing anything and without TensorFlow.

    Raises:
        SweepNotFoundError: The folder holds no sweep.
    """
    paths = SweepPaths(Path(folder).resolve())
    record = read_sweep_record(paths)
    spec = spec_from_json(record["spec"])
    is_running = is_held(paths.lock)
    trials = tuple(_describe_trial(paths, trial, is_running) for trial in read_study(paths))
    manifest = read_manifest(paths.bundle) if paths.bundle.manifest.exists() else None
    return SweepReport(
        folder=paths.root,
        name=spec.name,
        spec=spec,
        trials=trials,
        best=find_leader(trials, spec.objectives, spec.export.choose),
        front=find_front(trials, spec.objectives),
        is_running=is_running,
        bundle=paths.bundle.root if manifest else None,
        manifest=manifest,
        test_scores=manifest.get("scores", {}).get("test") if manifest else None,
        accepted_changes=tuple(record.get("accepted_changes", ())),
    )


def read_outcome(report: SweepReport, number: int) -> Mapping[str, Any]:
    """Read how a trial's last attempt ended, as its ``outcome.json`` says; empty where none has."""
    path = SweepPaths(report.folder).trial(number).outcome
    return read_json(path) if path.exists() else {}


def _describe_trial(paths: SweepPaths, trial: TrialRecord, is_running: bool) -> TrialRecord:
    """Add to what the study knows of a trial what only the folder tells."""
    if trial.state == "running" and not is_running:
        trial = replace(trial, state="interrupted")
    name, folder = trial.checkpoint, paths.trial(trial.number).checkpoints
    if name is not None and not (is_file_name(name) and (folder / name).exists()):
        trial = replace(trial, checkpoint=None)  # deleted, as `keep` asks
    return trial
