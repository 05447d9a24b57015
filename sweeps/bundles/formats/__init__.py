"""The menu of formats in which a bundle holds its model."""

from __future__ import annotations

from sweeps.menu import Menu

FORMATS = Menu(
    "format",
    {
        "keras": "sweeps.bundles.formats.keras:KerasFormat",
        "saved_model": "sweeps.bundles.formats.saved_model:SavedModelFormat",
        "onnx": "sweeps.bundles.formats.onnx:OnnxFormat",
        "litert": "sweeps.bundles.formats.litert:LitertFormat",
    },
)
