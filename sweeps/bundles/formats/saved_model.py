"""A SavedModel whose endpoint computes inference.

``model.export`` of Keras 3.15 leaves random augmentation layers active when they are served, so
that each call gives something else. The endpoint here says ``training=False``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sweeps.bundles.formats._base import Replay
from sweeps.bundles.formats._graph import check_graph
from sweeps.bundles.signature import Signature
from sweeps.paths import BundlePaths
from sweeps.training.arrays import Arrays, pack, unpack

_ENDPOINT = "serve"
_DEFAULT = "serving_default"


class SavedModelFormat:
    """`saved_model/1/`, for TensorFlow, and TensorFlow Serving, which is given `saved_model/`.

    Random layers are inactive in it. ONNX and LiteRT files are made from it.
    """

    made_from = "keras"
    runtime = "tensorflow"
    loads_with: Mapping[str, str] = MappingProxyType({})
    writes_with: Mapping[str, str] = MappingProxyType({})
    extra = ""
    described = "TensorFlow SavedModel"
    usage = (
        "import tensorflow as tf",
        "",
        'model = tf.saved_model.load("saved_model/1")  # keep it: it owns the weights',
        'predict = model.signatures["serving_default"]',
    )

    @staticmethod
    def locate(bundle: BundlePaths) -> Path:
        """Give the folder that holds the versions of the model."""
        return bundle.saved_model.parent

    @staticmethod
    def write(bundle: BundlePaths, signature: Signature) -> None:
        """Trace the model's inference with the names of the signature."""
        import keras
        import tensorflow as tf

        from sweeps.training.models import load_model

        model = load_model(bundle.model)
        names = [tensor.name for tensor in signature.inputs]

        def infer(*arguments: Any) -> dict[str, Any]:
            inputs = pack(signature.arguments, dict(zip(names, arguments, strict=True)))
            return unpack(signature.results, model(inputs, training=False))

        specs = [
            tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name)
            for tensor in signature.inputs
        ]
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint(_ENDPOINT, infer, specs)
        archive.write_out(str(bundle.saved_model), verbose=False)

    @staticmethod
    def open(bundle: BundlePaths, signature: Signature) -> Replay:
        """Load it as TensorFlow Serving does, by its default signature.

        Raises:
            UnsafeModelError: It does more than to compute.
        """
        del signature
        import tensorflow as tf

        check_graph(bundle.saved_model)
        loaded = tf.saved_model.load(str(bundle.saved_model))

        def replay(inputs: Arrays) -> Mapping[str, Any]:
            # Only `loaded` keeps the variables alive: the signature alone would lose them.
            given = {name: tf.constant(array) for name, array in inputs.items()}
            return dict(loaded.signatures[_DEFAULT](**given))

        return replay
