"""Tests of `sweeps.training.snapshot`."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from sweeps.training.epoch_loop import FitPlan, build_state, fit
from sweeps.training.latest_checkpoint import list_variables
from sweeps.training.snapshot import ModelSaver, Snapshot
from tests.training.samples import (
    compile_classifier,
    hash_arrays,
    make_cnn,
    make_data,
    make_mlp,
    make_rnn,
    make_two_headed,
)


def make_nested() -> Any:
    """Make a model with a model as a layer, which is used twice."""
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    inputs = keras.Input((4,))
    return compile_classifier(
        keras.Model(inputs, keras.layers.Dense(3)(inner(inner(inputs)))), "sgd"
    )


def make_frozen() -> Any:
    """Make a model of which one layer is not trained, and whose optimizer averages weights."""
    layers = [keras.layers.Dense(4, trainable=False), keras.layers.Dense(3)]
    optimizer = keras.optimizers.AdamW(use_ema=True, gradient_accumulation_steps=2)
    return compile_classifier(keras.Sequential([keras.Input((4,)), *layers]), optimizer)


SAVED_BY_US: list[Callable[[], Any]] = [
    make_mlp,
    make_cnn,
    make_rnn,
    make_two_headed,
    make_nested,
    make_frozen,
]


def read_members(path: Path) -> dict[str, bytes]:
    """Read a `.keras` file without the moment at which it was saved."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}


def read_weights(path: Path) -> list[Any]:
    """Read the names, attributes and values of an HDF5 file."""
    found: list[Any] = []

    def note(name: str, entry: Any) -> None:
        is_data = isinstance(entry, h5py.Dataset)
        value = (str(entry.dtype), entry.shape, entry[()].tobytes()) if is_data else None
        found.append((name, dict(entry.attrs), value))

    with h5py.File(path) as file:
        file.visititems(note)
    return found


@pytest.mark.parametrize("make", SAVED_BY_US)
def test_model_saver_writes_what_keras_writes(make: Callable[[], Any], tmp_path: Path) -> None:
    """The installed Keras is the measure: an archive of the same bytes, a file of the same content.

    (HDF5 lays the same content out in another way in memory than in a file.)
    """
    model = make()
    model.build(model.input_shape)
    model.optimizer.build(model.trainable_variables)
    saver = ModelSaver(model)
    assert saver.can_wait
    model.save(tmp_path / "keras.keras")
    model.save_weights(tmp_path / "keras.weights.h5")
    saver.prepare()(tmp_path / "ours.keras")
    saver.prepare()(tmp_path / "ours.weights.h5")
    assert read_members(tmp_path / "ours.keras") == read_members(tmp_path / "keras.keras")
    assert read_weights(tmp_path / "ours.weights.h5") == read_weights(tmp_path / "keras.weights.h5")
    loaded = keras.models.load_model(tmp_path / "ours.keras")
    assert hash_arrays(loaded.get_weights()) == hash_arrays(model.get_weights())


def make_small_types() -> Any:
    """Make a model of numbers that take two bytes each, of which HDF5 knows one kind."""
    layers = [keras.layers.Dense(3, dtype=dtype) for dtype in ("bfloat16", "float16", "float64")]
    return compile_classifier(keras.Sequential([keras.Input((4,)), *layers]), "adam")


@pytest.mark.parametrize("make", [*SAVED_BY_US, make_small_types])
def test_model_saver_tells_where_each_value_lies(make: Callable[[], Any], tmp_path: Path) -> None:
    """Byte by byte, of every variable that Keras saves: all but generators of random numbers."""
    model = make()
    model.build(model.input_shape)
    model.optimizer.build(model.trainable_variables)
    offsets = ModelSaver(model).prepare()(tmp_path / "ours.keras")
    assert offsets is not None
    content = (tmp_path / "ours.keras").read_bytes()
    variables = list_variables(model)
    for variable in variables:
        if (offset := offsets.get(id(variable))) is not None:
            value = np.asarray(variable).tobytes()
            assert content[offset : offset + len(value)] == value
    rest = [each.name for each in variables if id(each) not in offsets]
    assert set(rest) <= {"seed_generator_state"}
    assert len(set(offsets.values())) == len(offsets) == len(variables) - len(rest)


def test_model_saver_writes_the_model_as_it_was_when_prepared(tmp_path: Path) -> None:
    """Trained on before it is written, by the compiled loop or not, the file is the old one."""
    data, model = make_data(), make_mlp()
    build_state(model, data.train, 8)
    saver = ModelSaver(model)
    model.save(tmp_path / "before.keras")
    write = saver.prepare()
    fit(model, FitPlan(data, 8, 2), [], compiled=True)
    model.optimizer.learning_rate = 0.5
    write(tmp_path / "late.keras")
    assert read_members(tmp_path / "late.keras") == read_members(tmp_path / "before.keras")
    saver.prepare()(tmp_path / "after.keras")
    assert read_members(tmp_path / "after.keras") != read_members(tmp_path / "before.keras")


def test_snapshot_keeps_its_values_whatever_is_trained_later() -> None:
    """Variables are changed in place; what was read from them is not."""
    data, model = make_data((6, 6, 1)), make_cnn()
    build_state(model, data.train, 8)
    variables = list_variables(model)
    snapshot = Snapshot(variables)
    before = [variable.numpy().copy() for variable in variables]
    fit(model, FitPlan(data, 8, 1), [], compiled=True)
    model.fit(*data.train.arrays, verbose=0)
    assert hash_arrays(snapshot.arrays()) == hash_arrays(before)
    assert hash_arrays([variable.numpy() for variable in variables]) != hash_arrays(before)


@keras.saving.register_keras_serializable("tests")
class OwnSaving(keras.layers.Dense):
    """A layer that saves itself in its own way."""

    def save_own_variables(self, store: Any) -> None:
        """Save what no variable holds."""
        super().save_own_variables(store)
        store["note"] = np.ones(3)

    def load_own_variables(self, store: Any) -> None:
        """Leave the note out."""
        super().load_own_variables({key: store[key] for key in ("0", "1")})


def make_own_saving() -> Any:
    """Make a model with a layer that saves itself."""
    return compile_classifier(keras.Sequential([keras.Input((4,)), OwnSaving(3)]), "adam")


def make_loss_scaled() -> Any:
    """Make a model whose optimizer is wrapped, and saves copies of its values."""
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    return compile_classifier(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), optimizer
    )


def make_text() -> Any:
    """Make a model with a vocabulary, which Keras keeps in a file of its own."""
    layer = keras.layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=2)
    layers = [layer, keras.layers.Embedding(5, 2), keras.layers.Flatten(), keras.layers.Dense(3)]
    return compile_classifier(
        keras.Sequential([keras.Input((1,), dtype="string"), *layers]), "adam"
    )


@pytest.mark.parametrize("make", [make_own_saving, make_loss_scaled, make_text])
def test_model_saver_leaves_to_keras_what_is_more_than_variables(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    """It says that it cannot wait, and the file is whole."""
    model = make()
    model.optimizer.build(model.trainable_variables)
    saver = ModelSaver(model)
    assert not saver.can_wait
    saver.prepare()(tmp_path / "ours.keras")
    model.save(tmp_path / "keras.keras")
    assert read_members(tmp_path / "ours.keras") == read_members(tmp_path / "keras.keras")
