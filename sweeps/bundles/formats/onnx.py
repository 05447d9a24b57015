"""ONNX, made from the SavedModel by tf2onnx and proven in ONNX Runtime."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sweeps.bundles.formats._base import Replay
from sweeps.bundles.signature import Signature
from sweeps.paths import BundlePaths
from sweeps.training.arrays import Arrays

_OPSET = 18


class OnnxFormat:
    """`model.onnx`, for ONNX Runtime and what else reads ONNX.

    Not every layer can be expressed in it: exact gelu, Discretization and
    TextVectorization cannot.
    """

    made_from = "saved_model"
    runtime = "onnxruntime"
    loads_with: Mapping[str, str] = MappingProxyType({"onnxruntime": "onnxruntime"})
    writes_with: Mapping[str, str] = MappingProxyType({"tf2onnx": "tf2onnx"})
    extra = "onnx"
    described = "ONNX"
    usage = (
        "import onnxruntime",
        "",
        'session = onnxruntime.InferenceSession("model.onnx")',
    )

    @staticmethod
    def locate(bundle: BundlePaths) -> Path:
        """Give the file."""
        return bundle.onnx

    @staticmethod
    def write(bundle: BundlePaths, signature: Signature) -> None:
        """Convert the SavedModel, which keeps the names of its signature."""
        del signature
        from tf2onnx import convert

        # Its command line is what tf2onnx documents for a SavedModel; this process is ours alone.
        source, target = str(bundle.saved_model), str(bundle.onnx)
        sys.argv = ["tf2onnx", "--saved-model", source, "--output", target, "--opset", str(_OPSET)]
        convert.main()

    @staticmethod
    def open(bundle: BundlePaths, signature: Signature) -> Replay:
        """Load it in ONNX Runtime, on the CPU."""
        del signature
        import onnxruntime

        session = onnxruntime.InferenceSession(str(bundle.onnx), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]

        def replay(inputs: Arrays) -> Mapping[str, Any]:
            return dict(zip(names, session.run(names, dict(inputs)), strict=True))

        return replay
