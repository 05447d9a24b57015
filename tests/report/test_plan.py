"""What `plan` tells of a sweep before it trains anything."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sweeps.preflight import CheckReport, PlanReport
from sweeps.report.leaderboard import render_check
from sweeps.report.plan import render_plan
from sweeps.report.records import record_check, record_plan
from sweeps.report.screen import print_parts
from sweeps.spec.builds import MeasuredEpoch, ModelSize
from sweeps.spec.conditions import Condition
from sweeps.spec.known_space import KnownParameter, KnownSpace
from sweeps.spec.parameters import Parameter
from sweeps.worker.discovery import Discovery
from sweeps.worker.estimates import Estimate
from tests.report.samples import make_spec

KIND = Parameter("kind", "categorical", choices=("mlp", "cnn"), default="mlp")
UNITS = Parameter("units", "int", low=32, high=256, step=32)
CNN = Condition("kind", "in", ("cnn",))
SPACE = KnownSpace(
    (
        KnownParameter(UNITS, in_file=True, relation="narrowed"),
        KnownParameter(KIND),
        KnownParameter(
            Parameter("filters", "int", low=2, high=32, step=2, scale="log", when=(CNN,))
        ),
        KnownParameter(UNITS, is_joint=False, found_with={"layers": 2}),
        KnownParameter(Parameter("old", "bool"), is_joint=False, is_never_active=True),
    ),
    unread=("unitss",),
)
DISCOVERY = Discovery(
    SPACE,
    ModelSize(418, 26_500),
    ModelSize(418, 26_500),
    ModelSize(85_002, 1_050_000),
    num_builds=9,
    failures=("kind = rnn: ValueError: no",),
)
NEEDS = Estimate(16, 8, 2, 12_340_000, 200.4, MeasuredEpoch(0.0451, 1.0, 0.4))


def make_plan(**changes: object) -> PlanReport:
    return replace(PlanReport(make_spec(), DISCOVERY, NEEDS), **changes)


def _print(parts: list, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_parts(parts)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_render_plan_tells_space_models_and_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """Where each parameter comes from, how large models are, what the sweep needs at most."""
    lines = _print(render_plan(make_plan()), capsys)
    assert lines[0] == "digits  maximize val_accuracy"
    assert [line.split("   ")[0] for line in lines[2:8]] == [
        "parameter", "units", "kind", "filters", "units", "old",
    ]  # fmt: skip
    rows = [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in lines[3:8]]
    assert rows == [
        ["units", "32 to 256 in steps of 32", "file, narrows the code"],
        ["kind", "mlp, cnn", "code"],
        ["filters", "2 to 32 by factors of 2, log", "kind = cnn", "code"],
        ["units", "32 to 256 in steps of 32", "the code asks: with layers = 2", "code"],
        ["old", "true or false", "never", "code"],
    ]
    assert lines[9:] == [
        "  configurations   at least 16; the code asks for more in some builds",
        "  models           418 to 85,002 weights, a checkpoint of 26.5 kB to 1.05 MB (9 builds)",
        "  budget           8 trials of at most 20 epochs, 2 at a time",
        "  disk             at most 12.3 MB",
        "  time             about 3:20 without pruning (an epoch of the default model takes "
        "0.045 s, measured on 40 % of it)",
        "  unused           unitss: nothing reads this parameter of the space file",
        "  unused           old: never becomes active",
        "  not built        with kind = rnn: ValueError: no",
    ]


def test_render_plan_says_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Infinite, unmeasured and cut short are told as such, never as a number."""
    plan = make_plan(
        estimate=Estimate(None, 8, 2),
        discovery=replace(DISCOVERY, cut="stopped after 64 builds", num_builds=64),
    )
    text = "\n".join(_print(render_plan(plan), capsys))
    assert "configurations   infinitely many\n" in text
    assert "(64 builds, stopped after 64 builds)" in text
    assert "time             unknown: no epoch could be measured\n" in text
    assert "disk" not in text
    nothing = make_plan(discovery=Discovery(KnownSpace()))
    assert "models           of unknown size" in "\n".join(_print(render_plan(nothing), capsys))


def test_render_plan_tells_limits_on_models(capsys: pytest.CaptureFixture[str]) -> None:
    """A limit that even the smallest model breaks is a warning."""
    spec = make_spec().model_copy(update={"max_params": 400, "max_model_bytes": 5_000_000})
    text = "\n".join(_print(render_plan(make_plan(spec=spec)), capsys))
    assert "limits           models above 400 weights or 5 MB are not trained" in text
    assert "too large        even the smallest model found is above 400 weights" in text


def test_render_check_has_the_lines_of_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """`check` tells the same, once: the names of parameters stand in the table only."""
    check = CheckReport(make_spec(), num_weights=418, declared=("kind",), plan=make_plan())
    lines = _print(render_check(check), capsys)
    assert lines[:2] == ["no mistake found", "  sweep    digits: maximize val_accuracy"]
    assert lines[-15:] == _print(render_plan(make_plan()), capsys)[2:][-15:]
    assert not any(line.startswith("  from code") for line in lines)


def test_record_plan_is_the_documented_object() -> None:
    """The JSON holds exact numbers, and null for what is not known."""
    record = record_plan(make_plan())
    parameters = record.pop("parameters")
    assert json.loads(json.dumps(record)) == {
        "schema": 1,
        "name": "digits",
        "metric": "val_accuracy",
        "direction": "maximize",
        "target": 8,
        "configurations": 16,
        "models": {
            "default": {"num_weights": 418, "checkpoint_bytes": 26_500},
            "smallest": {"num_weights": 418, "checkpoint_bytes": 26_500},
            "largest": {"num_weights": 85_002, "checkpoint_bytes": 1_050_000},
        },
        "builds": 9,
        "cut": "",
        "trials": 8,
        "workers": 2,
        "disk_bytes": 12_340_000,
        "seconds": 200.4,
        "epoch_seconds": 0.0451,
        "unused": ["unitss"],
        "not_built": ["kind = rnn: ValueError: no"],
    }
    assert parameters[2] == {
        "name": "filters",
        "type": "int",
        "low": 2,
        "high": 32,
        "step": 2,
        "scale": "log",
        "when": [{"parent": "kind", "op": "in", "values": ["cnn"]}],
        "in_file": False,
        "in_code": True,
        "relation": None,
        "joint": True,
        "never_active": False,
        "found_with": {},
        "missing_with": {},
    }
    check = record_check(CheckReport(make_spec(), plan=make_plan()))
    assert check["plan"]["disk_bytes"] == 12_340_000
    assert record_check(CheckReport(make_spec()))["plan"] is None
