"""What every format promises, on every member of the menu, with real models and runtimes."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.extras import find_missing
from sweeps.bundles.formats import FORMATS
from sweeps.bundles.formats._base import Format
from sweeps.bundles.proving import Model, make_formats, prove
from sweeps.spec.model import Export
from sweeps.training.arrays import read_arrays, write_arrays
from sweeps.training.data import Split
from tests.bundles.samples import draw, make_augmented, write_model
from tests.training.samples import make_two_headed

REPOSITORY = Path(__file__).parents[2]


def need(name: str) -> None:
    """Skip where the runtime of a format is not installed."""
    if missing := find_missing(name):
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def augmented(
    tmp_path_factory: pytest.TempPathFactory, runtimes: Runtimes
) -> tuple[Model, dict[str, Any]]:
    """Export a model with augmentation in every format that can be made here."""
    split = Split(draw(20, 6, 6, 1), np.zeros(20))
    model = write_model(tmp_path_factory.mktemp("augmented") / "b", make_augmented(), split)
    names = [name for name in FORMATS if not find_missing(name)]
    return model, make_formats(model, names, runtimes)


@pytest.mark.parametrize("name", FORMATS)
def test_format_gives_what_the_model_gives_each_time(
    augmented: tuple[Model, dict[str, Any]], name: str
) -> None:
    """By the model's own names, with random layers inactive, replayed twice."""
    need(name)
    model, records = augmented
    record = records[name]
    assert record.keys() == {"difference", "repeat_difference", "tolerance"}
    assert record["difference"] <= record["tolerance"] < 0.01
    assert record["repeat_difference"] == 0
    assert FORMATS.load(name).locate(model.bundle).exists()
    assert model.signature is not None
    assert model.signature["inputs"] == [
        {"name": "image", "shape": [None, 6, 6, 1], "dtype": "float32"}
    ]
    assert [tensor["name"] for tensor in model.signature["outputs"]] == ["kind"]


def test_stock_export_leaves_augmentation_active(tmp_path: Path) -> None:
    """The red control: Keras' own `model.export` serves something else on each call."""
    import tensorflow as tf

    model, images = make_augmented(), draw(8, 6, 6, 1)
    model.export(tmp_path / "stock", verbose=False)
    stock = tf.saved_model.load(str(tmp_path / "stock"))
    first, second = (np.asarray(stock.serve(images)) for _ in range(2))
    assert np.abs(first - model.predict(images, verbose=0)).max() > 0.01
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("name", FORMATS)
def test_format_that_gives_something_else_is_refused(
    augmented: tuple[Model, dict[str, Any]], name: str, runtimes: Runtimes
) -> None:
    """The proof bites: other expected outputs fail it."""
    need(name)
    model, _ = augmented
    kept = read_arrays(model.bundle.sample_outputs)
    write_arrays(model.bundle.sample_outputs, {"kind": kept["kind"] + np.float32(0.01)})
    try:
        record = prove(model, name, runtimes)
    finally:
        write_arrays(model.bundle.sample_outputs, kept)
    assert record["error"].startswith("replayed against the expected outputs: differs by 0.01")


@pytest.mark.parametrize("name", FORMATS)
def test_format_declares_what_it_needs(name: str) -> None:
    """Its extra installs its packages, the dev extra too, and the space file knows its name."""
    member: Format = FORMATS.load(name)
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    for package in (*member.loads_with.values(), *member.writes_with.values()):
        for extra in (member.extra, "dev"):
            assert any(line.startswith(f"{package}>=") for line in extras[extra])
    assert Export(formats=(name,)).formats == (name,)  # type: ignore[arg-type]
    assert member.described


