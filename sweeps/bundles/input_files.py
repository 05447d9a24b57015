"""Reads what a model is asked about from a file: arrays, a table, or a folder of images."""

from __future__ import annotations

import csv
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sweeps.bundles.inputs import Array, Named, name_inputs
from sweeps.bundles.signature import Tensor
from sweeps.errors import InputError, MissingExtraError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_COLOURS = {1: "grayscale", 3: "rgb", 4: "rgba"}


@dataclass(frozen=True)
class Asked:
    """What a file asks about.

    Attributes:
        arrays: By name of the input, samples first.
        labels: A name for each sample, such as that of its file; empty where there is none.
    """

    arrays: Named
    labels: tuple[str, ...] = ()


def read_inputs(path: Path, tensors: Sequence[Tensor], *, scale: float = 1.0) -> Asked:
    """Read inputs; the kind of file is told by its name.

    Args:
        path: A ``.npy``, ``.npz`` or ``.csv`` file, or a folder of images.
        tensors: The model's inputs.
        scale: By what the values of images, 0 to 255, are multiplied.

    Raises:
        InputError: The file is none of these, or does not hold what the model takes.
        MissingExtraError: Images are given, and Pillow is not installed.
    """
    if path.is_dir():
        return _read_images(path, tensors, scale)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file or folder.")
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return Asked(name_inputs(_load_arrays(path), tensors, str(path)))
    if suffix == ".csv":
        return Asked(_read_table(path, tensors))
    raise InputError(
        f"{path}: expected a .npy, .npz or .csv file, or a folder of images, by its name."
    )


def _load_arrays(path: Path) -> Any:
    """Load arrays. What only pickle could read is refused: it would run code."""
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if not hasattr(loaded, "files"):
                raise InputError(f"{path}: holds a single array; call it .npy.")
            return {name: loaded[name] for name in loaded.files}
    except (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        told = str(error).partition("\n")[0].rstrip(".")
        if "pickle" in told.lower() or "python objects" in told.lower():
            told = "it holds Python objects, which are never loaded; save plain numbers or texts"
        raise InputError(f"{path}: not a file of arrays ({told}).") from error


def _read_table(path: Path, tensors: Sequence[Tensor]) -> Named:
    """Read a table whose columns are inputs, or the values of one."""
    head, rows = _read_rows(path)
    if not rows:
        below = f" below the names {', '.join(head)}" if head else ""
        raise InputError(f"{path}: holds no samples{below}.")
    by_name = {tensor.name: _find_columns(tensor, head) for tensor in tensors}
    if None in by_name.values() and any(map(_is_number, head)):
        other = next(cell for cell in head if not _is_number(cell))
        raise InputError(
            f"{path}: its first row holds {other!r} beside numbers, so that it is neither a sample "
            "nor a line with the names of the inputs."
        )
    is_alone = len(tensors) == 1 and tensors[0].dtype != "string"  # a text may be a column's name
    if is_alone and by_name[tensors[0].name] is None and not _names_parts(head, tensors[0]):
        by_name = {tensors[0].name: list(range(len(rows[0])))}
    return {
        tensor.name: _take_columns(path, tensor, by_name[tensor.name], head, rows)
        for tensor in tensors
    }


def _read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Read a table, with or without a line of names: a first line that is numbers is data."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a table in UTF-8 ({error}).") from error
    if not rows:
        return [], []
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise InputError(
                f"{path}: row {number} has {len(row)} values, but the first one {len(rows[0])}."
            )
    has_names = not all(_is_number(cell) for cell in rows[0])
    return (rows[0], rows[1:]) if has_names else ([], rows)


def _find_columns(tensor: Tensor, head: Sequence[str]) -> list[int] | None:
    """Find the columns of an input: one of its name, or ``name.0``, ``name.1`` and so on."""
    columns = [name.strip() for name in head]
    size = _count_values(tensor)
    if size == 1 and columns.count(tensor.name) == 1:
        return [columns.index(tensor.name)]
    names = [f"{tensor.name}.{index}" for index in range(size or 0)]
    if names and all(columns.count(name) == 1 for name in names):
        return [columns.index(name) for name in names]
    return None


def _names_parts(head: Sequence[str], tensor: Tensor) -> bool:
    """Tell whether columns are named after an input, so that their places are not to be trusted."""
    return any(name.strip().startswith(f"{tensor.name}.") for name in head)


def _take_columns(
    path: Path,
    tensor: Tensor,
    columns: Sequence[int] | None,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> Array:
    size = _count_values(tensor)
    if size is None:
        raise InputError(
            f"{path}: input {tensor.name!r} has sizes that vary {tensor.shape}, which a table "
            "cannot tell; give an .npy or .npz file."
        )
    if columns is None or len(columns) != size:
        wanted = tensor.name if size == 1 else f"{tensor.name}.0 to {tensor.name}.{size - 1}"
        have = ", ".join(head) if head else f"{len(rows[0])} columns without names"
        raise InputError(f"{path}: expected {size} column(s), {wanted}; have {have}.")
    cells = [[row[column] for column in columns] for row in rows]
    values = np.array(cells) if tensor.dtype == "string" else _to_numbers(path, cells, tensor)
    return values.reshape(len(rows), *(size or 1 for size in tensor.shape[1:]))


def _to_numbers(path: Path, cells: Sequence[Sequence[str]], tensor: Tensor) -> Array:
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        for number, row in enumerate(cells):
            for cell in row:
                if not _is_number(cell):
                    raise InputError(
                        f"{path}: sample {number} (the first is 0) holds {cell!r} for input "
                        f"{tensor.name!r}; expected a number."
                    ) from None
        raise


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _count_values(tensor: Tensor) -> int | None:
    sizes = tensor.shape[1:]
    return None if None in sizes else math.prod(size or 1 for size in sizes)


def _read_images(folder: Path, tensors: Sequence[Tensor], scale: float) -> Asked:
    """Read all images of a folder in the order of their names, in the size that the model takes."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise InputError(
            f"{folder}: holds no image; expected files such as {', '.join(IMAGE_SUFFIXES[:3])}."
        )
    if len(tensors) != 1 or len(tensors[0].shape) != 4 or tensors[0].shape[-1] not in _COLOURS:
        told = ", ".join(f"{tensor.name!r} {tensor.shape}" for tensor in tensors)
        raise InputError(
            f"{folder}: images were given, but the model takes {told}; expected one input of the "
            "shape (samples, height, width, channels)."
        )
    arrays = [_read_image(path, tensors[0]) for path in files]
    if len({array.shape for array in arrays}) > 1:
        sizes = ", ".join(sorted({f"{array.shape[1]}x{array.shape[0]}" for array in arrays}))
        raise InputError(f"{folder}: the images have different sizes ({sizes}); make them one.")
    values = np.stack(arrays)
    return Asked(
        {tensors[0].name: values if scale == 1.0 else values * np.float32(scale)},
        tuple(path.name for path in files),
    )


def _read_image(path: Path, tensor: Tensor) -> Array:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("reading images", package="pillow", extra="images") from error
    import keras

    height, width, channels = tensor.shape[1:]
    size = (height, width) if height and width else None
    try:
        image = keras.utils.load_img(path, color_mode=_COLOURS[channels or 3], target_size=size)
        array: Array = keras.utils.img_to_array(image, dtype="float32")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: the image cannot be read ({error}).") from error
    return array
