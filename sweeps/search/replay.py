"""Reads a study without Optuna, whose import takes longer than all that `status` has to do.

The journal is replayed by the rules of Optuna's ``JournalStorage``; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sweeps.errors import SweepNotFoundError
from sweeps.paths import SweepPaths
from sweeps.search.journal_lines import Record, read_records
from sweeps.search.records import COMPLETE, FAIL, PRUNED, RUNNING, to_record
from sweeps.search.trials import TrialRecord

_METRICS = "study:metric_names"
_FINISHED = (COMPLETE, PRUNED, FAIL)


def read_study(paths: SweepPaths) -> tuple[TrialRecord, ...]:
    """Read the trials of a sweep, which another process may be running.

    Raises:
        SweepNotFoundError: There is no study.
        JournalError: The journal is damaged.
    """
    if not paths.journal.exists():
        raise SweepNotFoundError(f"{paths.root}: there is no study here yet.")
    records, _ = read_records(paths.journal.read_bytes(), path=paths.journal)
    study = _Replay()
    study.apply(records)
    return tuple(to_record(trial, study.metrics) for trial in study.trials)


@dataclass
class _Trial:
    """A trial as the records tell it; the names are those of Optuna's `FrozenTrial`."""

    number: int
    state: int
    values: list[float] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    user_attrs: dict[str, Any] = field(default_factory=dict)
    intermediate_values: dict[int, float] = field(default_factory=dict)
    datetime_start: datetime | None = None
    datetime_complete: datetime | None = None

    @property
    def is_finished(self) -> bool:
        return self.state in _FINISHED


class _Replay:
    """The one study of a journal.

    Attributes:
        trials: By number.
        metrics: Names of the objectives' metrics.
    """

    def __init__(self) -> None:
        self.trials: list[_Trial] = []
        self.metrics: tuple[str, ...] = ()
        self._of_trial: Mapping[int, Callable[[_Trial, Record], None]] = {
            5: _set_parameter,
            6: _set_state,
            7: _set_report,
            8: _set_attribute,
        }

    def apply(self, records: Iterable[Record]) -> None:
        """Apply records in their order; what says nothing that is read here is left out."""
        for record in records:
            operation = record["op_code"]
            if operation == 4:
                self.trials.append(_create_trial(len(self.trials), record))
            elif operation == 3:
                self.metrics = tuple(record["system_attr"].get(_METRICS, self.metrics))
            elif change := self._of_trial.get(operation):
                trial = self.trials[record["trial_id"]]
                if not trial.is_finished:
                    change(trial, record)


def _create_trial(number: int, record: Record) -> _Trial:
    codes, distributions = record.get("params", {}), record.get("distributions", {})
    value = record.get("value")
    return _Trial(
        number,
        record.get("state", RUNNING),
        record.get("values") if value is None else [value],
        {name: _read_code(code, distributions[name]) for name, code in codes.items()},
        dict(record.get("user_attrs", {})),
        {int(step): value for step, value in record.get("intermediate_values", {}).items()},
        _read_time(record.get("datetime_start")),
        _read_time(record.get("datetime_complete")),
    )


def _set_parameter(trial: _Trial, record: Record) -> None:
    code = _read_code(record["param_value_internal"], record["distribution"])
    trial.params[record["param_name"]] = code


def _set_state(trial: _Trial, record: Record) -> None:
    state = record["state"]
    if state == trial.state == RUNNING:
        return
    if state == RUNNING:
        trial.datetime_start = _read_time(record["datetime_start"])
    elif state in _FINISHED:
        trial.datetime_complete = _read_time(record["datetime_complete"])
    trial.state = state
    if record["values"] is not None:
        trial.values = record["values"]


def _set_report(trial: _Trial, record: Record) -> None:
    trial.intermediate_values[record["step"]] = record["intermediate_value"]


def _set_attribute(trial: _Trial, record: Record) -> None:
    trial.user_attrs.update(record["user_attr"])


def _read_code(code: float, distribution: str) -> Any:
    """Turn the number that a journal holds into the code of which a distribution speaks."""
    kind = json.loads(distribution)
    if kind["name"] == "CategoricalDistribution":
        return kind["attributes"]["choices"][int(code)]
    return int(code) if kind["name"] == "IntDistribution" else code


def _read_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone().replace(tzinfo=None)
