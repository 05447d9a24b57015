"""Where the time of one short trial goes, beside the arithmetic.

Run from the repository: ``python benchmarks/short_trial.py [--quick] [--json FILE]``. A dense and a
small convolutional network are trained for 5 epochs on 10,000 images of 28x28 with one thread, as a
trial process does it, with its checkpoints and reports. Seconds are those of the processor, in all
threads, so that what else runs on the machine changes little. ``arithmetic`` is what the epochs
after the first one take, times all epochs; ``efficiency`` is its share.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
import tensorflow as tf

from benchmarks.figures import Column, Figures, make_parser
from sweeps.paths import TrialPaths
from sweeps.spec.model import Objective, SweepSpec, Training
from sweeps.training import behind, epoch_loop, runtime, train
from sweeps.training.channel import Channel

EPOCHS = 5
BATCH_SIZE = 128
NUM_SAMPLES = 10_000
MODELS = ("dense", "convolutional")
COLUMNS = (
    Column("part", "seconds of the processor"),
    *(Column(name, name, ".3f") for name in MODELS),
)
PARTS = {
    "load data": (train, "take_data"),
    "build model": (train, "build_model"),
    "build optimizer and metrics": (train, "build_state"),
    "find what is saved where": (train, "_make_saver"),
    "train": (epoch_loop, "_train_segments"),
    "validate": (epoch_loop, "_validate"),
    "write checkpoints and report": (behind, "_do"),
}


class Answers:
    """Answers what a trial asks, as a supervisor would that has nothing else to do."""

    def report(self, epoch: int, value: float | None, best: float | None) -> str:
        """Let every epoch be followed by the next."""
        del epoch, value, best
        return "continue"

    def progress(self) -> str:
        """Let it train on."""
        return "continue"

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def main(arguments: Sequence[str] | None = None) -> None:
    """Train both models, print where the time went, and write JSON where asked."""
    parser = make_parser(__doc__, "a tenth of the data")
    options = parser.parse_args(arguments)
    figures = Figures("short_trial", COLUMNS, seeds=[0])
    tf.constant(1.0).numpy()  # starts TensorFlow, which every process does once
    found = {name: measure(name, is_quick=options.quick) for name in MODELS}
    figures.rows = [
        {"part": part, **{name: row[part] for name, row in found.items()}}
        for part in found[MODELS[0]]
    ]
    figures.print()
    figures.write(options.json)


def measure(name: str, *, is_quick: bool) -> dict[str, float]:
    """Train one model as a trial; returns seconds by part."""
    spec = SweepSpec(
        name="short",
        model=f"{__file__}:build_{name}",
        data=f"{__file__}:{'load_tenth' if is_quick else 'load'}",
        objective=Objective(metric="val_accuracy", direction="maximize"),
        training=Training(epochs=EPOCHS, batch_size=BATCH_SIZE),
    )
    channel: Channel = Answers()  # type: ignore[assignment]
    times: dict[str, list[float]] = defaultdict(list)
    originals = {part: getattr(*place) for part, place in PARTS.items()}
    for part, (module, attribute) in PARTS.items():
        setattr(module, attribute, _watch(originals[part], times[part]))
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        attempt = train.Attempt(0, 1, {}, 0)
        train.train_trial(spec, TrialPaths(Path(folder) / "0000"), attempt, channel)
        total = time.process_time() - began
    for part, (module, attribute) in PARTS.items():
        setattr(module, attribute, originals[part])
    return _summarize(times, total)


def _summarize(times: dict[str, list[float]], total: float) -> dict[str, float]:
    later = {part: float(np.median(times[part][1:])) for part in ("train", "validate")}
    first = sum(times[part][0] - later[part] for part in later)
    row = {part: sum(each) for part, each in times.items() if part not in later}
    arithmetic = EPOCHS * sum(later.values())
    row |= {"trace and prepare graphs": first, "arithmetic": arithmetic, "total": total}
    return row | {"efficiency": arithmetic / total}


def _watch(function: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    def watched(*arguments: Any, **options: Any) -> Any:
        began = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            seconds.append(time.process_time() - began)

    return watched


def load(num_samples: int = NUM_SAMPLES) -> Any:
    """Draw images and classes; they only have to be computed with."""
    draw = np.random.default_rng(0)
    return tuple(
        (draw.random((size, 28, 28), dtype="float32"), draw.integers(0, 10, size))
        for size in (num_samples, num_samples // 5)
    )


def load_tenth() -> Any:
    """Draw less, for the short form."""
    return load(NUM_SAMPLES // 10)


def build_dense(hp: Any) -> Any:
    """Build a dense network of 102,000 weights."""
    del hp
    return _compile([keras.layers.Flatten(), keras.layers.Dense(128, activation="relu")])


def build_convolutional(hp: Any) -> Any:
    """Build a small convolutional network."""
    del hp
    layers = [keras.layers.Reshape((28, 28, 1))]
    for filters in (8, 16):
        layers += [keras.layers.Conv2D(filters, 3, activation="relu"), keras.layers.MaxPooling2D()]
    return _compile([*layers, keras.layers.Flatten()])


def _compile(layers: list[Any]) -> Any:
    last = [keras.layers.Dropout(0.2), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28)), *layers, *last])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


if __name__ == "__main__":
    runtime.set_threads(1)
    main()
