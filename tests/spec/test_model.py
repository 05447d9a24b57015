"""The frozen spec and its record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from sweeps.errors import SpecError
from sweeps.spec.model import Objective, SweepSpec, spec_from_json, spec_to_json
from tests.spec.spaces import load

TEXT = (
    "parameters:\n  lr: loguniform(1e-4, 1e-1)\n  flag: [true, false]\n  one: 1\n  whole: 1.0\n"
    "  opt: {choices: {sgd: {parameters: {mom: {low: 0, high: 1}}}, adam: }}\n"
    "constraints: [mom < 3]\nlimits: {trials: 3, timeout: 90s, workers: 2}\n"
    "checkpoint: {initial_value_threshold: 0.5}\nkeep: {max_disk: 1GB}\n"
)


def test_spec_json_round_trip_is_exact(tmp_path: Path) -> None:
    """A spec is the same after a trip through JSON text, types of numbers included."""
    spec = load(tmp_path, TEXT)
    record = json.loads(json.dumps(spec_to_json(spec)))
    back = spec_from_json(record)
    assert back == spec
    assert record["schema"] == 1
    assert repr(back) == repr(spec)
    assert spec_to_json(back) == record


@pytest.mark.parametrize("schema", [2, 0, None, "1"])
def test_spec_from_json_newer_record_is_refused(tmp_path: Path, schema: object) -> None:
    """A record of another schema is not guessed at."""
    record = {**spec_to_json(load(tmp_path)), "schema": schema}
    with pytest.raises(SpecError, match=r"schema: got .*; this version reads 1 to 1"):
        spec_from_json(record)


def test_spec_from_json_damaged_record_is_refused(tmp_path: Path) -> None:
    """A record that lacks something is a SpecError, not a traceback."""
    record = spec_to_json(load(tmp_path))
    del record["model"]
    with pytest.raises(SpecError, match=r"spec\.json: this is no spec"):
        spec_from_json(record)


def test_spec_is_frozen(tmp_path: Path) -> None:
    """A spec cannot be changed after it was read."""
    spec = load(tmp_path)
    with pytest.raises(ValidationError):
        spec.seed = 3  # type: ignore[misc]


def test_spec_from_python_is_validated_too() -> None:
    """A spec made in Python obeys the same rules."""
    objective = Objective(metric="val_loss", direction="minimize")
    with pytest.raises(ValidationError, match="names the folder of the results"):
        SweepSpec(name="../x", model="m:b", data="m:l", objective=objective)
