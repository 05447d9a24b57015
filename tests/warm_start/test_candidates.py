"""Whether a sweep can try what somebody knows to be good."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.cli.schema import open_rooms
from sweeps.errors import OptionError, SpecError
from sweeps.spec.load import load_spec
from sweeps.spec.model import SweepSpec
from sweeps.warm_start.candidates import (
    Candidate,
    check_candidates,
    find_unknown,
    select_candidates,
)

SPACE = """\
model: m:build
data: m:load
objective: val_loss
parameters:
  optimizer: [adam, sgd]
  lr: {type: float, low: 1e-4, high: 1e-1, log: true}
  momentum: {type: float, low: 0.0, high: 0.9, when: {optimizer: sgd}}
  units: {type: int, low: 8, high: 64, step: 8}
  layers: {type: int, low: 1, high: 4}
  depth: 3
constraints: ["units * layers <= 128"]
"""


@pytest.fixture
def spec(tmp_path: Path) -> SweepSpec:
    path = tmp_path / "space.yaml"
    path.write_text(SPACE)
    return load_spec(path, rooms=open_rooms())


def named(**values: object) -> Candidate:
    return Candidate(values, "here")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values",
    [
        {"lr": 0.01},
        {"lr": 0.1, "units": 64, "layers": 2},
        {"optimizer": "sgd", "momentum": 0.5},
        {"momentum": 0.5},
        {"depth": 3},
        {"heads": 4},  # the model's code may declare it
    ],
)
def test_check_candidates_possible_values_pass(spec: SweepSpec, values: dict[str, object]) -> None:
    """A part of the parameters is enough, and unknown names are left to the code."""
    check_candidates(spec, [named(**values)])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"lr": 0.2}, "here: lr: got 0.2; expected a number from 0.0001 to 0.1"),
        ({"lr": "high"}, "here: lr: got 'high'; expected a number from 0.0001 to 0.1"),
        ({"units": 12}, "here: units: got 12; expected a number from 8 to 64, in steps of 8"),
        ({"units": True}, "here: units: got True; expected a number from 8 to 64, in steps of 8"),
        ({"optimizer": "rmsprop"}, "here: optimizer: got 'rmsprop'; expected one of 'adam', 'sgd'"),
        ({"depth": 4}, "here: depth: got 4; expected 3"),
        (
            {"optimizer": "adam", "momentum": 0.5},
            "here: momentum: exists only when optimizer is 'sgd'; optimizer is 'adam'",
        ),
        ({"units": 64, "layers": 3}, "here: breaks the constraint 'units * layers <= 128'"),
        ({}, "here: there are no values; expected name=value"),
    ],
)
def test_check_candidates_impossible_values_are_told(
    spec: SweepSpec, values: dict[str, object], problem: str
) -> None:
    """Each mistake says where, what was given and what was expected."""
    with pytest.raises(SpecError) as caught:
        check_candidates(spec, [named(**values)])
    assert str(caught.value) == problem


def test_check_candidates_tells_all_mistakes(spec: SweepSpec) -> None:
    """Those of every candidate at once."""
    with pytest.raises(SpecError) as caught:
        check_candidates(spec, [named(lr=1.0, units=1), named(lr=0.01), named(layers=9)])
    assert [problem.key for problem in caught.value.problems] == ["lr", "units", "layers"]


def test_find_unknown_names_are_remarked(spec: SweepSpec) -> None:
    """A name that only the code could declare is told once, with what was probably meant."""
    candidates = [named(layrs=1, lr=0.01, heads=2), Candidate({"layrs": 2, "heads": 3}, "there")]
    first, second = find_unknown(spec, candidates, {"heads_0"})
    assert first.startswith("here: layrs: no parameter of the space file or of an earlier trial;")
    assert first.endswith("Did you mean 'layers'?")
    assert second.endswith("Did you mean 'heads_0'?")


def test_select_candidates_takes_the_best_that_fit(spec: SweepSpec) -> None:
    """What does not fit or is tried already is passed over, and told."""
    ranked = [
        Candidate({"lr": 1.0}, "first"),
        Candidate({"lr": 0.05}, "second"),
        Candidate({"lr": 0.05}, "third"),
        Candidate({"lr": 0.01}, "fourth"),
        Candidate({"lr": 0.02}, "fifth"),
        Candidate({"lr": 0.03}, "sixth"),
    ]
    found = select_candidates(spec, ranked, top=2, tried=[{"lr": 0.01, "units": 8}])
    assert [candidate.where for candidate in found.candidates] == ["second", "fifth"]
    assert found.remarks == (
        "left out: first: lr: got 1.0; expected a number from 0.0001 to 0.1",
        "left out: third: these values are tried already",
        "left out: fourth: these values are tried already",
    )


def test_select_candidates_drops_what_does_not_exist_here(spec: SweepSpec) -> None:
    """The other sweep may have had no condition; its other values are still good."""
    ranked = [named(optimizer="adam", momentum=0.5, lr=0.01)]
    (found,) = select_candidates(spec, ranked, top=1).candidates
    assert found.values == {"optimizer": "adam", "lr": 0.01}


def test_select_candidates_none_fits(spec: SweepSpec) -> None:
    """Nothing to try is a mistake, not a success with nothing done."""
    with pytest.raises(OptionError, match=r"lr: got 1\.0; .*\n.*no trial fits this sweep"):
        select_candidates(spec, [named(lr=1.0)], top=3)
