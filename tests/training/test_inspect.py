"""Tests of `sweeps.training.inspect` and `.models`: mistakes found before training."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest

from sweeps.errors import OptionError
from sweeps.spec.model import Checkpoint, Objective, SweepSpec, Training
from sweeps.training.inspect import Inspection, inspect_sweep
from sweeps.training.models import build_model, check_model, load_hypermodel
from tests.training.samples import FakeChannel, make_arrays, make_mlp
from tests.training.spaces import build_mlp, load_mlp

HERE = "tests.training.test_inspect"
X, Y = make_arrays(20, (4,))


def inspect(model: str = "build_good", data: str = "load_good", **changes: Any) -> Inspection:
    spec = SweepSpec(
        name="tiny",
        model=f"{HERE}:{model}",
        data=f"{HERE}:{data}",
        objective=Objective(metric="val_accuracy", direction="maximize"),
        training=Training(epochs=2, batch_size=8),
    )
    return inspect_sweep(spec.model_copy(update=changes), {"rate": 0.1})


build_good, load_good = build_mlp, load_mlp


def build_declaring(hp: Any) -> Any:
    hp.Choice("optimizer", ["adam", "sgd"])
    with hp.conditional_scope("optimizer", ["sgd"]):
        hp.Float("momentum", 0.0, 1.0)
    assert hp.get("rate") == 0.1
    return make_mlp()


def build_uncompiled(hp: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


def build_raising(hp: Any) -> Any:
    raise KeyError("learning_rate")


def build_raising_nothing(hp: Any) -> Any:
    raise ValueError


def build_none(hp: Any) -> None:
    make_mlp()


def build_vector_metric(hp: Any) -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[keras.metrics.F1Score(name="f1")])
    return model


def build_zero_batch(hp: Any) -> Any:
    hp.Fixed("batch_size", 0)
    return make_mlp()


not_callable = 3


def load_raising() -> Any:
    raise FileNotFoundError("digits.npz")


def load_wide() -> Any:
    return (np.ones((20, 5)), Y), (X, Y)


def load_bad_validation() -> Any:
    return (X, Y), (X, keras.utils.to_categorical(Y, 3))


def load_out_of_range() -> Any:
    return (X, Y + 1), (X, Y)


def load_without_validation() -> Any:
    return {"train": (X, Y)}


def load_one_hot() -> Any:
    y = keras.utils.to_categorical(Y, 3)
    return (X, y), (X, y)


def test_inspect_sweep_tells_what_there_is() -> None:
    """Metrics, weights, data and the way of training."""
    found = inspect("build_declaring")
    assert found.problems == []
    assert set(found.metrics) == {
        "loss", "accuracy", "weighted_accuracy",
        "val_loss", "val_accuracy", "val_weighted_accuracy",
    }  # fmt: skip
    assert found.num_weights == 4 * 8 + 8 + 8 * 3 + 3
    assert found.data == [
        "train: 22 samples, x float32[4], y int64[]",
        "validation: 10 samples, x float32[4], y int64[]",
    ]
    names = ["x_train", "y_train", "x_validation", "y_validation"]
    assert list(found.data_parts) == names
    assert [len(found.data_parts[name]["sha256"]) for name in names] == [64] * 4
    assert found.loop_reason == ""
    assert inspect(training=Training(loop="fit")).loop_reason == "training.loop is fit"


@pytest.mark.parametrize(
    ("model", "data", "key", "message"),
    [
        ("build_raising", "load_good", "model", "KeyError: 'learning_rate'"),
        ("build_raising_nothing", "load_good", "model", "ValueError"),
        (
            "build_none", "load_good", "model",
            f"{HERE}:build_none returned NoneType; expected a compiled keras.Model.",
        ),
        (
            "build_uncompiled", "load_good", "model",
            f"{HERE}:build_uncompiled returned a model that is not compiled.",
        ),
        ("biuld_good", "load_good", "model", f"{HERE} has no 'biuld_good'; it has "),
        ("not_callable", "load_good", "model", f"{HERE}:not_callable is a int;"),
        ("build_good", "load_raising", "data", "FileNotFoundError: digits.npz"),
        ("build_good", "load_wide", "data (train)", "ValueError: "),
        ("build_good", "load_bad_validation", "data (validation)", ""),
        ("build_good", "load_out_of_range", "data (train)", "InvalidArgumentError: "),
        ("build_zero_batch", "load_good", "training", "batch_size is 0; expected"),
    ],
)  # fmt: skip
def test_inspect_sweep_finds_one_mistake(model: str, data: str, key: str, message: str) -> None:
    """Each mistake has its key, its message and the traceback of the user's code."""
    found = inspect(model, data)
    assert [problem[0] for problem in found.problems] == [key]
    assert found.problems[0][1].startswith(message)
    assert "Traceback" in found.traceback


