"""Reading a study without Optuna gives what Optuna reads."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
from optuna.storages import JournalStorage

from sweeps.paths import SweepPaths
from sweeps.search.journal import JournalBackend
from sweeps.search.records import to_record
from sweeps.search.replay import read_study
from sweeps.search.study import open_study
from sweeps.search.trials import TrialOutcome, TrialRecord
from sweeps.spec.parameters import Parameter
from tests.search.sample_sweeps import MIXED, NUM_WEIGHTS, make_spec

PARAMETERS = (
    *MIXED,
    Parameter("kind", "categorical", choices=("wide", "deep", 3)),
    Parameter("is_on", "bool"),
)


def fill(paths: SweepPaths) -> None:
    """Make a study in which everything has happened that can happen to a trial."""
    spec = make_spec(parameters=PARAMETERS, other_objectives=(NUM_WEIGHTS,))
    with open_study(paths, spec, sweep_id="one") as study:
        study.enqueue({"units": 64})
        study.enqueue({"units": 96})
        for state in ("complete", "pruned", "failed", "complete"):
            number = study.ask().number
            study.set_attempt(number, 2, num_changes=1)
            study.suggest(number, Parameter("dropout", "float", low=0.0, high=0.5, step=0.1))
            study.report(number, 1, 0.25)
            study.report(number, 2, float("nan"))
            study.report(number, 3, 0.5)
            value = 0.5 if state != "failed" else None
            told = {"cause": "error", "reason": "it broke"} if state == "failed" else {}
            others = {"num_weights": 12.0} if value else {}
            study.tell(number, TrialOutcome(state, value, 3, others=others, **told))
        study.tell_infeasible(study.ask().number, 2.5, "too large")
        study.extend(0, 9)
        study.report(study.ask().number, 1, 0.125)
        study.enqueue({"units": 32})


def read_with_optuna(paths: SweepPaths) -> tuple[TrialRecord, ...]:
    storage = JournalStorage(JournalBackend(paths.journal, read_only=True))
    study = optuna.load_study(study_name=None, storage=storage)
    return tuple(to_record(each, study.metric_names) for each in study.get_trials(deepcopy=False))


def test_replay_reads_what_optuna_reads(tmp_path: Path):
    """Queued, pruned, failed, infeasible, extended and running trials, and every kind of value."""
    paths = SweepPaths(tmp_path)
    fill(paths)
    records = read_study(paths)
    states = [record.state for record in records]
    assert states == [
        "complete", "pruned", "failed", "complete", "pruned", "running", "running", "waiting",
    ]  # fmt: skip
    assert records[5].extends is not None
    assert records == read_with_optuna(paths)


def test_replay_ignores_what_comes_after_a_trials_end(tmp_path: Path):
    """As Optuna does: a note of another program about a finished trial changes nothing."""
    paths = SweepPaths(tmp_path)
    fill(paths)
    before = read_study(paths)
    late = {"op_code": 8, "worker_id": "other", "trial_id": 0, "user_attr": {"reason": "late"}}
    note = {"op_code": 2, "worker_id": "other", "study_id": 0, "user_attr": {"note": "hello"}}
    with paths.journal.open("a") as journal:
        journal.write("".join(json.dumps(each) + "\n" for each in (late, note)))
    assert read_study(paths) == before == read_with_optuna(paths)
