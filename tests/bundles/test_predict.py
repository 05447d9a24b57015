"""Tests of `sweeps.bundles.predict` with models beyond one input and one output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.predict import predict_bundle
from sweeps.bundles.predictions import write_predictions
from sweeps.training.data import Split
from tests.bundles.samples import write_bundle
from tests.formats.models import MODELS


@pytest.fixture
def make(tmp_path: Path, runtimes: Runtimes) -> Any:
    """Write the bundle of a model, and give its folder with the model and inputs for it."""

    def write(name: str) -> tuple[Path, Any, Any]:
        model, inputs = MODELS[name]()
        write_bundle(tmp_path / "bundle", model, Split(inputs, None), ["keras"], runtimes)
        return tmp_path / "bundle", model, inputs

    return write


def test_predict_by_names_gives_a_mapping(make: Any, tmp_path: Path) -> None:
    """Inputs of an .npz file by name, outputs by name, whatever else the file holds."""
    bundle, model, inputs = make("dicts")
    np.savez(tmp_path / "in.npz", **inputs, labels=np.zeros(6))
    given, expected = sweeps.predict(bundle, tmp_path / "in.npz", batch_size=4), model(inputs)
    assert list(given) == ["kind", "size"]
    for name, values in given.items():
        np.testing.assert_allclose(values, expected[name], atol=1e-6)
    found = predict_bundle(bundle, tmp_path / "in.npz")
    write_predictions(tmp_path / "out.npz", found)
    with np.load(tmp_path / "out.npz") as file:
        assert sorted(file.files) == ["kind", "size"]


def test_predict_of_lists_gives_a_list(make: Any) -> None:
    """Inputs in the model's order, outputs in the model's order."""
    bundle, model, inputs = make("lists")
    for given, expected in zip(sweeps.predict(bundle, inputs), model(inputs), strict=True):
        np.testing.assert_allclose(given, expected, atol=1e-6)


def test_predict_of_texts_from_a_table(make: Any, tmp_path: Path) -> None:
    """Texts come from the column of the input's name."""
    bundle, _, inputs = make("texts")
    (tmp_path / "in.csv").write_text("text\n" + "".join(f"{text}\n" for text in inputs))
    given = sweeps.predict(bundle, tmp_path / "in.csv", batch_size=4)
    assert given.shape == (6, 2)
    np.testing.assert_allclose(given, sweeps.predict(bundle, inputs), atol=1e-6)
    assert np.ptp(given, axis=0).min() > 0  # the texts differ, and so do their outputs


def test_predict_of_a_folder_of_images(make: Any, tmp_path: Path) -> None:
    """Each image is a row, called by its file, with the values that the model was trained on."""
    image = pytest.importorskip("PIL.Image")
    bundle, model, _ = make("convolutions")
    values = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype="uint8")
    (tmp_path / "images").mkdir()
    for name, pixels in zip("abc", values, strict=True):
        image.fromarray(pixels).save(tmp_path / "images" / f"{name}.png")
    found = predict_bundle(bundle, tmp_path / "images", scale=1 / 255)
    assert found.labels == ("a.png", "b.png", "c.png")
    (given,) = found.outputs.values()
    expected = model(values[..., None] / np.float32(255))
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_predict_tells_how_far_it_is(make: Any) -> None:
    """Progress is told after each batch, up to all samples."""
    bundle, _, inputs = make("dense")
    told: list[tuple[int, int]] = []
    predict_bundle(
        bundle, inputs, batch_size=4, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(4, 6), (6, 6)]
