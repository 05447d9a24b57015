"""The JSON of the reading commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweeps.errors import NoLeaderError
from sweeps.preflight import CheckReport
from sweeps.report.records import (
    record_best,
    record_check,
    record_status,
    record_trial_in_full,
    write_json,
)
from tests.report.samples import COMPLETE, FAILED, make_report, make_spec

FOLDER = Path("/data/results/digits")

COMPLETE_RECORD = {
    "number": 0,
    "state": "complete",
    "value": 0.9625,
    "values": {"val_accuracy": 0.9625},
    "epoch": 3,
    "best_epoch": 2,
    "params": {"optimizer": "adam", "learning_rate": 0.001},
    "checkpoint": "trials/0000/checkpoints/0000-epoch02.keras",
    "attempt": 1,
    "cause": None,
    "extends": None,
    "started": "2026-11-23T12:00:00+00:00",
    "finished": "2026-11-23T12:01:15+00:00",
}


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_record_status_names_the_documented_keys() -> None:
    """The shape of `status --json` is a promise."""
    record = record_status(make_report(FOLDER))
    trials = record.pop("trials")
    assert record == {
        "schema": 1,
        "name": "digits",
        "folder": "/data/results/digits",
        "metric": "val_accuracy",
        "direction": "maximize",
        "objectives": [{"metric": "val_accuracy", "direction": "maximize"}],
        "bundle": "bundle",
        "target": 8,
        "running": False,
        "counts": {
            "complete": 1,
            "pruned": 1,
            "failed": 1,
            "running": 0,
            "interrupted": 1,
            "waiting": 1,
        },
        "causes": {"nan": 1},
        "best": COMPLETE_RECORD,
        "front": [0],
    }
    assert [trial["number"] for trial in trials] == [0, 1, 2, 3, 4]
    assert trials[0] == COMPLETE_RECORD
    assert list(trials[4]) == list(COMPLETE_RECORD)


def test_record_status_empty_sweep_has_no_best() -> None:
    """A sweep without a complete trial has null for best and bundle."""
    record = record_status(make_report(FOLDER, trials=(), best=None, bundle=None))
    assert (record["best"], record["bundle"], record["trials"]) == (None, None, [])


def test_record_status_trial_that_has_not_ended_has_its_best_report() -> None:
    """A running or interrupted trial is worth its best report so far."""
    record = record_status(make_report(FOLDER))["trials"][3]
    assert (record["state"], record["value"]) == ("interrupted", 0.7)
    assert (record["epoch"], record["best_epoch"]) == (2, 1)


def test_record_best_adds_scores_and_how_to_load() -> None:
    """`best --json` is the leader's object, its scores, and a line that loads it."""
    record = record_best(make_report(FOLDER))
    assert record["number"] == 0
    assert record["test_scores"] == {"loss": 0.25, "accuracy": 0.9375}
    assert record["load"] == "import sweeps; model = sweeps.load('/data/results/digits')"


def test_record_best_without_leader_raises() -> None:
    """No trial has completed: an error, not an empty object."""
    with pytest.raises(NoLeaderError, match="no trial has completed yet"):
        record_best(make_report(best=None))


def test_record_trial_in_full_has_reports_and_reason() -> None:
    """`show --json` adds the epochs and why the trial ended."""
    record = record_trial_in_full(make_report(FOLDER), COMPLETE)
    assert record["is_best"] is True
    assert record["reports"] == [
        {"epoch": 1, "value": 0.5},
        {"epoch": 2, "value": 0.9625},
        {"epoch": 3, "value": 0.95},
    ]
    failed = record_trial_in_full(make_report(FOLDER), FAILED)
    assert failed["cause"] == "nan"
    assert failed["reason"].startswith("val_accuracy is NaN")
    assert failed["checkpoint"] is None


def test_record_check_without_build_knows_the_spec_only() -> None:
    """`check --no-build --json` leaves what only a built model tells empty."""
    record = record_check(CheckReport(make_spec()))
    assert record["name"] == "digits"
    assert (record["num_weights"], record["loop"], record["metrics"]) == (None, None, [])


def test_write_json_turns_what_is_not_json_into_null(capsys: pytest.CaptureFixture[str]) -> None:
    """NaN never appears, at any depth."""
    write_json({"a": float("nan"), "b": [{"c": float("-inf")}], "d": {1: 2.5}, "e": (True, "ä")})
    text = capsys.readouterr().out
    assert json.loads(text) == {"a": None, "b": [{"c": None}], "d": {"1": 2.5}, "e": [True, "ä"]}
    assert "NaN" not in text


def test_record_status_best_is_one_of_its_trials() -> None:
    """`best` is equal to its entry in `trials`."""
    record = record_status(make_report(FOLDER))
    assert record["best"] in record["trials"]
