"""ONNX Runtime where TensorFlow is not installed: ``onnx_alone.py BUNDLE``."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

assert not any(map(importlib.util.find_spec, ("tensorflow", "keras", "sweeps")))

bundle = Path(sys.argv[1])
with np.load(bundle / "samples/inputs.npz") as file:
    inputs = {name: file[name] for name in file.files}
session = onnxruntime.InferenceSession(
    str(bundle / "model.onnx"), providers=["CPUExecutionProvider"]
)
names = [each.name for each in session.get_outputs()]
outputs = dict(zip(names, session.run(names, inputs), strict=True))
found = {name: array.tolist() for name, array in outputs.items()}
print(json.dumps({"outputs": found, "version": onnxruntime.__version__}))
