"""KerasTuner hypermodels as users have them, unchanged."""

from __future__ import annotations

import keras_tuner
from tiny_model import build


class Plain(keras_tuner.HyperModel):
    """Builds; KerasTuner's own fit trains."""

    def build(self, hp):
        return build(hp)


class OwnFit(Plain):
    """Asks for the batch size in fit, as KerasTuner's guide shows."""

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch", [16, 32]), **kwargs)


class OwnEpochs(Plain):
    """Sets the epochs itself, and takes only what it names."""

    def fit(self, hp, model, x, y, validation_data, callbacks=None):
        return model.fit(
            x, y, epochs=hp.Int("my_epochs", 2, 2), validation_data=validation_data,
            callbacks=callbacks, verbose=0,
        )  # fmt: skip


class ReturnsNumber(Plain):
    """Trains in its own loop and returns the objective as a number."""

    def fit(self, hp, model, x, y, validation_data=None, **kwargs):
        model.train_on_batch(x, y)
        return 0.75


class Diverges(Plain):
    """Returns what a loop of its own came to, whatever that is."""

    def fit(self, hp, model, x, y, **kwargs):
        return float("nan")


class DivergesInTheEnd(Plain):
    """Trains as usual, and returns a number that says nothing."""

    def fit(self, hp, model, *args, **kwargs):
        model.fit(*args, **kwargs)
        return float("-inf")


class ReturnsDict(Plain):
    """Returns several metrics."""

    def fit(self, hp, model, x, y, **kwargs):
        return {"val_accuracy": 0.5, "val_loss": 1, "name": "none"}


class ReturnsList(Plain):
    """Trains twice and returns both results, as for executions_per_trial."""

    def fit(self, hp, model, x, y, **kwargs):
        return [{"val_accuracy": 0.25}, 0.75]


class ReturnsNothing(Plain):
    """Forgets to return."""

    def fit(self, hp, model, x, y, **kwargs):
        pass


class CustomLoop(Plain):
    """KerasTuner's guide to custom training loops: calls the callbacks by hand."""

    def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
        for callback in callbacks:
            callback.set_model(model)
        best = 0.0
        for epoch in range(2):
            model.train_on_batch(x, y)
            value = 0.5 + epoch / 10
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs={"val_accuracy": value})
            best = max(best, value)
        return best


instance = OwnFit()
