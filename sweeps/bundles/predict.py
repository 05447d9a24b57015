"""Predicts with the model of a bundle, on what was held against its signature before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sweeps.bundles.input_files import Asked, read_inputs
from sweeps.bundles.inputs import Array, Named, check_inputs, name_inputs
from sweeps.bundles.load import find_bundle, load_bundle
from sweeps.bundles.manifest import read_manifest
from sweeps.bundles.predictions import Predictions, check_output
from sweeps.bundles.signature import Signature
from sweeps.errors import BundleError
from sweeps.training.arrays import pack, unpack

Progress = Callable[[int, int], None]

BATCH_SIZE = 256


def predict(
    folder: str | Path,
    inputs: Any,
    *,
    batch_size: int = BATCH_SIZE,
    scale: float = 1.0,
    custom_module: str | Path | None = None,
) -> Any:
    """Predict with the model of a bundle, or of a sweep's bundle.

    The bundle's files are compared with its manifest, and the inputs with what the model takes,
    before the model is loaded.

    Args:
        folder: A bundle, or a sweep that has one.
        inputs: An array, samples first; for a model with several inputs a mapping by name, or a
            list in its order. Or the path of a ``.npy``, ``.npz`` or ``.csv`` file, or of a folder
            of images.
        batch_size: Samples that are predicted on at a time.
        scale: By what the values of images, 0 to 255, are multiplied.
        custom_module: As for `load`.

    Returns:
        What the model gives, in the form in which Keras gives it: an array, or a list or mapping
        of arrays.

    Raises:
        SweepNotFoundError: The folder is neither a sweep nor a bundle.
        NoLeaderError: The sweep has no bundle yet.
        BundleError: The bundle was changed, or does not say what its model takes.
        InputError: What was given does not fit the model; the message says where.
        MissingExtraError: Images are given, and Pillow is not installed.
    """
    found = predict_bundle(
        Path(folder), inputs, batch_size=batch_size, scale=scale, custom_module=custom_module
    )
    return pack(found.results, found.outputs)


def predict_bundle(  # noqa: PLR0913 - options by keyword only
    folder: Path,
    given: Any,
    *,
    batch_size: int = BATCH_SIZE,
    scale: float = 1.0,
    output: Path | None = None,
    custom_module: str | Path | None = None,
    progress: Progress = lambda done, total: None,  # noqa: ARG005
) -> Predictions:
    """Predict on arrays or on what a file holds.

    The input is read and checked before the model is loaded, which takes seconds.

    Args:
        folder: A bundle, or a sweep that has one.
        given: An array, a list or a mapping of arrays; or the path of a file or folder.
        batch_size: Samples that are predicted on at a time.
        scale: By what the values of images are multiplied.
        output: Where the predictions will be written, to be checked before any is made.
        custom_module: As for `load_bundle`.
        progress: Told how many samples are done, of how many.

    Raises:
        BundleError: The bundle was changed, or does not say what its model takes.
        InputError: What was given does not fit the model.
        OptionError: The predictions cannot be written to `output`.
    """
    bundle = find_bundle(folder)
    manifest = read_manifest(bundle)
    signature = _read_signature(folder, manifest)
    check_output(output, [tensor.name for tensor in signature.outputs])
    asked = _read(given, signature, scale)
    where = str(given) if isinstance(given, str | Path) else "inputs"
    arrays = check_inputs(asked.arrays, signature.inputs, where)
    model = load_bundle(folder, custom_module=custom_module)
    outputs = _predict(model, signature, arrays, batch_size, progress)
    class_names = tuple(manifest.get("class_names") or ())
    return Predictions(outputs, asked.labels, class_names, signature.results)


def _read_signature(folder: Path, manifest: dict[str, Any]) -> Signature:
    try:
        return Signature.from_json(manifest)
    except ValueError as error:
        told = manifest.get("samples_error") or error
        raise BundleError(
            f"{folder}: its manifest does not say what the model takes and gives ({told}). Load it "
            "with sweeps.load and call it."
        ) from error


def _read(given: Any, signature: Signature, scale: float) -> Asked:
    if isinstance(given, str | Path):
        return read_inputs(Path(given), signature.inputs, scale=scale)
    return Asked(name_inputs(given, signature.inputs, "inputs"))


def _predict(
    model: Any, signature: Signature, arrays: Named, batch_size: int, progress: Progress
) -> Named:
    """Predict batch by batch; where the samples lie in a file, no more than a batch is read."""
    fixed = [tensor.shape[0] for tensor in signature.inputs if tensor.shape[0] is not None]
    size = fixed[0] if fixed else batch_size
    total = len(next(iter(arrays.values())))
    parts: dict[str, list[Array]] = {tensor.name: [] for tensor in signature.outputs}
    for start in range(0, total, size):
        stop = min(start + size, total)
        batch = {name: _to_batch(array[start:stop]) for name, array in arrays.items()}
        given = unpack(signature.results, model.predict_on_batch(pack(signature.arguments, batch)))
        for name, values in given.items():
            parts[name].append(_to_rows(name, values, stop - start))
        progress(stop, total)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _to_batch(array: Array) -> Any:
    """Give texts as Keras takes them: NumPy's own kind of texts it does not know."""
    return array.astype(object) if array.dtype.kind in "SU" else np.asarray(array)


def _to_rows(name: str, values: Any, num_samples: int) -> Array:
    array = np.asarray(values)
    if array.ndim == 0 or len(array) != num_samples:
        raise BundleError(
            f"output {name!r} has the shape {array.shape} for {num_samples} samples; expected a "
            "row for each. Load the model with sweeps.load and call it as it wants."
        )
    return array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16
