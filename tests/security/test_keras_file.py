"""Hostile ``.keras`` files, each built for real: refused by name before Keras sees them."""

from __future__ import annotations

import io
import json
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from sweeps.bundles.load import load_bundle
from sweeps.bundles.manifest import write_manifest
from sweeps.errors import UnsafeModelError
from sweeps.paths import BundlePaths
from sweeps.training.keras_file import CONFIG, WEIGHTS, check_weights_file
from sweeps.training.models import load_model, save_model
from tests.fakes.tiny_model import Slow

Members = dict[str, bytes]
Hostile = Callable[[Members, Path], Any]


def make_model() -> Any:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Members:
    """What Keras writes."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    save_model(make_model(), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_archive(path: Path, members: Members, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def put_layer(
    members: Members, class_name: str, module: str = "keras.layers", **config: Any
) -> None:
    """Put a layer into the configuration."""
    layer = {"class_name": class_name, "module": module, "registered_name": None, "config": config}
    put_object(members, layer)


def put_object(members: Members, value: Any) -> None:
    config = json.loads(members[CONFIG])
    config["config"]["layers"].append(value)
    members[CONFIG] = json.dumps(config).encode()


def change_weights(members: Members, change: Callable[[Any], None]) -> None:
    content = io.BytesIO(members[WEIGHTS])
    with h5py.File(content, "a") as file:
        change(file["layers/dense/vars"])
    members[WEIGHTS] = content.getvalue()


def use_lambda(members: Members, folder: Path) -> None:
    marker = str(folder / "marker")
    inner = keras.layers.Lambda(lambda x: [open(marker, "w").close(), x][1])  # noqa: PTH123
    put_object(members, keras.saving.serialize_keras_object(inner))


def use_saved_model(members: Members, folder: Path) -> None:
    put_layer(members, "TFSMLayer", filepath=str(folder), call_endpoint="serve")


def use_get_file(members: Members, folder: Path) -> None:
    put_object(
        members,
        {
            "class_name": "function",
            "config": "get_file",
            "module": "keras.utils",
            "registered_name": "get_file",
        },
    )


def use_get_file_as_class(members: Members, folder: Path) -> None:
    put_layer(members, "get_file", "keras.utils", origin=f"file://{folder}/elsewhere")


def use_any_module(members: Members, folder: Path) -> None:
    put_layer(members, "system", "os", command=f"touch {folder}/marker")


def use_inner_module(members: Members, folder: Path) -> None:
    put_layer(members, "Popen", "keras.src.utils.file_utils", args=["touch", f"{folder}/marker"])


def use_vocabulary_file(members: Members, folder: Path) -> None:
    (folder / "secret").write_text("word\n")
    put_layer(members, "StringLookup", vocabulary=str(folder / "secret"))


def use_giant_dense(members: Members, folder: Path) -> None:
    put_layer(members, "Dense", units=1_000_000, name="wide")
    put_layer(members, "Dense", units=2_000_000, name="wider")


def use_giant_embedding(members: Members, folder: Path) -> None:
    put_layer(members, "Embedding", input_dim=10**6, output_dim=10**6)


def use_giant_metric(members: Members, folder: Path) -> None:
    config = json.loads(members[CONFIG])
    metric = {"class_name": "MeanIoU", "module": "keras.metrics", "config": {"num_classes": 10**6}}
    config["compile_config"]["metrics"] = [metric]
    members[CONFIG] = json.dumps(config).encode()


def use_giant_batch(members: Members, folder: Path) -> None:
    put_layer(members, "InputLayer", batch_shape=[10**9, 4])
    put_layer(members, "LSTM", units=1, stateful=True)


def use_giant_build(members: Members, folder: Path) -> None:
    layer = {"class_name": "LSTM", "module": "keras.layers", "config": {"units": 1, "stateful": 1}}
    put_object(members, {**layer, "build_config": {"shapes_dict": {"a_shape": [10**9, 5, 4]}}})


def nest_deeply(members: Members, folder: Path) -> None:
    members[CONFIG] = b'{"a":' * 500 + b"1" + b"}" * 500


def nest_very_deeply(members: Members, folder: Path) -> None:
    members[CONFIG] = b"[" * 200_000 + b"]" * 200_000


def make_json_huge(members: Members, folder: Path) -> None:
    members[CONFIG] = members[CONFIG] + b" " * (33 << 20)


def slip_out(members: Members, folder: Path) -> None:
    members["assets/../../marker"] = b"slipped"


def slip_to_root(members: Members, folder: Path) -> None:
    members[f"{folder}/marker"] = b"slipped"


def nest_archive(members: Members, folder: Path) -> None:
    members["inner.keras"] = b"PK"


def use_pickled_weights(members: Members, folder: Path) -> None:
    members["model.weights.npz"] = members[WEIGHTS]


def leave_out_weights(members: Members, folder: Path) -> None:
    del members[WEIGHTS]


def link_outside(members: Members, folder: Path) -> None:
    change_weights(members, lambda group: group.__setitem__("2", h5py.ExternalLink("x.h5", "/a")))


def link_softly(members: Members, folder: Path) -> None:
    change_weights(members, lambda group: group.__setitem__("2", h5py.SoftLink("/layers")))


def store_outside(members: Members, folder: Path) -> None:
    (folder / "secret").write_bytes(b"s" * 48)

    def change(group: Any) -> None:
        del group["0"]
        group.create_dataset("0", (4, 3), "f4", external=[(str(folder / "secret"), 0, 48)])

    change_weights(members, change)


def use_virtual_dataset(members: Members, folder: Path) -> None:
    def change(group: Any) -> None:
        del group["0"]
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "a", (4, 3))
        group.create_virtual_dataset("0", layout)

    change_weights(members, change)


def promise_values(members: Members, folder: Path) -> None:
    def change(group: Any) -> None:
        del group["0"]
        group.create_dataset("0", (10**6, 10**6), "f4", chunks=(1000, 1000), fillvalue=1)

    change_weights(members, change)


def compress_values(members: Members, folder: Path) -> None:
    def change(group: Any) -> None:
        del group["0"]
        group.create_dataset("0", data=np.zeros((1000, 1000)), compression="gzip")

    change_weights(members, change)


def store_objects(members: Members, folder: Path) -> None:
    change_weights(
        members, lambda group: group.create_dataset("2", data=["a"], dtype=h5py.string_dtype())
    )


def truncate_weights(members: Members, folder: Path) -> None:
    members[WEIGHTS] = members[WEIGHTS][:1000]


HOSTILE: list[tuple[Hostile, str]] = [
    (use_lambda, "it holds __lambda__: Python code"),
    (use_saved_model, "it holds TFSMLayer: a SavedModel from elsewhere"),
    (use_get_file, "it holds get_file of keras.utils"),
    (use_get_file_as_class, "it holds get_file of keras.utils"),
    (use_any_module, "it holds system of os"),
    (use_inner_module, "it holds Popen of keras.src.utils.file_utils"),
    (use_vocabulary_file, "the vocabulary of StringLookup is to be read from '.*secret'"),
    (use_giant_dense, r"would make 200000\d+ weights, but it holds \d+ values"),
    (use_giant_embedding, r"would make 100000\d+ weights, but it holds \d+ values"),
    (use_giant_metric, "its metric MeanIoU has num_classes: 1000000"),
    (use_giant_batch, "its stateful layers are made for batches of 1000000000"),
    (use_giant_build, "its stateful layers are made for batches of 1000000000"),
    (nest_deeply, "nested more than 200 levels deep"),
    (nest_very_deeply, "no whole .keras file"),
    (make_json_huge, r"the member 'config.json' has \d+ bytes"),
    (slip_out, "the member 'assets/../../marker' is none that Keras writes"),
    (slip_to_root, "/marker' is none that Keras writes"),
    (nest_archive, "the member 'inner.keras' is none that Keras writes"),
    (use_pickled_weights, "the member 'model.weights.npz' is none that Keras writes"),
    (leave_out_weights, "the member 'model.weights.h5' is missing"),
    (link_outside, "/layers/dense/vars/2 is an HDF5 ExternalLink"),
    (link_softly, "/layers/dense/vars/2 is an HDF5 SoftLink"),
    (store_outside, r"/layers/dense/vars/0 is read from another file"),
    (use_virtual_dataset, "/layers/dense/vars/0 is read from other files"),
    (promise_values, "/layers/dense/vars/0 says 4000000000000 bytes, which are not stored"),
    (compress_values, "/layers/dense/vars/0 says 8000000 bytes, which are not stored"),
    (store_objects, "/layers/dense/vars/2 is no array of numbers"),
    (truncate_weights, "the weights are no whole HDF5 file"),
]


def refuse(path: Path, message: str) -> None:
    """Load a file as a stranger's bundle, and expect that it costs nothing but an error."""
    bundle = BundlePaths(path.parent)
    write_manifest(bundle, {})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnsafeModelError, match=message):
        load_bundle(bundle.root)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000  # KB


