"""The JSON that reading commands print; ``docs/reference/json.md`` is its reference.

A key never changes its meaning under the same ``schema``; new keys may appear. NaN and infinity are
not JSON: they are null.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.paths import SweepPaths
from sweeps.reading import read_outcome
from sweeps.report.front import is_on_front
from sweeps.report.leaderboard import write_load_line
from sweeps.report.states import (
    count_causes,
    count_states,
    find_best_so_far,
    find_checkpoint,
    find_log,
    require_leader,
)
from sweeps.spec.parameters import parameter_to_json

if TYPE_CHECKING:
    from sweeps.bundles.verify import BundleReport
    from sweeps.preflight import CheckReport, PlanReport
    from sweeps.reading import SweepReport
    from sweeps.search.trials import TrialRecord
    from sweeps.spec.known_space import KnownParameter

SCHEMA = 1


def record_status(report: SweepReport) -> dict[str, Any]:
    """Record a whole sweep: what was asked for, how far it is, every trial."""
    return {
        "schema": SCHEMA,
        **_record_sweep(report),
        "target": report.spec.limits.trials,
        "running": report.is_running,
        "counts": count_states(report),
        "causes": count_causes(report),
        "trials": [record_trial(report, trial) for trial in report.trials],
        "best": record_trial(report, report.best) if report.best else None,
        "front": [trial.number for trial in report.front],
    }


def record_proofs(report: BundleReport) -> dict[str, Any]:
    """Record what was found of a bundle."""
    return {
        "schema": SCHEMA,
        "folder": str(report.folder),
        "sweep": report.manifest.get("sweep"),
        "trial": report.manifest.get("trial"),
        "files": len(report.manifest["files"]),
        "formats": {
            proof.format: {
                "state": proof.state,
                "detail": proof.detail,
                "difference": proof.difference,
                "repeat_difference": proof.repeat_difference,
            }
            for proof in report.proofs
        },
    }


def record_best(report: SweepReport) -> dict[str, Any]:
    """Record the leader with its test scores and how to load it.

    Raises:
        NoLeaderError: No trial has completed.
    """
    best = require_leader(report)
    return {
        "schema": SCHEMA,
        **_record_sweep(report),
        **record_trial(report, best),
        "front": [trial.number for trial in report.front],
        "test_scores": report.test_scores,
        "load": write_load_line(report.folder.resolve()) if report.bundle else None,
    }


def record_trial_in_full(report: SweepReport, trial: TrialRecord) -> dict[str, Any]:
    """Record one trial with its epochs, its times, and why it ended as it did."""
    return {
        "schema": SCHEMA,
        **_record_sweep(report),
        **record_trial(report, trial),
        "is_best": report.best is not None and report.best.number == trial.number,
        "is_on_front": is_on_front(report, trial),
        "reason": trial.reason,
        "log": _locate(report, find_log(report, trial)),
        **_record_attempt(report, trial),
        "reports": [
            {"epoch": epoch, "value": value} for epoch, value in sorted(trial.reports.items())
        ],
    }


def _record_attempt(report: SweepReport, trial: TrialRecord) -> dict[str, Any]:
    outcome = read_outcome(report, trial.number)
    return {
        "traceback": outcome.get("traceback", ""),
        "earlier_attempts": outcome.get("earlier_attempts", []),
        "batch_size": outcome.get("batch_size"),
        "gradient_accumulation_steps": outcome.get("gradient_accumulation_steps"),
        "loop": outcome.get("loop"),
        "loop_reason": outcome.get("loop_reason"),
        "resume": outcome.get("resume"),
        "resume_reason": outcome.get("resume_reason"),
        "accepted_changes": list(report.accepted_changes[: trial.num_changes]),
    }


def record_trial(report: SweepReport, trial: TrialRecord) -> dict[str, Any]:
    """Record one trial as the lists of trials hold it; paths are relative to the sweep's folder."""
    value, best_epoch = find_best_so_far(report, trial)
    return {
        "number": trial.number,
        "state": trial.state,
        "value": value,
        "values": dict(trial.values),
        "epoch": trial.epoch,
        "best_epoch": best_epoch,
        "params": dict(trial.params),
        "checkpoint": _locate(report, find_checkpoint(report, trial)),
        "attempt": trial.attempt,
        "cause": trial.cause,
        "extends": trial.extends.number if trial.extends else None,
        "started": _write_time(trial.started),
        "finished": _write_time(trial.finished),
    }


def record_check(report: CheckReport) -> dict[str, Any]:
    """Record what `check` found out about a space file that has no mistake."""
    return {
        "schema": SCHEMA,
        "name": report.spec.name,
        "metric": report.spec.objective.metric,
        "direction": report.spec.objective.direction,
        "objectives": [objective.model_dump() for objective in report.spec.objectives],
        "target": report.spec.limits.trials,
        "parameters": [parameter.name for parameter in report.spec.parameters],
        "declared": list(report.declared),
        "metrics": list(report.metrics),
        "num_weights": report.num_weights,
        "data": list(report.data),
        "loop": report.loop or None,
        "loop_reason": report.loop_reason,
        "plan": _record_space(report.plan) if report.plan else None,
    }


def record_plan(report: PlanReport) -> dict[str, Any]:
    """Record what `plan` found out: the space, the models, and what the sweep will need."""
    return {
        "schema": SCHEMA,
        "name": report.spec.name,
        "metric": report.spec.objective.metric,
        "direction": report.spec.objective.direction,
        "target": report.spec.limits.trials,
        **_record_space(report),
    }


def write_json(record: Mapping[str, Any]) -> None:
    """Print a record on standard output, with null for every number that JSON does not know."""
    text = json.dumps(_make_finite(record), indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(f"{text}\n")


def _record_space(report: PlanReport) -> dict[str, Any]:
    found, needs = report.discovery, report.estimate
    return {
        "parameters": [_record_parameter(item) for item in found.space.known],
        "configurations": needs.num_configurations,
        "models": {
            name: None if size is None else asdict(size)
            for name, size in (
                ("default", found.default),
                ("smallest", found.smallest),
                ("largest", found.largest),
            )
        },
        "builds": found.num_builds,
        "cut": found.cut,
        "trials": needs.num_trials,
        "workers": needs.workers,
        "disk_bytes": needs.disk_bytes,
        "seconds": needs.seconds,
        "epoch_seconds": needs.epoch.seconds if needs.epoch else None,
        "unused": list(found.space.unread),
        "not_built": list(found.failures),
    }


def _record_parameter(item: KnownParameter) -> dict[str, Any]:
    return {
        **parameter_to_json(item.parameter),
        "in_file": item.in_file,
        "in_code": item.in_code,
        "relation": item.relation or None,
        "joint": item.is_joint,
        "never_active": item.is_never_active,
        "found_with": dict(item.found_with),
        "missing_with": dict(item.missing_with),
    }


def _record_sweep(report: SweepReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "folder": str(report.folder.resolve()),
        "metric": report.spec.objective.metric,
        "direction": report.spec.objective.direction,
        "objectives": [objective.model_dump() for objective in report.spec.objectives],
        "bundle": SweepPaths(report.folder).bundle.root.name if report.bundle else None,
    }


def _locate(report: SweepReport, path: Path | None) -> str | None:
    return path.relative_to(report.folder).as_posix() if path else None


def _write_time(moment: datetime | None) -> str | None:
    return moment.astimezone().isoformat(timespec="seconds") if moment else None


def _make_finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _make_finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_make_finite(item) for item in value]
    return value
