"""Keras' own format: the one that all others are made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sweeps.bundles.formats._base import Replay
from sweeps.bundles.signature import Signature
from sweeps.paths import BundlePaths
from sweeps.training.arrays import Arrays, unpack


class KerasFormat:
    """`model.keras`, for Keras itself. It is in every bundle, and the others are made from it."""

    made_from = None
    runtime = "tensorflow"
    loads_with: Mapping[str, str] = MappingProxyType({})
    writes_with: Mapping[str, str] = MappingProxyType({})
    extra = ""
    described = "Keras"
    usage = ("import keras", "", 'model = keras.saving.load_model("model.keras")')

    @staticmethod
    def locate(bundle: BundlePaths) -> Path:
        """Give the file."""
        return bundle.model

    @staticmethod
    def write(bundle: BundlePaths, signature: Signature) -> None:
        """Do nothing: the process that knows the trial has written it."""

    @staticmethod
    def open(bundle: BundlePaths, signature: Signature) -> Replay:
        """Load the model as `sweeps.load` does."""
        from sweeps.training.models import load_model
        from sweeps.training.signature import predict

        model = load_model(bundle.model)

        def replay(inputs: Arrays) -> Mapping[str, Any]:
            given = predict(model, signature.arguments, inputs)
            return unpack(signature.results, given)

        return replay
