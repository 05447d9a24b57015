"""Plain Keras: ``plain_keras.py BUNDLE``. This package cannot be imported here."""

import json
import sys
from pathlib import Path

sys.modules["sweeps"] = None

import keras
import numpy as np

bundle = Path(sys.argv[1])
with np.load(bundle / "samples/inputs.npz") as file:
    inputs = {name: file[name] for name in file.files}
model = keras.saving.load_model(bundle / "model.keras")
outputs = model.predict(inputs["image"], verbose=0)
print(json.dumps({"outputs": {"half": outputs.tolist()}, "version": keras.__version__}))