@pytest.mark.parametrize(("make", "message"), HOSTILE, ids=[make.__name__ for make, _ in HOSTILE])
def test_load_bundle_refuses_a_hostile_file(
    members: Members, tmp_path: Path, make: Hostile, message: str
) -> None:
    """It is refused by name, nothing of it runs, and nothing of it is allocated."""
    hostile, folder = dict(members), tmp_path / "bundle"
    folder.mkdir()
    make(hostile, tmp_path)
    write_archive(folder / "model.keras", hostile)
    refuse(folder / "model.keras", message)
    assert not [*tmp_path.rglob("marker")]


def test_hostile_lambda_does_run_where_keras_is_told_to_trust_it(
    members: Members, tmp_path: Path
) -> None:
    """The red control: the file is one that would leave its mark."""
    hostile = dict(members)
    use_lambda(hostile, tmp_path)
    write_archive(tmp_path / "model.keras", hostile)
    keras.models.load_model(tmp_path / "model.keras", safe_mode=False, compile=False)
    assert (tmp_path / "marker").exists()


def test_load_bundle_refuses_a_zip_bomb(members: Members, tmp_path: Path) -> None:
    """Keras stores without compression: what is compressed could be a thousand times larger."""
    bomb = {**members, "assets/bomb": b"\0" * 10_000_000}
    write_archive(tmp_path / "model.keras", bomb, zipfile.ZIP_DEFLATED)
    refuse(tmp_path / "model.keras", "is compressed, which Keras does not do")


