"""What a user would write: `build` functions, and the `load` of each."""

from __future__ import annotations

import math
from typing import Any

import keras
import keras_tuner
import tensorflow as tf

from sweeps.training.data import Data
from tests.training.samples import (
    compile_classifier,
    make_arrays,
    make_cnn,
    make_data,
    make_mlp,
    make_rnn,
)


def give(data: Data) -> Any:
    """Give splits as a user's function does."""
    assert data.validation is not None
    return data.train.arrays, data.validation.arrays


def build_mlp(hp: Any) -> Any:
    return make_mlp()


def load_mlp() -> Any:
    return give(make_data())


def build_with_units(hp: Any) -> Any:
    units = hp.Int("units", 4, 8)
    assert hp.Int("units", 4, 8) == units
    hp.Fixed("epochs", 1)
    return make_mlp(units=units)


load_with_units = load_mlp


@keras.saving.register_keras_serializable("tests")
class OwnNoise(keras.layers.Layer):
    """Draws by TensorFlow's own op, whose counter lives in the process."""

    def call(self, inputs: Any) -> Any:
        return inputs + tf.random.normal(tf.shape(inputs))


def build_noisy(hp: Any) -> Any:
    return make_mlp("adam", OwnNoise())


def build_cnn(hp: Any) -> Any:
    return make_cnn()


def load_cnn() -> Any:
    return give(make_data((6, 6, 1)))


def build_rnn(hp: Any) -> Any:
    return make_rnn()


def load_rnn() -> Any:
    return give(make_data((5, 2)))


def build_remembering(hp: Any) -> Any:
    inputs = keras.Input(batch_shape=(8, 5, 2))
    hidden = keras.layers.LSTM(4, stateful=True, return_sequences=True)(inputs)
    hidden = keras.layers.Bidirectional(keras.layers.GRU(3, stateful=True))(hidden)
    return compile_classifier(keras.Model(inputs, keras.layers.Dense(3)(hidden)), "adam")


def load_remembering() -> Any:
    return make_arrays(24, (5, 2)), make_arrays(16, (5, 2), seed=1)


def build_accumulating(hp: Any) -> Any:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 5, 0.9)
    return make_mlp(
        keras.optimizers.AdamW(
            schedule,
            gradient_accumulation_steps=2,
            use_ema=True,
            ema_momentum=0.9,
            ema_overwrite_frequency=3,
        )
    )


load_accumulating = load_mlp


def build_momentum(hp: Any) -> Any:
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 12)
    return make_mlp(keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True))


load_momentum = load_mlp


def build_loss_scaled(hp: Any) -> Any:
    """Compute in half precision, with a loss scale that doubles every second step."""
    layers = [
        keras.layers.Dense(8, activation="relu", dtype="mixed_float16"),
        keras.layers.Dropout(0.4, dtype="mixed_float16"),
        keras.layers.Dense(3),
    ]
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(0.01), initial_scale=8.0, dynamic_growth_steps=2
    )
    return compile_classifier(keras.Sequential([keras.Input((4,)), *layers]), optimizer)


load_loss_scaled = load_mlp


def load_streaming() -> Any:
    """Give the training data as a tf.data pipeline that always has the same order."""
    train, validation = load_mlp()
    return tf.data.Dataset.from_tensor_slices(train).batch(8), validation


build_streaming = build_mlp


class Indexed(keras.utils.PyDataset):
    """Batches of arrays, by their index."""

    def __init__(self, arrays: Any) -> None:
        super().__init__()
        self.arrays = arrays

    def __len__(self) -> int:
        return math.ceil(len(self.arrays[0]) / 8)

    def __getitem__(self, index: int) -> Any:
        return tuple(array[8 * index : 8 * index + 8] for array in self.arrays)


def load_indexed() -> Any:
    """Give the training data as a PyDataset."""
    train, validation = load_mlp()
    return Indexed(train), validation


build_indexed = build_mlp


@keras.saving.register_keras_serializable("tests")
class OwnStep(keras.Sequential):
    """Trains by `model.fit`, since it has its own train_step."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def build_own_step(hp: Any) -> Any:
    layers = [keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    return compile_classifier(OwnStep(layers), "adam")


load_own_step = load_mlp


class TwoOptimizers(keras.Sequential):
    """Trains its last layer with an optimizer of its own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.others = [keras.optimizers.Adam(0.01)]

    def train_step(self, data: Any) -> Any:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(x, y, predicted, weight)
        weights = self.trainable_weights
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply(gradients[:-2], weights[:-2])
        self.others[0].apply(gradients[-2:], weights[-2:])
        return self.compute_metrics(x, y, predicted, weight)


