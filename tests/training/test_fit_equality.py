"""The compiled loop against `model.fit`, over generated combinations of what `fit` takes.

Values of two axes occur together in some case, for most pairs of axes. Both sides see the arrays as
they lie, so that the reference is `model.fit(x, y, ...)` itself, with its own adapter for arrays.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

from sweeps.training.data import Data, hold_out, load_data
from sweeps.training.epoch_loop import FitPlan, build_state, find_fit_reason, fit, weigh
from tests.training.samples import hash_arrays
from tests.training.unusual_models import (
    Lagging,
    NoisyByTensorFlow,
    OwnMetrics,
    OwnSteps,
    Penalized,
    TwoOptimizers,
)

BATCH_SIZE = 8
EPOCHS = 3
Case = dict[str, Any]

AXES: dict[str, list[Any]] = {
    "model": [
        "dense",
        "images",
        "sequences",
        "dicts",
        "lists",
        "own steps",
        "own metrics",
        "penalized",
        "tensorflow noise",
        "two optimizers",
    ],
    "optimizer": ["adam", "schedule", "average", "accumulation", "clipped"],
    "weights": ["none", "samples", "classes", "outputs"],
    "validation": ["none", "given", "split", "every second"],
    "num_samples": [24, 22],
    "callbacks": ["none", "early stopping", "rates", "stop at begin", "swap averages"],
    "precision": ["float32", "mixed_float16"],
}
_WARNED_OF = ("none", "every second")  # by EarlyStopping, where no loss of validation is there
NOT_PAIRED = {
    ("model", "optimizer"),
    ("model", "weights"),
    ("model", "validation"),
    ("model", "callbacks"),
    ("optimizer", "callbacks"),
}
"""Axes whose values stand together by chance only: else there would be 60 cases, not 20."""
SEVERAL_OUTPUTS = ("dicts", "lists")


def is_possible(case: Case) -> bool:
    """Leave out what Keras refuses, or what is no case of its own."""
    several = case.get("model") in SEVERAL_OUTPUTS
    wanted = {"classes": not several, "outputs": several}
    if "model" in case and not wanted.get(case.get("weights", ""), True):
        return False
    if case.get("callbacks") == "swap averages" and case.get("optimizer", "average") != "average":
        return False
    if case.get("callbacks") == "early stopping" and case.get("validation") in _WARNED_OF:
        return False
    if case.get("callbacks") == "rates" and case.get("optimizer") == "schedule":
        return False  # its rate cannot be set
    return _is_possible_in_half(case)


def _is_possible_in_half(case: Case) -> bool:
    if case.get("precision") == "mixed_float16":
        # Keras' optimizer that scales the loss hides the averages from the callback, and the second
        # optimizer does not scale.
        return case.get("callbacks") != "swap averages" and case.get("model") != "two optimizers"
    return True


def make_cases(seed: int = 0, tries: int = 40) -> list[Case]:
    """Cover each pair that is to stand together, by adding the best of random cases."""
    draw = random.Random(seed)
    missing = set(list_pairs())
    cases: list[Case] = []
    while missing:
        wanted = min(missing, key=lambda pair: sorted(map(str, pair)))
        found = [complete(dict(wanted), draw) for _ in range(tries)]
        best = max(found, key=lambda case: len(missing & pairs_of(case)))
        missing -= pairs_of(best)
        cases.append(best)
    return cases


def list_pairs() -> Iterator[frozenset[tuple[str, Any]]]:
    """List the pairs of values that are to occur in some case, as far as they are possible."""
    for one, other in set(itertools.combinations(AXES, 2)) - NOT_PAIRED:
        for values in itertools.product(AXES[one], AXES[other]):
            if is_possible(dict(zip((one, other), values, strict=True))):
                yield frozenset(zip((one, other), values, strict=True))


def complete(case: Case, draw: random.Random) -> Case:
    """Fill the axes that are open."""
    while True:
        full = {name: case.get(name, draw.choice(values)) for name, values in AXES.items()}
        if is_possible(full):
            return full


def pairs_of(case: Case) -> set[frozenset[tuple[str, Any]]]:
    """List the pairs that a case covers."""
    return {frozenset(pair) for pair in itertools.combinations(case.items(), 2)}


def test_make_cases_covers_every_pair() -> None:
    """The generator keeps what it promises, with one fixed seed."""
    covered = set().union(*map(pairs_of, CASES))
    assert covered >= set(list_pairs())


def make_optimizer(name: str) -> Any:
    optimizers = keras.optimizers
    make: dict[str, Callable[[], Any]] = {
        "adam": lambda: optimizers.Adam(0.01),
        "schedule": lambda: optimizers.SGD(
            optimizers.schedules.CosineDecay(0.1, 6), momentum=0.9, nesterov=True
        ),
        "average": lambda: optimizers.AdamW(
            0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=4
        ),
        "accumulation": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=2),
        "clipped": lambda: optimizers.RMSprop(0.01, global_clipnorm=0.5),
    }
    return make[name]()


LAYERS: dict[str, Callable[[], list[Any]]] = {
    "images": lambda: [
        keras.layers.Reshape((4, 4, 1)),
        keras.layers.RandomTranslation(0.2, 0.2),
        keras.layers.Conv2D(3, 3),
        keras.layers.BatchNormalization(),
        keras.layers.GaussianNoise(0.1),
        keras.layers.Flatten(),
    ],
    "sequences": lambda: [
        keras.layers.Reshape((4, 4)),
        keras.layers.LSTM(4, dropout=0.2, recurrent_dropout=0.2),
    ],
    "penalized": lambda: [keras.layers.Dense(5, kernel_regularizer="l2"), Penalized()],
    "tensorflow noise": lambda: [NoisyByTensorFlow(), keras.layers.Dense(4)],
}
KINDS = {"own steps": OwnSteps, "own metrics": OwnMetrics, "two optimizers": TwoOptimizers}


def make_model(case: Case) -> Any:
    """Build the model of a case, the same one at every call."""
    keras.utils.set_random_seed(1)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(case["precision"])
    try:
        name = case["model"]
        build = _make_branching if name in SEVERAL_OUTPUTS else _make_straight
        model = build(name)
        find = _find_branching_options if name in SEVERAL_OUTPUTS else _find_straight_options
        options = find(model)
        model.compile(make_optimizer(case["optimizer"]), **options)
    finally:
        keras.config.set_dtype_policy(before)
    return model


def _make_straight(name: str) -> Any:
    inputs = keras.Input((16,))
    outputs = inputs
    hidden = [keras.layers.Dense(5, activation="relu"), keras.layers.Dropout(0.3)]
    for layer in LAYERS.get(name, lambda: hidden)():
        outputs = layer(outputs)
    outputs = keras.layers.Dense(3, dtype="float32")(outputs)
    return KINDS.get(name, keras.Model)(inputs, outputs)


def _find_straight_options(model: Any) -> dict[str, Any]:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if isinstance(model, OwnSteps):
        return {"loss": loss}  # `fit` fails on metrics that a step never calls
    return {
        "loss": loss,
        "metrics": ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2), Lagging()],
        "weighted_metrics": ["accuracy"],
    }


def _make_branching(name: str) -> Any:
    left, right = keras.Input((10,), name="left"), keras.Input((6,), name="right")
    both = keras.layers.Concatenate()([keras.layers.Dense(4)(left), right])
    kind = keras.layers.Dense(3, name="kind", dtype="float32")(both)
    size = keras.layers.Dense(1, name="size", dtype="float32")(both)
    if name == "dicts":
        return keras.Model({"left": left, "right": right}, {"kind": kind, "size": size})
    return keras.Model([left, right], [kind, size])


def _find_branching_options(model: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "loss": {
            "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "size": "mse",
        },
        "loss_weights": {"kind": 1.0, "size": 0.3},
        "metrics": {"kind": ["accuracy"], "size": ["mae"]},
        "weighted_metrics": {"kind": ["accuracy"], "size": ["mse"]},
    }
    if isinstance(model.output, dict):
        return options
    return {key: list(value.values()) for key, value in options.items()}


def make_arrays(case: Case, num_samples: int, seed: int) -> tuple[Any, ...]:
    """Draw x, y and perhaps weights of samples."""
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(num_samples, 16)), draw.integers(0, 3, num_samples)
    weight = draw.uniform(0, 2, num_samples)
    arrays: Any = (x, y)
    if case["model"] in SEVERAL_OUTPUTS:
        pairs = ({"left": x[:, :10], "right": x[:, 10:]}, {"kind": y, "size": x[:, :1]})
        arrays = pairs if case["model"] == "dicts" else tuple(list(e.values()) for e in pairs)
    if case["weights"] == "outputs":
        each = {"kind": weight, "size": weight[::-1].copy()}
        weight = each if case["model"] == "dicts" else list(each.values())
    return arrays if case["weights"] in ("none", "classes") else (*arrays, weight)


class Calls(keras.callbacks.Callback):
    """Notes every hook that an epoch has, with what it is given and what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    def note(self, name: str, epoch: int | None, logs: Any) -> None:
        is_built = name not in ("train_begin", "epoch_begin")  # Keras builds with the first batch
        metrics = plain(self.model.get_metrics_result()) if is_built else None
        iterations = int(self.model.optimizer.iterations)
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        seen = (metrics, iterations, rate)
        self.calls.append((name, epoch, plain(logs), dict(self.params), seen))


