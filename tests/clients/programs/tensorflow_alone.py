"""TensorFlow without Keras: ``tensorflow_alone.py BUNDLE`` loads the SavedModel."""

import json
import sys
from pathlib import Path

for name in ("sweeps", "keras"):
    sys.modules[name] = None

import numpy as np
import tensorflow as tf

bundle = Path(sys.argv[1])
with np.load(bundle / "samples/inputs.npz") as file:
    inputs = {name: tf.constant(file[name]) for name in file.files}
model = tf.saved_model.load(str(bundle / "saved_model/1"))
outputs = model.signatures["serving_default"](**inputs)
found = {name: array.numpy().tolist() for name, array in outputs.items()}
print(json.dumps({"outputs": found, "version": tf.__version__}))