def build_two_optimizers(hp: Any) -> Any:
    del hp
    layers = [keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(3)]
    return compile_classifier(TwoOptimizers(layers), "adam")


load_two_optimizers = load_mlp


class Unseen(keras_tuner.HyperModel):
    """Has a fit that calls no callbacks and gives another value each time."""

    num_fits = 0

    def build(self, hp: Any) -> Any:
        return build_mlp(hp)

    def fit(self, hp: Any, model: Any, x: Any, y: Any, **options: Any) -> float:
        del hp, options
        model.train_on_batch(x, y)
        Unseen.num_fits += 1
        return float(Unseen.num_fits)


def build_diverging(hp: Any) -> Any:
    """Climb instead of descending: every epoch is worse than the first."""
    layers = [keras.Input((4,)), keras.layers.Dropout(0.1), keras.layers.Dense(3)]
    model = compile_classifier(keras.Sequential(layers), "sgd")
    model.optimizer.learning_rate = -0.5
    return model


load_diverging = load_mlp


def build_improving(hp: Any) -> Any:
    layers = [keras.Input((4,)), keras.layers.Dense(3)]
    return compile_classifier(keras.Sequential(layers), keras.optimizers.Adam(0.05))


load_improving = load_mlp


@keras.saving.register_keras_serializable("tests")
class NanAfter(keras.layers.Layer):
    """Gives NaN while training, after so many batches."""

    def __init__(self, batches: int, **options: Any) -> None:
        super().__init__(**options)
        self.batches = batches
        self.seen = self.add_weight(name="seen", shape=(), initializer="zeros", trainable=False)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training:
            self.seen.assign_add(1.0)
        return tf.where(self.seen > self.batches, float("nan"), 1.0) * inputs

    def get_config(self) -> Any:
        return {**super().get_config(), "batches": self.batches}


def build_nan_later(hp: Any) -> Any:
    layers = [keras.Input((4,)), keras.layers.Dense(3), NanAfter(3)]
    return compile_classifier(keras.Sequential(layers), "sgd")


load_nan_later = load_mlp


def build_nan(hp: Any) -> Any:
    layers = [keras.Input((4,)), keras.layers.Dense(3), NanAfter(0)]
    return compile_classifier(keras.Sequential(layers), "sgd")


load_nan = load_mlp


def make_schedule() -> list[Any]:
    def halve(epoch: int, rate: float) -> float:
        return rate if epoch == 0 else rate * 0.5

    return [keras.callbacks.LearningRateScheduler(halve)]


def make_plateau() -> list[Any]:
    return [
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=2, factor=0.1, min_delta=9.0)
    ]


class Warming(keras.callbacks.Callback):
    """Raises the learning rate with every epoch that it has seen, which it has to remember."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.rates = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.rates.append(0.001 * 2 ** len(self.rates))
        self.model.optimizer.learning_rate = self.rates[-1]

    def get_state(self) -> dict[str, Any]:
        return {"rates": self.rates}

    def set_state(self, state: dict[str, Any]) -> None:
        self.rates = list(state["rates"])


class Wording(Warming):
    """The same with a state of texts, one of which looks like a number that JSON does not know."""

    def get_state(self) -> dict[str, Any]:
        return {"rates": [str(rate) for rate in self.rates], "unit": "inf"}

    def set_state(self, state: dict[str, Any]) -> None:
        assert state["unit"] == "inf"
        self.rates = [float(rate) for rate in state["rates"]]


class Forgetting(Warming):
    """The same without taking part."""

    get_state = None  # type: ignore[assignment]


class Counting(Warming):
    """The same with a hook per batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.rates[-1:] = [rate * 1.01 for rate in self.rates[-1:]]


class Broken(Warming):
    """Has a state that JSON cannot hold."""

    def get_state(self) -> dict[str, Any]:
        return {"rates": {1, 2}}


def make_swapping() -> list[Any]:
    return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)]


def make_early_and_plateau() -> list[Any]:
    return [keras.callbacks.EarlyStopping(patience=9), *make_plateau()]


def make_warming() -> list[Any]:
    return [Warming()]


def make_wording() -> list[Any]:
    return [Wording()]


def make_forgetting() -> list[Any]:
    return [Forgetting()]


def make_counting() -> list[Any]:
    return [Counting()]


class Endless(Warming):
    """Has a state with a number that JSON does not know."""

    def get_state(self) -> dict[str, Any]:
        return {"rates": [float("inf")]}


def make_endless() -> list[Any]:
    return [Endless()]


def make_broken() -> list[Any]:
    return [Broken()]


def make_nothing() -> None:
    return None


def make_words() -> list[str]:
    return ["early"]


def load_train_only() -> Any:
    return {"train": make_data().train.arrays}
