"""Fashion-MNIST: the data and the models of `fashion_mnist.yaml`.

The images are read from the four IDX files that everybody who has the data set has, packed with
gzip or not; nothing is downloaded.
"""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

VARIABLE = "FASHION_MNIST_DIR"
SHARED = Path("share", "datasets", "fashion-mnist")  # Debian's place below /usr
PREFIXES = (Path(sys.prefix), Path("/usr/local"), Path("/usr"))
FIRST_FILE = "train-images-idx3-ubyte"
NUM_VALIDATION = 10_000


def load() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read 70,000 images of 28x28 bytes, and the kind of clothing, 0..9, that each of them shows.

    The last 10,000 images of the training file are for validation: the file is in random order
    already, and so the split is the same on every machine. The test file stays the test.

    Returns:
        Three splits of ``(x, y)``: x is uint8 of shape ``(images, 28, 28, 1)``, y holds 0..9.

    Raises:
        FileNotFoundError: The files are in none of the places where they are looked for.
        ValueError: A file is no IDX file of bytes.
    """
    folder = find_folder()
    x, y = read_pair(folder, "train")
    return {
        "train": (x[:-NUM_VALIDATION], y[:-NUM_VALIDATION]),
        "validation": (x[-NUM_VALIDATION:], y[-NUM_VALIDATION:]),
        "test": read_pair(folder, "t10k"),
    }


def build(hp: Any) -> keras.Model:
    """Build and compile one convolutional network; `hp` gives the values that this trial tries."""
    inputs = keras.Input((28, 28, 1), dtype="uint8", name="image")
    hidden = keras.layers.Rescaling(1 / 255)(inputs)
    filters = hp.Int("filters", 8, 32, step=8)
    for block in range(hp.Int("blocks", 1, 3, default=2)):
        hidden = add_block(hp, hidden, filters * 2**block)
    hidden = keras.layers.Flatten()(hidden)
    hidden = keras.layers.Dense(hp.Int("units", 32, 128, step=32), activation="relu")(hidden)
    hidden = keras.layers.Dropout(hp.Float("dropout", 0.0, 0.5))(hidden)
    outputs = keras.layers.Dense(10, activation="softmax", name="clothing")(hidden)
    model = keras.Model(inputs, outputs, name="fashion_mnist")
    model.compile(
        optimizer=keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def add_block(hp: Any, hidden: Any, filters: int) -> Any:
    hidden = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(hidden)
    if hp.Boolean("batch_normalization", default=True):
        hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.ReLU()(hidden)
    return keras.layers.MaxPooling2D()(hidden)


def find_folder() -> Path:
    """Find the folder that holds the files: the one you name, or else Debian's."""
    named = os.environ.get(VARIABLE)
    folders = [Path(named)] if named else [prefix / SHARED for prefix in PREFIXES]
    for folder in folders:
        if any((folder / name).is_file() for name in (FIRST_FILE, f"{FIRST_FILE}.gz")):
            return folder
    looked = ", ".join(str(folder) for folder in folders)
    raise FileNotFoundError(
        f"Fashion-MNIST: no file {FIRST_FILE}[.gz] in {looked}. "
        f"Set {VARIABLE} to the folder that holds the four IDX files, "
        "or, on Debian and Ubuntu, run: apt-get install dataset-fashion-mnist"
    )


def read_pair(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and the labels of ``train`` or ``t10k``."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte")
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte")
    return images[..., np.newaxis], labels.astype("int32")


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, under its name or its name with ``.gz``.

    The format: two zero bytes, the type (8: unsigned byte), the number of dimensions, each size as
    a big-endian 32-bit number, then the values.
    """
    packed = path.with_name(f"{path.name}.gz")
    content = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
    num_dimensions = content[3] if content[:3] == b"\x00\x00\x08" else 0
    start = 4 + 4 * num_dimensions
    shape = np.frombuffer(content[4:start], ">u4").astype(int)
    if not num_dimensions or len(content) != start + shape.prod():
        raise ValueError(f"{path}: expected an IDX file of unsigned bytes; download it again.")
    return np.frombuffer(content, "uint8", offset=start).reshape(shape)
