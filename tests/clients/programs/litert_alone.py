"""LiteRT where TensorFlow is not installed: ``litert_alone.py BUNDLE``."""

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

assert not any(map(importlib.util.find_spec, ("tensorflow", "keras", "sweeps")))

bundle = Path(sys.argv[1])
with np.load(bundle / "samples/inputs.npz") as file:
    inputs = {name: file[name] for name in file.files}
interpreter = Interpreter(str(bundle / "model.tflite"))
outputs = interpreter.get_signature_runner()(**inputs)
found = {name: array.tolist() for name, array in outputs.items()}
print(json.dumps({"outputs": found, "version": importlib.metadata.version("ai-edge-litert")}))
