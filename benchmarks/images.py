"""Images to learn from: Fashion-MNIST where it is installed, else digits of the same shape."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

SPACES = Path(__file__).parents[1] / "search_spaces"
SHARED = Path("share", "datasets", "fashion-mnist")  # of Debian's package dataset-fashion-mnist
PREFIXES = (Path(sys.prefix), Path("/usr/local"), Path("/usr"))


def read_images(path: Path, num_train: int, num_validation: int) -> str:
    """Write the first images for training and validation to an ``.npz`` file, 28x28 bytes each.

    Args:
        path: The file: ``x_train``, ``y_train``, ``x_validation``, ``y_validation``.
        num_train: Images for training.
        num_validation: Images for validation, from the end of the same set.

    Returns:
        What data it is.
    """
    try:
        x, y = _read_fashion()
        name = "Fashion-MNIST"
    except FileNotFoundError:
        x, y = _enlarge_digits(num_train + num_validation)
        name = "digits, enlarged (Fashion-MNIST is not installed)"
    arrays = {
        "x_train": x[:num_train],
        "y_train": y[:num_train],
        "x_validation": x[-num_validation:],
        "y_validation": y[-num_validation:],
    }
    np.savez(path, **arrays)
    return name


def _read_fashion() -> tuple[Any, Any]:
    named = os.environ.get("FASHION_MNIST_DIR")
    folders = [Path(named)] if named else [prefix / SHARED for prefix in PREFIXES]
    folder = next((each for each in folders if list(each.glob("train-images*"))), None)
    if folder is None:
        raise FileNotFoundError("Fashion-MNIST")
    images, labels = (
        _read_idx(folder / f"train-{part}-ubyte") for part in ("images-idx3", "labels-idx1")
    )
    return images[..., np.newaxis], labels.astype("int32")


def _read_idx(path: Path) -> Any:
    """Read an IDX file of bytes, packed or not: four bytes, each size in four, the values."""
    packed = path.with_name(f"{path.name}.gz")
    content = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
    start = 4 + 4 * content[3]
    shape = np.frombuffer(content[4:start], ">u4").astype(int)
    return np.frombuffer(content, "uint8", offset=start).reshape(shape)


def _enlarge_digits(wanted: int) -> tuple[Any, Any]:
    """Enlarge the 1,797 digits of the repository to 28x28, with noise, as many as are wanted."""
    with np.load(SPACES / "digits.npz") as file:
        x, y = file["x"], file["y"]
    generator = np.random.default_rng(0)
    chosen = generator.integers(0, len(y), wanted)
    large = np.kron(x[chosen], np.ones((3, 3)))  # 24x24
    large = np.pad(large, ((0, 0), (2, 2), (2, 2))) * (255 / 16)
    noisy = np.clip(large + generator.normal(0, 40, large.shape), 0, 255)
    return noisy.astype("uint8")[..., np.newaxis], y[chosen].astype("int32")
