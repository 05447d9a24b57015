"""Tests of `sweeps.training.epoch_loop`: the compiled loop against `model.fit`, bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from sweeps.training.data import Data, Split
from sweeps.training.epoch_loop import FitPlan, build_state, find_fit_reason, fit, weigh
from sweeps.training.randomness import EpochSeeding, draw_order
from tests.training.samples import (
    BATCH_SIZE,
    NUM_SAMPLES,
    hash_variables,
    make_cnn,
    make_data,
    make_mlp,
    make_rnn,
    make_two_headed,
    make_two_headed_data,
)

SEED = 5
SCHEDULE = keras.optimizers.schedules.CosineDecay(0.1, 6)

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "sgd momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "clipnorm": lambda: keras.optimizers.RMSprop(0.01, clipnorm=0.5),
    "ema": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
    "ema overwriting": lambda: keras.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=2
    ),
    "accumulation": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "schedule": lambda: keras.optimizers.SGD(SCHEDULE),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
}


class Batches(keras.utils.PyDataset):
    """The same order, made without the package's own batches."""

    def __init__(self, arrays: Any) -> None:
        super().__init__()
        self.arrays = arrays
        self.order = np.arange(NUM_SAMPLES)

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        rows = self.order[index * BATCH_SIZE :][:BATCH_SIZE]
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)


def train_with_keras(model: Any, data: Data, **options: Any) -> tuple[str, Any]:
    """Call `model.fit` as a user would, on the order that the trial's seed asks for."""
    batches = Batches(data.train.arrays)

    def reorder(epoch: int, logs: Any) -> None:
        batches.order = draw_order(SEED, epoch + 1, NUM_SAMPLES)

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_begin=reorder), EpochSeeding(SEED)]
    history = model.fit(
        batches,
        epochs=3,
        validation_data=data.validation and data.validation.arrays,
        validation_batch_size=BATCH_SIZE,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
        **options,
    )
    return hash_variables(model), (history.epoch, history.history)


def train_with_fit(
    model: Any, data: Data, *, compiled: bool = True, **options: Any
) -> tuple[str, Any]:
    history = keras.callbacks.History()
    plan = FitPlan(data, BATCH_SIZE, epochs=3, seed=SEED, **options)
    build_state(model, data.train, BATCH_SIZE)
    callbacks = [EpochSeeding(SEED), history]
    assert find_fit_reason(model, data, callbacks) == ""
    fit(model, plan, callbacks, compiled=compiled)
    return hash_variables(model), (history.epoch, history.history)


def make_seeded(build: Callable[[], Any]) -> Any:
    keras.utils.set_random_seed(1)
    return build()


def check_equal(build: Callable[[], Any], data: Data, **options: Any) -> Any:
    expected = train_with_keras(make_seeded(build), data, **options)
    for compiled in (True, False):
        assert train_with_fit(make_seeded(build), data, compiled=compiled, **options) == expected
    return expected


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_is_bit_identical_to_keras_with_every_optimizer(name: str) -> None:
    """Weights, slots, averages, accumulated gradients and history equal those of `model.fit`."""
    check_equal(lambda: make_mlp(OPTIMIZERS[name]()), make_data())


def test_fit_is_bit_identical_to_keras_for_a_cnn_with_all_that_is_random() -> None:
    """Augmentation, noise, dropout and running statistics draw and count the same."""
    check_equal(make_cnn, make_data((6, 6, 1)))


def test_fit_is_bit_identical_to_keras_for_a_recurrent_model() -> None:
    """Recurrent dropout draws the same masks."""
    check_equal(make_rnn, make_data((5, 2)))


def test_fit_is_bit_identical_to_keras_for_dicts_of_inputs_and_outputs() -> None:
    """Structures go through, with a loss and metrics for each output."""
    _, (_, history) = check_equal(make_two_headed, make_two_headed_data())
    assert "val_kind_accuracy" in history


