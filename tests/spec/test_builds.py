"""Tests of `sweeps.spec.builds`: what a build told, and the values that it is made with."""

from __future__ import annotations

import json

import pytest

from sweeps.spec.builds import Build, ModelSize, build_from_json, build_to_json, pick_value
from sweeps.spec.conditions import Condition
from sweeps.spec.parameters import Parameter


@pytest.mark.parametrize(
    ("parameter", "low", "default", "high"),
    [
        (Parameter("x", "int", low=1, high=9, default=3), 1, 3, 9),
        (Parameter("x", "int", low=1, high=9, step=3), 1, 1, 7),
        (Parameter("x", "float", low=0.0, high=1.0, step=0.4), 0.0, 0.0, 0.8),
        (Parameter("x", "int", low=2, high=20, step=2, scale="log"), 2, 2, 16),
        (Parameter("x", "float", low=1.0, high=9.0, step=2.0, scale="reverse_log"), 2.0, 1.0, 9.0),
        (Parameter("x", "categorical", choices=(32, 8, 64)), 8, 32, 64),
        (Parameter("x", "categorical", choices=("b", "a")), "b", "b", "b"),
        (Parameter("x", "bool", default=True), True, True, True),
        (Parameter("x", "fixed", value=3), 3, 3, 3),
    ],
)
def test_pick_value(parameter: Parameter, low: object, default: object, high: object) -> None:
    """The ends of a range are values of the parameter; what has no order keeps its default."""
    found = [pick_value(parameter, numbers) for numbers in ("low", "default", "high")]  # type: ignore[arg-type]
    assert found == [low, default, high]
    assert [type(value) for value in found] == [type(low), type(default), type(high)]


def test_build_travels_as_json() -> None:
    """What a child process tells is what the driver reads."""
    deep = Condition("kind", "in", ("deep", 1, True))
    build = Build(
        {"kind": "deep", "layers": 2},
        (
            Parameter("kind", "categorical", choices=("wide", "deep"), default="wide"),
            Parameter("layers", "int", low=1, high=2, step=1, when=(deep,)),
        ),
        ((deep,),),
        frozenset({"kind"}),
        ModelSize(418, 26_000),
        "",
        reads_later=True,
    )
    assert build_from_json(json.loads(json.dumps(build_to_json(build)))) == build
    failed = Build(reason="ValueError: no")
    assert build_from_json(json.loads(json.dumps(build_to_json(failed)))) == failed
