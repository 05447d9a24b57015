"""Tests of `sweeps.bundles.predictions`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from sweeps.bundles.predictions import (
    Predictions,
    check_output,
    write_predictions,
    write_table,
)
from sweeps.errors import OptionError

SCORES = np.array([[0.25, 0.75], [0.5, 0.125]], "float32")


def tell(predictions: Predictions) -> str:
    text = io.StringIO()
    write_table(text, predictions)
    return text.getvalue()


def test_write_table_names_values_by_output() -> None:
    """A column a value, called by the output and its place."""
    outputs = {"score": SCORES, "size": np.array([[1.0], [2.0]]), "flat": np.array([3, 4])}
    assert (
        tell(Predictions(outputs))
        == "score.0,score.1,size,flat\n0.25,0.75,1.0,3\n0.5,0.125,2.0,4\n"
    )


def test_write_table_of_classes_names_them() -> None:
    """With class names each row begins with its class; with files, with the file."""
    found = Predictions({"y": SCORES}, ("a.png", "b.png"), ("cat", "dog"))
    assert tell(found) == "file,class,cat,dog\na.png,dog,0.25,0.75\nb.png,cat,0.5,0.125\n"


def test_write_table_of_several_axes() -> None:
    """Each value is called by its place along all axes."""
    found = Predictions({"map": np.arange(4).reshape(1, 2, 2)})
    assert tell(found) == "map.0.0,map.0.1,map.1.0,map.1.1\n0,1,2,3\n"


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        ({"y": SCORES}, ("a", "b", "c")),
        ({"y": SCORES[:, :1]}, ("a", "b")),
        ({"y": SCORES, "z": SCORES}, ("a", "b")),
        ({"y": SCORES}, ()),
    ],
)
def test_classes_are_named_only_where_that_is_right(
    outputs: dict[str, np.ndarray], names: tuple[str, ...]
) -> None:
    """Names of another number, one column, or several outputs say no class."""
    assert Predictions(outputs, class_names=names).classes is None


@pytest.mark.parametrize("name", ["out.npy", "out.npz", "out.csv", "OUT.NPZ"])
def test_write_predictions_by_the_name_of_the_file(tmp_path: Path, name: str) -> None:
    """Arrays keep every bit; an .npz file has the classes too."""
    path = tmp_path / name
    write_predictions(path, Predictions({"y": SCORES}, class_names=("cat", "dog")))
    if path.suffix == ".csv":
        assert path.read_text() == "class,cat,dog\ndog,0.25,0.75\ncat,0.5,0.125\n"
        return
    loaded = np.load(path, allow_pickle=False)
    if path.suffix != ".npy":
        assert loaded["class"].tolist() == ["dog", "cat"]
    values = loaded if path.suffix == ".npy" else loaded["y"]
    np.testing.assert_array_equal(values, SCORES)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.txt", "expected a file whose name ends in .npy, .npz, .csv"),
        ("out.npy", "holds one array, but the model gives 'a', 'b'; use .npz"),
        ("missing/out.npz", "there is no such folder"),
    ],
)
def test_check_output_before_anything_is_predicted(tmp_path: Path, name: str, message: str) -> None:
    """A file that cannot be written is told at once."""
    with pytest.raises(OptionError, match=message):
        check_output(tmp_path / name, ["a", "b"])
