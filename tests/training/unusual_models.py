"""Models that train, or count, in ways of their own."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class OwnSteps(keras.Model):
    """Trains and validates by itself; its logs are not its metrics."""

    def train_step(self, data: Any) -> Any:
        """Take a step in the direction of half the gradient."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True), weight, training=True)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.trainable_weights)
        self.optimizer.apply([0.5 * gradient for gradient in gradients], self.trainable_weights)
        # The last one is as long as the batch, which may be shorter than others.
        norm = {"last": tf.linalg.global_norm(gradients)}
        return {"loss": loss, "norms": norm, "size": tf.shape(y)[0], "all": y}

    def test_step(self, data: Any) -> Any:
        """Give the loss of the last batch."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        return {"loss": self.compute_loss(x, y, self(x, training=False), weight, training=False)}


class OwnMetrics(keras.Model):
    """Adds a number to its metrics that is none of them."""

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Give the metrics, and the largest prediction of this batch."""
        logs = super().compute_metrics(x, y, y_pred, sample_weight)
        return {**logs, "largest": tf.reduce_max(y_pred)}


class TwoOptimizers(keras.Model):
    """Has a second optimizer, whose variables are made when its step is traced."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.others = [keras.optimizers.SGD(0.01, momentum=0.5)]

    def train_step(self, data: Any) -> Any:
        """Take a step with one optimizer for the first layers and another for the last one."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, weight, training=True)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply(gradients, self.trainable_weights)
        self.others[0].apply(gradients[-2:], self.trainable_weights[-2:])
        return self.compute_metrics(x, y, y_pred, weight)


class Penalized(keras.layers.Layer):
    """Adds a loss of its own, and looks at how it is called."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Give the inputs, doubled in training."""
        squares = keras.ops.square(keras.ops.cast(inputs, "float32"))
        self.add_loss(1e-2 * keras.ops.sum(squares))
        return 2 * inputs if training else inputs


class NoisyByTensorFlow(keras.layers.Layer):
    """Draws from TensorFlow's own stateful ops, seeded by their place in the graph."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Give the inputs with noise in training."""
        noise = tf.random.normal(tf.shape(inputs), dtype=inputs.dtype)
        return inputs + noise if training else inputs


class Lagging(keras.metrics.Metric):
    """A metric of several values, whose state depends on the order of the batches."""

    def __init__(self, name: str = "lagging", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.state = self.add_weight(shape=(2,), initializer="zeros", name="state")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Halve what came before."""
        seen = keras.ops.cast(
            keras.ops.stack([keras.ops.max(y_pred), keras.ops.min(y_pred)]), "float32"
        )
        self.state.assign(0.5 * self.state + seen)

    def result(self) -> Any:
        """Give both values, as they are now."""
        return 1.0 * self.state