@pytest.mark.parametrize(
    "name", [name for name in FORMATS if FORMATS.load(name).runtime != "tensorflow"]
)
def test_format_is_opened_without_tensorflow(
    augmented: tuple[Model, dict[str, Any]], name: str
) -> None:
    """A runtime of its own leans on no other: its users do not have TensorFlow."""
    need(name)
    model, _ = augmented
    program = (
        "import json, sys\n"
        "from sweeps.bundles.jobs import perform\n"
        "answer = perform(json.loads(sys.argv[1]))\n"
        "assert 'difference' in answer, answer\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    import json

    job = {"do": "replay", "format": name, "folder": str(model.bundle.root)}
    job["signature"] = model.signature  # type: ignore[assignment]
    command = [sys.executable, "-c", program, json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def make_gelu() -> Any:
    return keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, "gelu")])


def make_lstm() -> Any:
    return keras.Sequential([keras.Input((5, 2), name="x"), keras.layers.LSTM(3)])


@pytest.mark.parametrize(
    ("make", "shape", "refused", "words"),
    [(make_gelu, (4,), "onnx", "Erfc"), (make_lstm, (5, 2), "litert", "TensorListReserve")],
)
def test_format_that_its_runtime_refuses_is_left_out_with_the_reason(
    make: Any, shape: tuple[int, ...], refused: str, words: str, tmp_path: Path, runtimes: Runtimes
) -> None:
    """Exact gelu has no ONNX form and LSTM no LiteRT one; the other formats stay."""
    need(refused)
    model = write_model(tmp_path / "b", make(), Split(draw(9, *shape), np.zeros(9)))
    records = make_formats(model, ["saved_model", refused], runtimes)
    assert words in records[refused]["error"]
    assert not FORMATS.load(refused).locate(model.bundle).exists()
    assert "error" not in records["saved_model"]
    assert model.bundle.saved_model.is_dir()


def test_format_of_texts_and_dicts(tmp_path: Path, runtimes: Runtimes) -> None:
    """Texts are no pickles, and several inputs and outputs keep their names and their form."""
    vectorize = keras.layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(["good film", "bad film"])
    layers = [
        keras.Input((), dtype="string", name="text"),
        vectorize,
        keras.layers.Embedding(8, 2),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(1, name="mood"),
    ]
    texts = np.array(["good", "bad film", "schön"])
    model = write_model(tmp_path / "t", keras.Sequential(layers), Split(texts, np.zeros(3)))
    assert "error" not in make_formats(model, ["saved_model"], runtimes)["saved_model"]
    assert list(read_arrays(model.bundle.sample_inputs)["text"]) == list(texts)
    inputs = {"left": draw(9, 4), "right": draw(9, 2)}
    two = write_model(tmp_path / "d", make_two_headed(), Split(inputs, np.zeros(9)))
    assert "error" not in make_formats(two, ["saved_model"], runtimes)["saved_model"]
    assert two.signature is not None
    assert two.signature["arguments"] == {"left": "left", "right": "right"}
    assert {tensor["name"] for tensor in two.signature["outputs"]} == {"kind", "size"}


def test_format_without_which_another_cannot_be_made_is_not_left_behind(
    tmp_path: Path, runtimes: Runtimes
) -> None:
    """ONNX is made from a SavedModel; where only ONNX was asked for, that one is deleted."""
    need("onnx")
    dense = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3)])
    model = write_model(tmp_path / "b", dense, Split(draw(9, 4), np.zeros(9)))
    assert make_formats(model, ["onnx"], runtimes).keys() == {"keras", "onnx"}
    assert not model.bundle.saved_model.parent.exists()


def test_model_that_remembers_is_proven_from_an_empty_state(
    tmp_path: Path, runtimes: Runtimes
) -> None:
    """A stateful LSTM repeats its outputs as a Keras model; as a SavedModel nobody can empty it."""
    batch = keras.Input(batch_shape=(4, 3, 2), name="x")
    remembering = keras.Model(batch, keras.layers.LSTM(5, stateful=True)(batch))
    remembering.predict(draw(4, 3, 2), verbose=0)
    model = write_model(tmp_path / "b", remembering, Split(draw(4, 3, 2), np.zeros(4)))
    records = make_formats(model, ["keras", "saved_model"], runtimes)
    assert records["keras"]["repeat_difference"] == 0
    assert "error" in records["saved_model"]
    assert not model.bundle.saved_model.parent.exists()
