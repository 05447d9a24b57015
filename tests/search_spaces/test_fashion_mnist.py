"""Reading Fashion-MNIST's files from where people have them, on tiny files of the same form."""

from __future__ import annotations

import gzip
import importlib.util
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SOURCE = Path(__file__).parents[2] / "search_spaces" / "fashion_mnist_model.py"


@pytest.fixture(scope="module")
def clothing() -> ModuleType:
    spec = importlib.util.spec_from_file_location(SOURCE.stem, SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("packed", [True, False])
def test_load_reads_plain_and_packed_files(
    clothing: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    """The validation split is carved from the end of the training file; the test file stays."""
    write_data_set(tmp_path, packed=packed)
    monkeypatch.setenv("FASHION_MNIST_DIR", str(tmp_path))
    monkeypatch.setattr(clothing, "NUM_VALIDATION", 2)
    splits = clothing.load()
    assert {name: (x.shape, y.tolist()) for name, (x, y) in splits.items()} == {
        "train": ((4, 28, 28, 1), [0, 1, 2, 3]),
        "validation": ((2, 28, 28, 1), [4, 5]),
        "test": ((3, 28, 28, 1), [0, 1, 2]),
    }
    assert splits["train"][0].dtype == np.uint8
    assert splits["validation"][0][0, 0, 0, 0] == 4


def test_load_named_folder_without_files_tells_both_ways(
    clothing: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is named is the only one looked into, and the message says what to do."""
    monkeypatch.setenv("FASHION_MNIST_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        clothing.load()
    assert str(tmp_path) in str(caught.value)
    assert "Set FASHION_MNIST_DIR to the folder" in str(caught.value)
    assert "apt-get install dataset-fashion-mnist" in str(caught.value)


def test_load_without_variable_looks_where_debian_puts_them(
    clothing: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's package is found without any setting."""
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    monkeypatch.setattr(clothing, "PREFIXES", (tmp_path / "local", tmp_path))
    folder = tmp_path / "share/datasets/fashion-mnist"
    folder.mkdir(parents=True)
    write_data_set(folder, packed=True)
    assert clothing.find_folder() == folder


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip", b"\x00\x00\x08\x01\x00\x00\x00\x05abc"]
)
def test_read_idx_of_something_else_is_refused(
    clothing: ModuleType, tmp_path: Path, content: bytes
) -> None:
    """A file that is cut short or no IDX file is named."""
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte: expected an IDX file"):
        clothing.read_idx(tmp_path / "train-labels-idx1-ubyte")


def test_build_gives_a_compiled_model(clothing: ModuleType) -> None:
    """The model takes bytes as they are in the files and logs the metric of the objective."""
    import keras_tuner

    model = clothing.build(keras_tuner.HyperParameters())
    images, labels = np.zeros((3, 28, 28, 1), "uint8"), np.array([0, 1, 2])
    scores = model.evaluate(images, labels, verbose=0, return_dict=True)
    assert set(scores) == {"loss", "accuracy"}


def write_data_set(folder: Path, *, packed: bool) -> None:
    for part, size in (("train", 6), ("t10k", 3)):
        images = np.repeat(np.arange(size, dtype="uint8"), 28 * 28).reshape(size, 28, 28)
        write_idx(folder / f"{part}-images-idx3-ubyte", images, packed=packed)
        labels = np.arange(size, dtype="uint8")
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels, packed=packed)


def write_idx(path: Path, array: np.ndarray, *, packed: bool) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.tobytes()
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)