def _make_hook(name: str) -> Callable[..., None]:
    if name.startswith("epoch"):
        return lambda self, epoch, logs=None: self.note(name, epoch, logs)
    return lambda self, logs=None: self.note(name, None, logs)


for _name in ("train_begin", "epoch_begin", "test_begin", "test_end", "epoch_end", "train_end"):
    setattr(Calls, f"on_{_name}", _make_hook(_name))


def plain(logs: Any) -> Any:
    """Give logs as pairs in their order, with arrays as lists."""
    return [(name, np.asarray(value).tolist()) for name, value in (logs or {}).items()]


class StopAtBegin(keras.callbacks.Callback):
    """Stops in a place where few do: Keras trains one batch of that epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = epoch == 1

    def on_test_begin(self, logs: Any = None) -> None:
        self.model.stop_evaluating = True


def make_callbacks(name: str) -> list[Any]:
    callbacks = keras.callbacks
    make: dict[str, Callable[[], list[Any]]] = {
        "none": list,
        "early stopping": lambda: [
            callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True, mode="max")
        ],
        "rates": lambda: [
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.7),
            callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=1e9),
        ],
        "stop at begin": lambda: [StopAtBegin()],
        "swap averages": lambda: [callbacks.SwapEMAWeights()],
    }
    return make[name]()


def describe(model: Any, calls: Calls) -> Any:
    """Give all that must be equal: bits of every variable, history, and calls."""
    others = [optimizer.variables for optimizer in getattr(model, "others", ())]
    found = [*model.variables, *model.optimizer.variables, *itertools.chain(*others)]
    arrays = [np.asarray(variable) for variable in [*found, *model.metrics_variables]]
    history = {name: plain(dict(enumerate(v))) for name, v in model.history.history.items()}
    return hash_arrays(arrays), (model.history.epoch, history), calls.calls


def train_with_keras(case: Case) -> Any:
    """Call `model.fit` with arrays, as a user does."""
    x, y, *weight = make_arrays(case, case["num_samples"], 0)
    calls = Calls()
    model = make_model(case)
    is_given = case["validation"] in ("given", "every second")
    model.fit(
        x,
        y,
        sample_weight=weight[0] if weight else None,
        class_weight={0: 0.5, 2: 3.0} if case["weights"] == "classes" else None,
        validation_split=0.3 if case["validation"] == "split" else 0.0,
        validation_data=make_arrays(case, 11, 1) if is_given else None,
        validation_freq=2 if case["validation"] == "every second" else 1,
        callbacks=[*make_callbacks(case["callbacks"]), calls],
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
    )
    return describe(model, calls)


def train_with_loop(case: Case) -> Any:
    """Train the same in the compiled loop, with data as the data function returns it."""
    is_given = case["validation"] in ("given", "every second")
    splits = {"train": make_arrays(case, case["num_samples"], 0)}
    if is_given:
        splits["validation"] = make_arrays(case, 11, 1)
    data: Data = load_data(lambda: splits)
    plan = weigh(
        FitPlan(
            hold_out(data, 0.3 if case["validation"] == "split" else None),
            BATCH_SIZE,
            EPOCHS,
            validation_freq=2 if case["validation"] == "every second" else 1,
            class_weight={0: 0.5, 2: 3.0} if case["weights"] == "classes" else None,
        )
    )
    calls = Calls()
    model = make_model(case)
    callbacks = [*make_callbacks(case["callbacks"]), calls]
    build_state(model, plan.data.train, BATCH_SIZE)
    assert find_fit_reason(model, plan.data, callbacks, batch_size=BATCH_SIZE) == ""
    fit(model, plan, callbacks, compiled=True)
    return describe(model, calls)


CASES = make_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_compiled_loop_equals_fit(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights by hash, history by equality, calls of callbacks by equality."""
    monkeypatch.setattr(
        "sweeps.training.epoch_loop.draw_order", lambda seed, epoch, num: np.arange(num)
    )
    expected, found = train_with_keras(case), train_with_loop(case)
    assert found[2] == expected[2]
    assert found[1] == expected[1]
    assert found[0] == expected[0]
