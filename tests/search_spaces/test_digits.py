"""The digits that are shipped, and the models that are swept over."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "search_spaces"


@pytest.fixture(scope="module")
def digits() -> ModuleType:
    return import_file(FOLDER / "digits_model.py")


def test_digits_file_is_the_recorded_one() -> None:
    """The data is what make_digits.py wrote: 1,797 images, unchanged since."""
    content = (FOLDER / "digits.npz").read_bytes()
    assert len(content) < 200_000
    assert hashlib.sha256(content).hexdigest() == (
        "6f801551877abf69fbf3711373bb642a18dc933430a3385cd6febc235225ea6f"
    )


def test_digits_load_names_three_splits_of_fixed_size(digits: ModuleType) -> None:
    """The splits are train, validation and test, and always of the same size."""
    splits = digits.load()
    assert {name: len(x) for name, (x, _) in splits.items()} == {
        "train": 1191,
        "validation": 304,
        "test": 302,
    }
    for x, y in splits.values():
        assert x.shape[1:] == (8, 8, 1)
        assert (x.dtype, y.dtype) == (np.float32, np.int32)
        assert (x.min(), x.max()) == (0.0, 1.0)


def test_digits_load_every_split_has_a_share_of_each_digit(digits: ModuleType) -> None:
    """The split is stratified: a sixth of each digit is for validation and a sixth for the test."""
    for name, share in (("train", 4 / 6), ("validation", 1 / 6), ("test", 1 / 6)):
        counts = np.bincount(digits.load()[name][1], minlength=10)
        assert counts / 179.7 == pytest.approx([share] * 10, abs=0.03)


def test_digits_load_splits_have_no_image_in_common(digits: ModuleType) -> None:
    """What a model is scored on it has not been trained on."""
    seen = [{image.tobytes() for image in x} for x, _ in digits.load().values()]
    assert sum(map(len, seen)) == len(set().union(*seen))


def test_digits_load_twice_gives_the_same(digits: ModuleType) -> None:
    """Every trial process loads for itself, and all must get the same."""
    for (x, y), (again_x, again_y) in zip(
        digits.load().values(), digits.load().values(), strict=True
    ):
        assert np.array_equal(x, again_x)
        assert np.array_equal(y, again_y)


@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_digits_build_gives_a_compiled_model(digits: ModuleType, kind: str, *, shift: bool) -> None:
    """Both branches build, with and without augmentation, and log the metric of the objective."""
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    hp.values.update(kind=kind, shift=shift)
    model = digits.build(hp)
    images, labels = digits.load()["validation"]
    scores = model.evaluate(images, labels, verbose=0, return_dict=True)
    assert set(scores) == {"loss", "accuracy"}
    assert any("translation" in layer.name for layer in model.layers) == shift
    assert any("conv2d" in layer.name for layer in model.layers) == (kind == "cnn")


def test_digits_build_parameters_of_the_other_branch_are_not_active(digits: ModuleType) -> None:
    """A dense network has no filters: the branch is conditional."""
    import keras_tuner

    hp: Any = keras_tuner.HyperParameters()
    hp.values.update(kind="mlp")
    digits.build(hp)
    assert "units" in hp.values
    assert "filters" not in hp.values


def import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
