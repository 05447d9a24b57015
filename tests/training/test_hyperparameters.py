"""Tests of `sweeps.training.hyperparameters`: KerasTuner's `hp`, asked instead of defaulted."""

from __future__ import annotations

from typing import Any

import keras_tuner
import pytest

from sweeps.spec.parameters import Parameter
from sweeps.training.hyperparameters import AskingHyperParameters


class Answers:
    """Answers by name, and notes what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[Parameter] = []

    def __call__(self, parameter: Parameter) -> Any:
        self.asked.append(parameter)
        return self.answers[parameter.name]

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.asked]


def test_hp_asks_once_for_each_name() -> None:
    """Declaring again, as a loop or a second build does, gives the same value."""
    answers = Answers(units=48, rate=0.01)
    hp = AskingHyperParameters(answers, {})
    assert [hp.Int("units", 32, 64, step=16) for _ in range(3)] == [48, 48, 48]
    assert hp.Float("rate", 1e-4, 1e-1, sampling="log") == 0.01
    assert answers.names == ["units", "rate"]
    assert hp.values == {"units": 48, "rate": 0.01}


def test_hp_translates_every_kind() -> None:
    """Bounds, steps, scales and defaults arrive as the code declares them."""
    answers = Answers(i=1, f=0.5, g=1.0, c="b", b=True, x=3)
    hp = AskingHyperParameters(answers, {})
    hp.Int("i", 1, 9, step=2, default=3)
    hp.Float("f", 0.0, 1.0)
    hp.Float("g", 0.1, 10.0, step=10, sampling="log")
    hp.Choice("c", ["a", "b"])
    hp.Boolean("b", default=True)
    hp.Fixed("x", 3)
    assert answers.asked == [
        Parameter("i", "int", low=1, high=9, step=2, default=3),
        Parameter("f", "float", low=0.0, high=1.0, default=0.0),
        Parameter("g", "float", low=0.1, high=10.0, step=10, scale="log", default=0.1),
        Parameter("c", "categorical", choices=("a", "b"), default="a"),
        Parameter("b", "bool", choices=(False, True), default=True),
        Parameter("x", "fixed", value=3),
    ]


def test_hp_never_asks_for_what_is_inactive() -> None:
    """A branch that is not taken costs no dimension, and its value is None as in KerasTuner."""
    answers = Answers(optimizer="adam", beta=0.9)
    hp = AskingHyperParameters(answers, {})
    hp.Choice("optimizer", ["adam", "sgd"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        assert hp.Float("momentum", 0.0, 1.0) is None
    assert hp.Float("beta", 0.8, 1.0, parent_name="optimizer", parent_values=["adam"]) == 0.9
    assert answers.names == ["optimizer", "beta"]
    assert "momentum" not in hp


def test_hp_asks_for_the_active_one_of_two_with_the_same_name() -> None:
    """One name in two branches is one parameter at a time."""
    answers = Answers(optimizer="sgd", rate=0.5)
    hp = AskingHyperParameters(answers, {})
    hp.Choice("optimizer", ["adam", "sgd"])
    with hp.conditional_scope("optimizer", ["adam"]):
        hp.Float("rate", 0.0, 0.1)
    with hp.conditional_scope("optimizer", ["sgd"]):
        assert hp.Float("rate", 0.0, 1.0) == 0.5
    assert [(each.name, each.high) for each in answers.asked] == [
        ("optimizer", None),
        ("rate", 1.0),
    ]


def test_hp_values_of_the_space_file_win() -> None:
    """They are never asked for, whatever the code declares, and are there without a declaration."""
    answers = Answers()
    hp = AskingHyperParameters(answers, {"units": 100, "rate": 0.1})
    assert hp.Int("units", 32, 64) == 100
    assert hp.get("rate") == hp["rate"] == 0.1
    assert ("rate" in hp, "other" in hp) == (True, False)
    assert answers.asked == []


def test_hp_does_not_change_the_values_it_was_given() -> None:
    """The caller's mapping stays the caller's."""
    given = {"rate": 0.1}
    AskingHyperParameters(Answers(units=1), given).Int("units", 1, 2)
    assert given == {"rate": 0.1}


def test_hp_name_scope_is_part_of_the_name() -> None:
    """Two blocks have a parameter each."""
    answers = Answers(**{"first/units": 1, "second/units": 2})
    hp = AskingHyperParameters(answers, {})
    for name in ("first", "second"):
        with hp.name_scope(name):
            hp.Int("units", 1, 2)
            assert "units" in hp
    assert answers.names == ["first/units", "second/units"]
    assert hp.get("second/units") == 2


@pytest.mark.parametrize(("name", "error"), [("unknown", KeyError), ("momentum", ValueError)])
def test_hp_get_raises_as_keras_tuner_does(name: str, error: type[Exception]) -> None:
    """Unknown and inactive names are told apart, by the same errors."""
    ours, theirs = (
        AskingHyperParameters(Answers(optimizer="adam"), {}),
        keras_tuner.HyperParameters(),
    )
    messages = []
    for hp in (ours, theirs):
        hp.Choice("optimizer", ["adam", "sgd"])
        with hp.conditional_scope("optimizer", ["sgd"]):
            hp.Float("momentum", 0.0, 1.0)
        with pytest.raises(error) as caught:
            hp.get(name)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_hp_passes_an_error_of_the_answer_on() -> None:
    """A parameter that contradicts the space file is refused at its declaration."""

    def refuse(parameter: Parameter) -> Any:
        raise ValueError("units is declared twice")

    with pytest.raises(ValueError, match="units is declared twice"):
        AskingHyperParameters(refuse, {}).Int("units", 1, 2)