def test_fit_is_bit_identical_to_keras_with_sample_weights() -> None:
    """Weights of samples reach the loss and the weighted metrics, in validation too."""
    data = make_data()

    def add(split: Split | None) -> Split:
        assert split is not None
        return replace(split, sample_weight=np.linspace(0, 2, split.num_samples, dtype="float32"))

    plain, _ = check_equal(make_mlp, data)
    weighted, _ = check_equal(make_mlp, Data(add(data.train), validation=add(data.validation)))
    assert plain != weighted


def test_fit_is_bit_identical_to_keras_without_validation() -> None:
    """Only training metrics are logged then."""
    _, (_, history) = check_equal(make_mlp, Data(make_data().train))
    assert set(history) == {"accuracy", "weighted_accuracy", "loss"}


def test_fit_validates_as_often_as_keras() -> None:
    """With validation_freq 2, three epochs are validated once."""
    _, (_, history) = check_equal(make_mlp, make_data(), validation_freq=2)
    assert (len(history["loss"]), len(history["val_loss"])) == (3, 1)


def test_fit_stops_where_a_callback_says_so() -> None:
    """The epoch that a callback stopped is the last one, in both ways of training."""
    for compiled in (True, False):
        model = make_mlp()
        stop = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, model=model: setattr(
                model, "stop_training", epoch == 1
            )
        )
        history = keras.callbacks.History()
        fit(model, FitPlan(make_data(), 8, epochs=5), [stop, history], compiled=compiled)
        assert history.epoch == [0, 1]


def test_fit_calls_callbacks_as_keras_does() -> None:
    """The same hooks, in the same order, with the same names in the logs."""

    class Recorder(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[Any] = []

    def record(name: str) -> Callable[..., None]:
        def hook(self: Any, *arguments: Any, logs: Any = None) -> None:
            names = [sorted(each) for each in arguments if isinstance(each, dict)]
            epochs = [each for each in arguments if isinstance(each, int)]
            self.calls.append((name, epochs, names, self.params.get("epochs")))

        return hook

    for name in ("train_begin", "epoch_begin", "test_begin", "test_end", "epoch_end", "train_end"):
        setattr(Recorder, f"on_{name}", record(name))
    calls = []
    for compiled in (True, False):
        recorder = Recorder()
        fit(make_mlp(), FitPlan(make_data(), 8, epochs=2), [recorder], compiled=compiled)
        calls.append(recorder.calls)
    assert calls[0] == calls[1]
    assert [call[0] for call in calls[0]] == [
        "train_begin",
        *["epoch_begin", "test_begin", "test_end", "epoch_end"] * 2,
        "train_end",
    ]


def test_fit_with_no_epochs_left_changes_nothing() -> None:
    """A trial that was killed after its last epoch is resumed with none left."""
    for compiled in (True, False):
        model = make_mlp()
        build_state(model, make_data().train, 8)
        before = hash_variables(model)
        fit(model, FitPlan(make_data(), 8, epochs=2, first_epoch=2), [], compiled=compiled)
        assert hash_variables(model) == before


def test_fit_order_of_a_seeded_trial_differs_by_epoch_and_trial() -> None:
    """Promise 14: each epoch and each trial sees the samples in an order of its own."""
    orders = [tuple(draw_order(seed, epoch, 50)) for seed in (1, 2) for epoch in (1, 2, 3)]
    assert len(set(orders)) == 6
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(50))}
    assert draw_order(1, 1, 6).tolist() == [2, 4, 3, 1, 5, 0]


class Watcher(keras.Sequential):
    """Notes the first feature of every sample it trains on."""

    def train_step(self, data: Any) -> Any:
        if not hasattr(self, "seen"):
            self.seen: list[float] = []
        self.seen += data[0][:, 0].numpy().tolist()
        return super().train_step(data)


