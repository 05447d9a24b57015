"""Tests of `sweeps.training.ensemble`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sweeps.errors import OptionError
from sweeps.training.ensemble import average_models
from sweeps.training.models import load_model
from tests.training.samples import make_arrays, make_cnn, make_mlp, make_two_headed


def name_members(*models: Any) -> dict[str, Any]:
    return {f"trial {number:04d}": model for number, model in enumerate(models)}


def test_average_models_gives_the_mean_of_the_outputs() -> None:
    """The ensemble is the mean, of members that differ inside."""
    members = [make_mlp(units=4), make_mlp(units=8), make_mlp("sgd", keras.layers.Dense(5))]
    x, y = make_arrays(30, (4,))
    expected = np.mean([model.predict(x, verbose=0) for model in members], axis=0)
    ensemble = average_models(name_members(*members))
    np.testing.assert_allclose(ensemble.predict(x, verbose=0), expected, atol=1e-6)
    scores = ensemble.evaluate(x, y, return_dict=True, verbose=0)
    assert scores["accuracy"] == np.float32(np.mean(expected.argmax(axis=1) == y))


def test_average_models_is_saved_and_loaded_as_one(tmp_path: Path) -> None:
    """One Keras file holds all members, whatever names their layers have."""
    x, y = make_arrays(30, (4,))
    members = [make_mlp(), make_mlp()]
    for member in members:
        member.fit(x, y, verbose=0)  # with an optimizer that holds something
    ensemble = average_models(name_members(*members))
    ensemble.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), ensemble.predict(x, verbose=0))
    assert [layer.name for layer in loaded.layers if isinstance(layer, keras.Model)] == [
        "trial_0000",
        "trial_0001",
    ]


def test_average_models_is_loaded_on_trust_no_more_than_others(tmp_path: Path) -> None:
    """Models within a model, compiled ones too, can be measured before they are loaded."""
    ensemble = average_models(name_members(make_mlp(), make_mlp()))
    ensemble.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.count_params() == ensemble.count_params()


def test_average_models_of_dicts_keeps_names_and_scores() -> None:
    """Inputs and outputs by name stay so, and each output keeps its loss and its metrics."""
    members = [make_two_headed(), make_two_headed()]
    x, kind = make_arrays(12, (6,))
    inputs, targets = {"left": x[:, :4], "right": x[:, 4:]}, {"kind": kind, "size": x[:, :1]}
    expected = [model.predict(inputs, verbose=0) for model in members]
    ensemble = average_models(name_members(*members))
    given = ensemble.predict(inputs, verbose=0)
    assert list(given) == ["kind", "size"]
    for name in given:
        mean = (expected[0][name] + expected[1][name]) / 2
        np.testing.assert_allclose(given[name], mean, atol=1e-6)
    scores = ensemble.evaluate(inputs, targets, return_dict=True, verbose=0)
    assert set(scores) == {"loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae"}


def test_average_models_is_frozen_and_repeats_itself() -> None:
    """It is not to be trained, and augmentation and dropout of its members are off when used."""
    ensemble = average_models(name_members(make_cnn(), make_cnn()))
    x, _ = make_arrays(6, (6, 6, 1))
    first = ensemble.predict(x, verbose=0)
    np.testing.assert_array_equal(first, ensemble.predict(x, verbose=0))
    assert ensemble.trainable_weights == []


def test_average_models_loss_has_no_penalty() -> None:
    """Penalties on the members' weights do not add up to a loss that means nothing."""
    members = [make_mlp("sgd", keras.layers.Dense(8, kernel_regularizer="l2")) for _ in range(2)]
    assert members[0].losses != []
    assert average_models(name_members(*members)).losses == []


def make_model(**changes: Any) -> Any:
    given = {"features": 4, "classes": 3, "dtype": "float32", **changes}
    inputs = keras.Input((given["features"],), dtype=given["dtype"], name="x")
    outputs = keras.layers.Dense(given["classes"])(inputs)
    if given.get("as_dict"):
        return keras.Model({"x": inputs}, outputs)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": 5}, r"trial 0001: its inputs are float32\[5\], but those of trial 0000 are"),
        ({"dtype": "float16"}, "trial 0001: its inputs are"),
        ({"classes": 2}, r"trial 0001: its outputs are float32\[2\]"),
        ({"as_dict": True}, "trial 0001: its inputs are {'x': "),
    ],
)
def test_average_models_of_unlike_members_is_refused(changes: dict[str, Any], message: str) -> None:
    """A member that takes or gives something else is told by name."""
    with pytest.raises(OptionError, match=message):
        average_models(name_members(make_model(), make_model(**changes)))


def test_average_models_of_classes_is_refused() -> None:
    """Numbers of classes have no mean."""

    def make() -> Any:
        inputs = keras.Input((4,))
        return keras.Model(inputs, keras.ops.argmax(inputs, axis=-1))

    with pytest.raises(OptionError, match=r"is int.*, of which there is no mean"):
        average_models(name_members(make(), make()))


def test_average_models_of_a_subclass_is_refused() -> None:
    """A model that does not say what it takes cannot be a member; the message says what can."""

    class Own(keras.Model):
        def call(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(OptionError, match=r"trial 0000: its model is a Own.*keras.Model\(inputs"):
        average_models(name_members(Own(), Own()))
