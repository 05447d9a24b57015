"""Tests of `sweeps.training.discover`: building, and telling what the code did."""

from __future__ import annotations

import time
from typing import Any

import pytest

from sweeps.spec.builds import Build, ModelSize
from sweeps.spec.conditions import Condition
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter
from sweeps.training.discover import BuildingModels, RecordingHyperParameters, Request
from tests.conftest import FAKES


def make_request(values: Any = None, answers: Any = None, numbers: Any = "default") -> Request:
    return Request(values or {}, answers or {}, numbers, seconds=60)


def build(name: str, request: Request | None = None, **options: Any) -> Build:
    target = f"{FAKES / 'declaring_model.py'}"
    spec = SweepSpec(
        name="a",
        model=f"{target}:{name}",
        data=f"{target}:load",
        objective={"metric": "val_loss", "direction": "minimize"},
        **options,
    )
    return BuildingModels(spec).build(request or make_request())


def test_build_tells_declarations_with_their_scopes() -> None:
    """Inactive declarations are told too, and the scopes that were closed."""
    deep = Condition("kind", "in", ("deep",))
    found = build("finite")
    assert found.declared == (
        Parameter("units", "categorical", choices=(4, 8), default=4),
        Parameter("kind", "categorical", choices=("shallow", "deep"), default="shallow"),
        Parameter("depth", "int", low=2, high=3, step=1, default=2, when=(deep,)),
    )
    assert found.inactive == ((deep,),)
    assert found.values == {"units": 4, "kind": "shallow"}
    assert found.reason == ""


def test_build_answers_and_ends_are_taken() -> None:
    """An answer wins over the end of a range; one that does not fit its declaration is none."""
    request = make_request(answers={"kind": "deep", "units": 5}, numbers="high")
    assert build("finite", request).values == {"units": 8, "kind": "deep", "depth": 3}


def test_build_measures_weights_and_checkpoint() -> None:
    """4 inputs, 4 units, 2 classes: weights, Adam's two slots, and the file around them."""
    found = build("finite")
    num_weights = 4 * 4 + 4 + 4 * 2 + 2
    assert found.size is not None
    assert found.size.num_weights == num_weights
    # Adam keeps two values a weight, a step count of 8 bytes and a rate of 4.
    overhead = (found.size.checkpoint_bytes or 0) - (3 * 4 * num_weights + 12)
    assert 5_000 < overhead < 60_000
    assert isinstance(build("lazy").size, ModelSize)


def test_build_reads_are_noticed() -> None:
    """`get` and `in` count as reading, so that a typo in the file can be told from it."""
    found = build("narrowable", make_request({"momentum": 0.5, "typo": 1}))
    assert "momentum" in found.read
    assert "typo" not in found.read


@pytest.mark.parametrize(
    "read",
    [
        lambda hp: hp.values["x"],
        lambda hp: hp.values.get("x"),
        lambda hp: dict(hp.values.items()),
        lambda hp: list(hp.values),
        lambda hp: hp.copy(),
        lambda hp: hp["x"],
        lambda hp: "x" in hp,
    ],
)
def test_hp_every_way_to_read_is_noticed(read: Any) -> None:
    """Whoever lists all values reads each of them."""
    hp = RecordingHyperParameters(make_request({"x": 1}))
    assert "x" not in hp.read
    read(hp)
    assert "x" in hp.read


def test_build_that_fails_tells_why() -> None:
    """What the user's code raises is a reason, whatever its kind."""
    assert build("nothing_there").reason.startswith("OptionError: ")
    target = FAKES / "broken_model.py"
    spec = SweepSpec(
        name="a",
        model=f"{target}:exiting",
        data=f"{target}:nothing",
        objective={"metric": "val_loss", "direction": "minimize"},
    )
    assert BuildingModels(spec).build(make_request()).reason == "SystemExit: 5"


def test_build_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even code that catches every exception holds up the others."""

    def hang(*_: Any) -> None:
        while True:
            try:
                time.sleep(10)
            except Exception:
                continue

    monkeypatch.setattr("sweeps.training.discover.build_model", hang)
    found = build("finite", Request({}, {}, "default", seconds=0.05))
    assert found.reason == "it takes too long to build"


def test_build_reason_is_one_short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback inside a message, as TensorFlow likes it, is not for a table."""

    def fail(*_: Any) -> None:
        raise RuntimeError("first " + "x" * 400 + "\nsecond")

    monkeypatch.setattr("sweeps.training.discover.build_model", fail)
    assert build("finite").reason == "RuntimeError: first " + "x" * 294

    def fail_silently(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("sweeps.training.discover.build_model", fail_silently)
    assert build("finite").reason == "ZeroDivisionError"


def test_build_fit_of_ones_own_may_read_later() -> None:
    """What `fit` asks for is not known before training."""
    assert build("OwnFit", make_request({"batch": 16})).reads_later
    assert not build("finite").reads_later


def test_build_declare_hyperparameters_of_a_hypermodel_is_called() -> None:
    """KerasTuner calls it before each search."""
    found = build("Declaring")
    assert found.reason == ""
    assert [each.name for each in found.declared] == ["units"]