def watch(train: Callable[[Any, Any], None]) -> list[list[float]]:
    keras.utils.set_random_seed(1)
    model = Watcher([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.arange(12, dtype="float32").reshape(12, 1)
    train(model, x)
    return [model.seen[:12], model.seen[12:]]


def test_fit_really_shuffles_every_epoch() -> None:
    """Promise 14, seen from the model: two epochs, two orders, all samples in each."""
    first, second = watch(
        lambda model, x: fit(model, FitPlan(Data(Split(x, x)), 5, epochs=2), [], compiled=False)
    )
    assert first != second
    assert sorted(first) == sorted(second) == list(range(12))


def test_keras_with_a_seed_repeats_one_order_every_epoch() -> None:
    """Red control: `fit(shuffle=True)` after set_random_seed fails the check above."""
    first, second = watch(
        lambda model, x: model.fit(x, x, batch_size=5, epochs=2, shuffle=True, verbose=0)
    )
    assert first == second
    assert first != list(range(12))


class OwnStep(keras.Sequential):
    """Trains in its own way."""

    def train_step(self, data: Any) -> Any:
        logs = super().train_step(data)
        return {**logs, "twice": 2 * logs["loss"]}


class OwnLoss(keras.Sequential):
    """Computes its loss in its own way, which the compiled loop calls like `fit`."""

    def compute_loss(self, *arguments: Any, **named: Any) -> Any:
        return 2 * super().compute_loss(*arguments, **named)


def compile_own(kind: type[Any], **options: Any) -> Any:
    model = kind([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    return model


class BatchCounter(keras.callbacks.Callback):
    """Counts batches."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.count += 1


def make_dataset(split: Split) -> Split:
    return Split(dataset=tf.data.Dataset.from_tensor_slices(split.arrays).batch(8))


def test_find_fit_reason_is_empty_for_what_the_loop_can_do() -> None:
    """Arrays, plain Keras models, an own compute_loss and callbacks of epochs."""
    callbacks = [
        EpochSeeding(1),
        keras.callbacks.EarlyStopping(),
        keras.callbacks.ReduceLROnPlateau(),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    ]
    assert find_fit_reason(make_mlp(), make_data(), callbacks) == ""
    assert find_fit_reason(make_two_headed(), make_two_headed_data()) == ""
    assert find_fit_reason(compile_own(OwnLoss), make_data()) == ""


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: compile_own(keras.Sequential, run_eagerly=True), "the model runs eagerly"),
        (lambda: compile_own(keras.Sequential, jit_compile=True), "the model asks for jit_compile"),
    ],
)
def test_find_fit_reason_of_a_model(build: Callable[[], Any], reason: str) -> None:
    """What the loop would do differently trains with `model.fit`."""
    assert find_fit_reason(build(), make_data()) == reason


@pytest.mark.parametrize(
    "name",
    [
        "fit",
        "evaluate",
        "make_train_function",
        "make_test_function",
    ],
)
def test_find_fit_reason_names_an_overridden_method(name: str) -> None:
    """A method that `model.fit` would call and the loop would not."""
    kind = type("Own", (keras.Sequential,), {name: lambda self, *arguments: None})
    assert find_fit_reason(compile_own(kind), make_data()) == f"the model has its own {name}"


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: compile_own(OwnStep), ""),
        (
            lambda: compile_own(Watcher),
            "the model's train_step cannot be traced: AttributeError: 'SymbolicTensor' object has "
            "no attribute 'numpy'",
        ),
        (
            lambda: compile_own(type("Bare", (OwnStep,), {"test_step": lambda self, data: 0.0})),
            "the model's test_step gives no dict of tensors",
        ),
    ],
)
def test_find_fit_reason_traces_own_steps(build: Callable[[], Any], reason: str) -> None:
    """A step of the model's own runs in the loop where that can be told to equal `fit`."""
    model, data = build(), make_data()
    build_state(model, data.train, BATCH_SIZE)
    before = hash_variables(model)
    assert find_fit_reason(model, data, batch_size=BATCH_SIZE) == reason
    assert hash_variables(model) == before


def test_find_fit_reason_where_keras_limits_epochs() -> None:
    """Keras' own limit, for debugging, is looked at by `fit` alone."""
    keras.config.set_max_epochs(2)
    try:
        reason = find_fit_reason(make_mlp(), make_data())
    finally:
        keras.config.set_max_epochs(None)
    assert reason == "keras.config limits the epochs or their batches"


@pytest.mark.parametrize(
    "callback",
    [
        BatchCounter(),
        keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: None),
        type("Tester", (keras.callbacks.Callback,), {"on_test_batch_end": lambda *a, **k: None})(),
        type("Older", (keras.callbacks.Callback,), {"on_batch_end": lambda *a, **k: None})(),
    ],
)
def test_find_fit_reason_of_a_callback_that_wants_batches(callback: Any) -> None:
    """A hook of batches would never be called inside the graph."""
    reason = find_fit_reason(make_mlp(), make_data(), [callback])
    assert reason == f"the callback {type(callback).__name__} wants to see every batch"


def test_find_fit_reason_of_data() -> None:
    """A dataset has an order of its own."""
    data, model = make_data(), make_mlp()
    assert data.validation is not None
    assert find_fit_reason(model, Data(make_dataset(data.train))) == (
        "the training data is a dataset, not arrays"
    )
    assert find_fit_reason(model, Data(data.train, make_dataset(data.validation))) == (
        "the validation data is a dataset, not arrays"
    )


def test_find_fit_reason_of_a_distribution_strategy() -> None:
    """Several replicas are Keras' own business."""
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        assert find_fit_reason(make_mlp(), make_data()) == "a distribution strategy is active"


def test_fit_trains_what_the_loop_cannot() -> None:
    """An own train_step keeps its logs, a batch hook sees all batches, datasets train."""
    data, counter, history = make_data(), BatchCounter(), keras.callbacks.History()
    assert data.validation is not None
    datasets = Data(make_dataset(data.train), make_dataset(data.validation))
    for each in (data, datasets):
        plan = FitPlan(each, BATCH_SIZE, epochs=2)
        fit(compile_own(OwnStep), plan, [counter, history], compiled=False)
        assert set(history.history) == {"loss", "twice", "val_loss"}
    assert counter.count == 12


def test_fit_weighs_the_classes_of_a_dataset() -> None:
    """By Keras, batch by batch; arrays are weighed beforehand."""
    train, weights = make_data().train, {0: 0.25, 2: 5.0}
    dataset = make_dataset(train)
    hashes = []
    for class_weight in (weights, None):
        model = make_seeded(make_mlp)
        plan = weigh(FitPlan(Data(dataset), BATCH_SIZE, 2, class_weight=class_weight))
        fit(model, plan, [], compiled=False)
        hashes.append(hash_variables(model))
    expected = make_seeded(make_mlp)
    expected.fit(train.x, train.y, BATCH_SIZE, 2, 0, class_weight=weights, shuffle=False)
    assert hashes[0] == hash_variables(expected) != hashes[1]


def test_fit_takes_a_validation_dataset_whatever_its_truth_value() -> None:
    """A dataset that calls itself false, as an empty container would, still validates."""

    class Falsy(Batches):
        def __bool__(self) -> bool:
            return False

    data, history = make_data(), keras.callbacks.History()
    plan = FitPlan(Data(data.train, Split(dataset=Falsy(data.train.arrays))), 8, epochs=1)
    fit(make_mlp(), plan, [history], compiled=False)
    assert "val_loss" in history.history


class OneBatch:
    """A pace that never changes: every batch is a segment."""

    num_batches = 1

    def learn(self, seconds: float) -> None:
        pass


@pytest.mark.parametrize("name", ["accumulation", "ema overwriting", "schedule", "loss scale"])
def test_fit_in_segments_is_bit_identical_to_keras(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Pausing after every batch changes no bit of weights, optimizer or metrics."""
    monkeypatch.setattr("sweeps.training.epoch_loop._Pace", OneBatch)
    pauses: list[tuple[int, int]] = []

    def pause(epoch: int, batch: int) -> bool:
        pauses.append((epoch, batch))
        return False

    expected = train_with_keras(make_seeded(lambda: make_mlp(OPTIMIZERS[name]())), make_data())
    model = make_seeded(lambda: make_mlp(OPTIMIZERS[name]()))
    assert train_with_fit(model, make_data(), pause=pause) == expected
    assert pauses == [(epoch, batch) for epoch in range(3) for batch in (1, 2)]


def test_fit_short_epochs_are_one_segment() -> None:
    """Where an epoch has few batches nothing pauses, so that nothing gets slower."""

    def pause(epoch: int, batch: int) -> bool:
        raise AssertionError

    train_with_fit(make_seeded(make_mlp), make_data(), pause=pause)
