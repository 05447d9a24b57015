"""Tests of `sweeps.search.widened`: a sweep goes on in a wider range."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.paths import SweepPaths
from sweeps.search import proposals
from sweeps.search.study import open_study
from sweeps.search.trials import TrialOutcome
from sweeps.search.widened import is_wider
from sweeps.spec.conditions import Condition
from sweeps.spec.parameters import Parameter
from tests.contracts.test_samplers import INSTALLED, STARTUP
from tests.search.sample_sweeps import SWEEP_ID, make_spec

RATE = Parameter("rate", "float", low=0.01, high=0.1, scale="log")
UNITS = Parameter("units", "int", low=32, high=96, step=32)
FACTORS = Parameter("width", "int", low=2, high=16, step=2, scale="log")
MIRRORED = Parameter("decay", "float", low=0.9, high=0.99, scale="reverse_log")
KIND = Parameter("kind", "categorical", choices=("a", "b"))
STEPPED = Parameter("share", "float", low=0.1, high=0.5, step=0.1)
WHEN = (Condition("kind", "in", ("a",)),)


@pytest.mark.parametrize(
    ("older", "change"),
    [
        (RATE, {"high": 0.2}),
        (RATE, {"low": 0.001, "high": 1.0}),
        (UNITS, {"high": 128}),
        (UNITS, {"low": 0, "high": 100}),
        (FACTORS, {"high": 64}),
        (STEPPED, {"low": 0.0, "high": 0.7}),
        (Parameter("n", "int", low=1, high=10**7), {"high": 10**8}),
    ],
)
def test_is_wider_takes_more_of_the_same_grid(older: Parameter, change: dict[str, float]) -> None:
    """Every old value stays what it is, and new ones come."""
    assert is_wider(replace(older, **change), older)


@pytest.mark.parametrize(
    ("older", "change"),
    [
        (RATE, {}),
        (RATE, {"high": 0.05}),
        (RATE, {"low": 0.02, "high": 0.2}),
        (RATE, {"high": 0.2, "scale": "linear"}),
        (RATE, {"high": 0.2, "when": WHEN}),
        (RATE, {"high": 1, "type": "int", "low": 0}),
        (UNITS, {"low": 16}),
        (UNITS, {"high": 128, "step": 16}),
        (FACTORS, {"low": 1}),
        (MIRRORED, {"high": 0.999}),
        (KIND, {"choices": ("a", "b", "c")}),
    ],
)
def test_is_wider_refuses_what_gives_old_values_another_meaning(
    older: Parameter, change: dict[str, object]
) -> None:
    """Narrower, of another kind, off the old grid, or stored relative to a bound that moves."""
    assert not is_wider(replace(older, **change), older)


def _draw_after_widening(folder: Path, name: str) -> list[float]:
    """Finish 8 trials whose values grow with the rate, widen it, and list the next 16 rates."""
    numbers = (replace(RATE, step=None), UNITS)
    if name == "grid":
        numbers = (Parameter("rate", "float", low=0.02, high=0.1, step=0.02), UNITS)
    wider = (replace(numbers[0], high=0.4), UNITS)
    folder.mkdir()
    options = {"sampler_options": STARTUP.get(name, {})}
    drawn: list[float] = []
    for parameters, count in ((numbers, 8), (wider, 16)):
        spec = make_spec(name, parameters=parameters, **options)
        with open_study(SweepPaths(folder), spec, sweep_id=SWEEP_ID) as study:
            for _ in range(count):
                asked = study.ask()
                drawn.append(asked.values["rate"])
                study.tell(asked.number, TrialOutcome("complete", asked.values["rate"], 1))
    return drawn[8:]


@pytest.mark.parametrize("name", INSTALLED)
def test_every_sampler_proposes_from_the_wider_range(tmp_path: Path, name: str) -> None:
    """The best values lie in the new part, and every sampler finds them there."""
    drawn = _draw_after_widening(tmp_path / name, name)
    assert max(drawn) > 0.1
    assert max(drawn) <= 0.4


def test_optuna_alone_keeps_to_the_older_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The red control: TPE takes its space from the first distribution of a name, for ever."""
    monkeypatch.setattr(proposals, "show_widened", lambda storage, widened: storage)
    assert max(_draw_after_widening(tmp_path / "tpe", "tpe")) <= 0.1
