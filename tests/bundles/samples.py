"""Models in bundles, made without a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.manifest import write_manifest
from sweeps.bundles.proving import Model, make_formats
from sweeps.paths import BundlePaths
from sweeps.training.arrays import write_arrays
from sweeps.training.data import Split
from sweeps.training.models import save_model
from sweeps.training.signature import take_samples


def draw(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def make_augmented() -> Any:
    """Make a classifier of images whose random layers have to be inactive when it is served."""
    return keras.Sequential(
        [
            keras.Input((6, 6, 1), name="image"),
            keras.layers.RandomTranslation(0.3, 0.3),
            keras.layers.RandomFlip(),
            keras.layers.Conv2D(2, 3, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(3, name="kind"),
        ]
    )


def write_model(folder: Path, model: Any, split: Split, module: str | None = None) -> Model:
    """Write what the process of a trial leaves: the model and its samples."""
    bundle = BundlePaths(folder)
    bundle.sample_inputs.parent.mkdir(parents=True)
    save_model(model, bundle.model)
    signature, inputs, outputs = take_samples(model, split)
    write_arrays(bundle.sample_inputs, inputs)
    write_arrays(bundle.sample_outputs, outputs)
    return Model(bundle, signature, custom_module=module)


def write_bundle(
    folder: Path,
    model: Any,
    split: Split,
    formats: Sequence[str],
    runtimes: Runtimes,
    module: str | None = None,
) -> dict[str, Any]:
    """Write a whole bundle, and return what its manifest says."""
    written = write_model(folder, model, split, module)
    assert written.signature is not None
    records = make_formats(written, formats, runtimes)
    manifest = {"sweep": "tiny", "trial": 7, "sweep_id": "a", "scores": {}, "formats": records}
    write_manifest(written.bundle, {**manifest, **written.signature})
    return manifest