def test_load_bundle_refuses_a_duplicated_member(members: Members, tmp_path: Path) -> None:
    """Two readers might take two different ones."""
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(CONFIG, members[CONFIG])
    refuse(tmp_path / "model.keras", "the member 'config.json' is in it 2 times")


def test_load_bundle_refuses_a_linked_member(members: Members, tmp_path: Path) -> None:
    """A member may be marked as a symbolic link, for those who unpack it."""
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(link, "/etc/passwd")
    refuse(tmp_path / "model.keras", "'assets/link' is a symbolic link")


@pytest.mark.parametrize("length", [0, 10, 3000, -10])
def test_load_bundle_refuses_a_truncated_file(
    members: Members, tmp_path: Path, length: int
) -> None:
    """Half a file is told as such."""
    path = tmp_path / "model.keras"
    write_archive(path, members)
    path.write_bytes(path.read_bytes()[:length])
    refuse(path, "this is no whole .keras file")


def test_load_model_registered_class_loads_and_another_is_refused(tmp_path: Path) -> None:
    """A class of one's own loads once its module is imported: that is how it is vouched for."""
    model = keras.Sequential([keras.Input((4,)), Slow(), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    save_model(model, tmp_path / "model.keras")
    assert isinstance(load_model(tmp_path / "model.keras").layers[0], Slow)
    custom = keras.saving.get_custom_objects()
    registered = custom.pop("tiny>Slow")
    try:
        with pytest.raises(UnsafeModelError, match=r"holds Slow of .*tiny_model, which is no part"):
            load_model(tmp_path / "model.keras")
        with keras.saving.custom_object_scope({"tiny>Slow": Slow}):
            load_model(tmp_path / "model.keras")
    finally:
        custom["tiny>Slow"] = registered


def test_check_weights_file_refuses_an_external_link(members: Members, tmp_path: Path) -> None:
    """A checkpoint with weights only is looked at in the same way."""
    path = tmp_path / "model.weights.h5"
    make_model().save_weights(path)
    check_weights_file(path)
    with h5py.File(path, "a") as file:
        file["more"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(UnsafeModelError, match=r"model\.weights\.h5: /*more is an HDF5 External"):
        check_weights_file(path)


def make_own_models() -> dict[str, Any]:
    """Build models of many of Keras' own parts."""
    layers = keras.layers
    words = layers.TextVectorization()
    words.adapt(["a b c", "d e"])
    scale = layers.Normalization()
    scale.adapt(np.random.default_rng(0).random((10, 8)))
    numbers = keras.Input((8,))
    mixed = keras.ops.concatenate([numbers, keras.ops.sin(scale(numbers)) * 2], axis=-1)
    mixed = keras.ops.where(mixed > 0, mixed, 0.0)[:, :4]
    series = keras.Input((5, 8))
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(3, activation=keras.activations.elu)])
    return {
        "words": keras.Sequential(
            [keras.Input((1,), dtype="string"), words, layers.Embedding(9, 2), layers.Flatten()]
        ),
        "operations": keras.Model(numbers, layers.Dense(2)(mixed)),
        "attention": keras.Model(series, layers.MultiHeadAttention(2, 4)(series, series) + series),
        "cells": keras.Sequential(
            [
                keras.Input((5, 8)),
                layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
                layers.RNN([layers.GRUCell(3), layers.SimpleRNNCell(2)]),
                layers.GaussianNoise(0.1),
            ]
        ),
        "large batches": keras.Sequential([keras.Input((4,), batch_size=100_000), layers.Dense(2)]),
        "stateful": keras.Sequential(
            [keras.Input(batch_shape=(4, 5, 8)), layers.LSTM(4, stateful=True)]
        ),
        "images": keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.RandomFlip(),
                layers.Rescaling(1 / 255),
                layers.Conv2D(4, 3, kernel_regularizer="l2", kernel_constraint="max_norm"),
                layers.SeparableConv2D(4, 3, dtype="mixed_bfloat16"),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling2D(),
            ]
        ),
        "shared": keras.Model(numbers, inner(numbers) + inner(numbers * 2)),
        "wrapped": keras.Sequential(
            [keras.Input((8,)), layers.SpectralNormalization(layers.Dense(3)), layers.Dropout(0.1)]
        ),
    }


def test_load_model_takes_what_keras_writes(tmp_path: Path) -> None:
    """No model of Keras' own parts is refused, whatever it is compiled with."""
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 1_000_000)
    for name, model in make_own_models().items():
        optimizer = keras.optimizers.AdamW(schedule, use_ema=True)
        metrics = [keras.metrics.AUC(), keras.losses.mean_squared_logarithmic_error, "mae"]
        model.compile(optimizer, keras.losses.Huber(), metrics=metrics)
        model.optimizer.build(model.trainable_variables)  # as training does
        save_model(model, tmp_path / f"{name}.keras")
        loaded = load_model(tmp_path / f"{name}.keras")
        assert loaded.count_params() == model.count_params()
