"""LiteRT (once TensorFlow Lite), made from the SavedModel and proven in the ai-edge runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sweeps.bundles.formats._base import Replay
from sweeps.bundles.signature import Signature
from sweeps.paths import BundlePaths
from sweeps.training.arrays import Arrays


class LitertFormat:
    """`model.tflite`, for LiteRT on phones and small devices, with its built-in operations only.

    Recurrent layers (LSTM, GRU, Bidirectional), half precision and TextVectorization cannot be
    expressed in it.
    """

    made_from = "saved_model"
    runtime = "litert"
    loads_with: Mapping[str, str] = MappingProxyType({"ai_edge_litert": "ai-edge-litert"})
    writes_with: Mapping[str, str] = MappingProxyType({})
    extra = "litert"
    described = "LiteRT"
    usage = (
        "from ai_edge_litert.interpreter import Interpreter",
        "",
        'predict = Interpreter("model.tflite").get_signature_runner()',
    )

    @staticmethod
    def locate(bundle: BundlePaths) -> Path:
        """Give the file."""
        return bundle.litert

    @staticmethod
    def write(bundle: BundlePaths, signature: Signature) -> None:
        """Convert the SavedModel, which keeps the names of its signature."""
        del signature
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_saved_model(str(bundle.saved_model))
        bundle.litert.write_bytes(converter.convert())

    @staticmethod
    def open(bundle: BundlePaths, signature: Signature) -> Replay:
        """Load it in LiteRT."""
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(bundle.litert))
        names = [output.name for output in signature.outputs]

        def replay(inputs: Arrays) -> Mapping[str, Any]:
            # It resizes its inputs to the number of samples.
            given = interpreter.get_signature_runner()(**inputs)
            return {name: given[name].copy() for name in names}

        return replay
