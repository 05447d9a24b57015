"""Tests of `sweeps.bundles.input_files`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeps.bundles.input_files import read_inputs
from sweeps.bundles.signature import Tensor
from sweeps.errors import InputError

NUMBERS = Tensor("numbers", (None, 2), "float32")
IMAGE = Tensor("image", (None, 2, 3, 1), "float32")
TEXT = Tensor("text", (None,), "string")


def write(folder: Path, text: str, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_read_inputs_of_arrays(tmp_path: Path) -> None:
    """One array, and arrays by name."""
    array = np.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "in.npy", array)
    np.savez(tmp_path / "in.npz", numbers=array, other=array)
    for name in ("in.npy", "in.npz"):
        asked = read_inputs(tmp_path / name, [NUMBERS])
        np.testing.assert_array_equal(asked.arrays["numbers"], array)
        assert asked.labels == ()


class Evil:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("name", ["in.npy", "in.npz"])
def test_read_inputs_of_a_pickle_is_refused_and_runs_nothing(tmp_path: Path, name: str) -> None:
    """An array of Python objects is code; NumPy's own loader with pickle allowed would run it."""
    array, path = np.array([Evil(tmp_path / "trace")], object), tmp_path / name
    (np.save if name.endswith("npy") else np.savez)(path, array, allow_pickle=True)
    with pytest.raises(InputError, match="it holds Python objects, which are never loaded"):
        read_inputs(path, [NUMBERS])
    assert not (tmp_path / "trace").exists()
    loaded = np.load(path, allow_pickle=True)  # the red control
    if name.endswith("npz"):
        loaded["arr_0"]
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.npy", b"no array", "not a file of arrays"),
        ("in.npy", b"", "not a file of arrays"),
        ("in.npz", b"PK\x03\x04broken", "not a file of arrays"),
        ("in.npz", b"", "not a file of arrays"),
        ("in.txt", b"1,2", r"expected a .npy, .npz or .csv file"),
        ("in.csv", b"", "holds no samples"),
        ("in.csv", b"a,b\n", "holds no samples"),
        ("in.csv", b"\xff\xfe\x00", "not a table in UTF-8"),
        ("in.csv", b"1,2\n3\n", "row 2 has 1 values, but the first one 2"),
        ("in.csv", b"1,2,3\n", "expected 2 column.*have 3 columns without names"),
        ("in.csv", b"NA,1\n1,2\n", "its first row holds 'NA' beside numbers"),
        ("in.csv", b"numbers.1,number.0\n1,2\n", "expected 2 column.*have numbers.1, number.0"),
        ("in.csv", b"numbers.0,numbers.0\n1,2\n", "expected 2 column.*have numbers.0, numbers.0"),
        ("in.csv", b"a,b\n1,x\n", r"sample 0 \(the first is 0\) holds 'x' for input 'numbers'"),
    ],
)
def test_read_inputs_of_a_broken_file_is_told(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """What is wrong with a file is said in one sentence that begins with its name."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_inputs(path, [NUMBERS])
    assert str(caught.value).startswith(f"{path}: ")


def test_read_inputs_that_are_not_there(tmp_path: Path) -> None:
    """A name without a file is said to be one."""
    with pytest.raises(InputError, match="there is no such file or folder"):
        read_inputs(tmp_path / "in.npy", [NUMBERS])


@pytest.mark.parametrize(
    "text", ["1,2\n3,4\n", "a,b\n1,2\n3,4\n", "numbers.1,y,numbers.0\n2,9,1\n4,9,3\n"]
)
def test_read_inputs_of_a_table(tmp_path: Path, text: str) -> None:
    """Columns are the values of the one input, or are called by its name; a head is optional."""
    asked = read_inputs(write(tmp_path, text), [NUMBERS])
    assert asked.arrays["numbers"].tolist() == [[1, 2], [3, 4]]


def test_read_inputs_of_a_table_with_several_inputs(tmp_path: Path) -> None:
    """Each input has its columns by name, texts too; a comma within a text is one."""
    path = write(tmp_path, 'text,age,numbers.0,numbers.1\n"a, b",3,1,2\nc,4,3,4\n')
    age = Tensor("age", (None, 1), "int32")
    arrays = read_inputs(path, [NUMBERS, age, TEXT]).arrays
    assert arrays["numbers"].tolist() == [[1, 2], [3, 4]]
    assert arrays["age"].tolist() == [[3], [4]]
    assert arrays["text"].tolist() == ["a, b", "c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a great day\n", "holds no samples below the names a great day"),
        ("other\na great day\n", r"expected 1 column\(s\), text; have other"),
    ],
)
def test_read_inputs_of_texts_need_a_head(tmp_path: Path, text: str, message: str) -> None:
    """Nobody can tell a text from the name of a column: no first sample is lost silently."""
    with pytest.raises(InputError, match=message):
        read_inputs(write(tmp_path, text), [TEXT])


def test_read_inputs_of_a_table_fills_several_axes(tmp_path: Path) -> None:
    """Images often come as a table of their values, row by row."""
    asked = read_inputs(write(tmp_path, "1,2,3,4,5,6\n"), [IMAGE])
    assert asked.arrays["image"].tolist() == [[[[1], [2], [3]], [[4], [5], [6]]]]


def test_read_inputs_of_a_table_with_sizes_that_vary_is_refused(tmp_path: Path) -> None:
    """A table has one number of columns."""
    with pytest.raises(InputError, match="has sizes that vary"):
        read_inputs(write(tmp_path, "1,2\n"), [Tensor("x", (None, None), "float32")])


def save_image(path: Path, size: tuple[int, int] = (3, 2), colour: int = 51) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("L", size, colour).save(path)


def test_read_inputs_of_images_in_the_models_size(tmp_path: Path) -> None:
    """Files are taken in the order of their names, resized, and scaled where that is asked for."""
    save_image(tmp_path / "b.png", (30, 20), 255)
    save_image(tmp_path / "a.PNG")
    write(tmp_path, "no image", "notes.txt")
    asked = read_inputs(tmp_path, [IMAGE], scale=1 / 255)
    assert asked.labels == ("a.PNG", "b.png")
    assert asked.arrays["image"].shape == (2, 2, 3, 1)
    assert asked.arrays["image"][:, 0, 0, 0].tolist() == pytest.approx([0.2, 1.0])
    assert read_inputs(tmp_path, [IMAGE]).arrays["image"].max() == 255


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (NUMBERS, "images were given, but the model takes 'numbers'"),
        (Tensor("image", (None, None, None, 1), "float32"), r"different sizes \(3x2, 4x4\)"),
    ],
)
def test_read_inputs_of_images_that_do_not_fit(
    tmp_path: Path, tensor: Tensor, message: str
) -> None:
    """A model without images, or images of different sizes, are told."""
    save_image(tmp_path / "a.png")
    save_image(tmp_path / "b.png", (4, 4))
    with pytest.raises(InputError, match=message):
        read_inputs(tmp_path, [tensor])


def test_read_inputs_of_an_empty_or_broken_folder(tmp_path: Path) -> None:
    """No image is no input, and a broken one is told by its name."""
    pytest.importorskip("PIL.Image")
    with pytest.raises(InputError, match="holds no image"):
        read_inputs(tmp_path, [IMAGE])
    (tmp_path / "a.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(InputError, match=r"a.png: the image cannot be read"):
        read_inputs(tmp_path, [IMAGE])


def test_read_inputs_of_images_without_pillow_tells_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to install."""
    from sweeps.errors import MissingExtraError

    (tmp_path / "a.png").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'keras-sweeps\[images\]'"):
        read_inputs(tmp_path, [IMAGE])