def test_inspect_sweep_finds_mistakes_of_data_and_model_at_once() -> None:
    """Nobody wants to hear of the second only after the first is repaired."""
    found = inspect("build_raising", "load_raising")
    assert [key for key, _ in found.problems] == ["data", "model"]


def test_inspect_sweep_finds_an_unknown_metric_and_field_at_once() -> None:
    """Both are known once a model has been built."""
    found = inspect(
        objective=Objective(metric="val_acuracy", direction="maximize"),
        checkpoint=Checkpoint(path="{val_los:.3f}.keras"),
    )
    keys, messages = zip(*found.problems, strict=True)
    assert keys == ("objective.metric", "checkpoint.path")
    assert messages[0].startswith("got 'val_acuracy', which is not in the logs (have: ")
    assert messages[0].endswith("Did you mean 'val_accuracy'?")
    assert messages[1].endswith("Did you mean 'val_loss'?")


def test_inspect_sweep_validation_metric_without_validation_data() -> None:
    """The hint is the missing split, not another spelling."""
    ((key, message),) = inspect(data="load_without_validation").problems
    assert key == "objective.metric"
    assert message.endswith("The data has no validation split.")


def test_inspect_sweep_metric_that_no_epoch_will_have() -> None:
    """Validated every third epoch, two epochs never are."""
    found = inspect(training=Training(epochs=2, validation_freq=3))
    assert found.problems == [
        ("training.validation_freq", "got 3; with 2 epochs 'val_accuracy' never appears.")
    ]


def test_inspect_sweep_metric_with_several_values() -> None:
    """A metric per class is logged, but can be neither objective nor part of a name."""
    found = inspect(
        "build_vector_metric",
        "load_one_hot",
        objective=Objective(metric="val_f1", direction="maximize"),
        checkpoint=Checkpoint(path="{epoch}-{f1:.2f}.keras"),
    )
    assert found.problems[0] == (
        "objective.metric",
        "got 'val_f1', of shape (3,); expected a metric with a single value.",
    )
    assert found.problems[1][1].startswith("got the unknown field {f1}")
    assert "val_f1" in found.metrics


class Hyper(keras_tuner.HyperModel):
    """A KerasTuner model of a class."""

    def build(self, hp: Any) -> Any:
        hp.Int("units", 2, 4)
        return make_mlp()


hyper = Hyper()


@pytest.mark.parametrize("name", ["Hyper", "hyper", "build_good"])
def test_build_model_takes_functions_and_hypermodels(name: str) -> None:
    """A class, an instance and a function are all fine."""
    from sweeps.training.hyperparameters import AskingHyperParameters

    channel = FakeChannel()
    model = build_model(
        load_hypermodel(f"{HERE}:{name}"), AskingHyperParameters(channel.suggest, {}), name
    )
    assert model.compiled
    assert channel.asked == ([] if name == "build_good" else ["units"])


def test_check_model_says_what_came_back() -> None:
    """The two most common mistakes have a hint."""
    check_model("a.py:build", make_mlp())
    with pytest.raises(OptionError) as caught:
        check_model("a.py:build", None)
    assert str(caught.value) == (
        "a.py:build returned NoneType; expected a compiled keras.Model. "
        "Is a 'return model' missing?"
    )
    with pytest.raises(OptionError) as caught:
        check_model("a.py:build", build_uncompiled(None))
    assert str(caught.value) == (
        "a.py:build returned a model that is not compiled. "
        "Call model.compile(optimizer, loss, metrics=[...]) before returning it."
    )
