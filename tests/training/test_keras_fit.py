"""Tests of `sweeps.training.keras_fit`: one training in parts looks like one at a stretch."""

from __future__ import annotations

from typing import Any

import keras
import pytest
import tensorflow as tf

from sweeps.training import keras_fit
from sweeps.training.data import Split
from sweeps.training.keras_fit import EpochOrder, OrderedBatches, fit_with_keras
from tests.training.samples import hash_variables, make_arrays, make_mlp

Call = tuple[Any, ...]


class Noting(keras.callbacks.Callback):
    """Notes which hooks were called with which numbers, and may stop after an epoch."""

    def __init__(self, last: int | None = None) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.last = last

    def on_train_begin(self, logs: Any = None) -> None:
        self.calls.append(("train",))

    def on_train_end(self, logs: Any = None) -> None:
        self.calls.append(("train end",))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(("epoch", epoch))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.calls.append(("epoch end", epoch, *sorted(logs)))
        if epoch == self.last:
            self.model.stop_training = True

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("batch", batch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("batch end", batch))

    def on_test_begin(self, logs: Any = None) -> None:
        self.calls.append(("test",))


def make_batches(kind: str) -> Any:
    """Give 22 samples in batches of 8, as one kind of dataset."""
    arrays = make_arrays(22, (4,))
    if kind == "tf.data":
        return tf.data.Dataset.from_tensor_slices(arrays).batch(8)
    return OrderedBatches(Split(*arrays), 8, seed=3)


def fit_noting(batches: Any, last: int | None = None, **place: Any) -> list[Call]:
    noting = Noting(last)
    order = [EpochOrder(batches)] if isinstance(batches, OrderedBatches) else []
    fit_with_keras(
        make_mlp(), batches, [*order, noting], epochs=3,
        validation_data=make_arrays(8, (4,)), **place,
    )  # fmt: skip
    return noting.calls


@pytest.mark.parametrize("kind", ["arrays", "tf.data"])
def test_fit_with_keras_from_mid_epoch_shows_callbacks_the_rest_of_one_training(kind: str) -> None:
    """The batches have the numbers that they have in the whole epoch; it begins and ends once."""
    whole = fit_noting(make_batches(kind))
    assert whole.count(("train",)) == whole.count(("train end",)) == 1
    place = whole.index(("batch", 2), whole.index(("epoch", 1)))
    rest = fit_noting(make_batches(kind), first_epoch=1, first_batch=2)
    assert rest == [("train",), ("epoch", 1), *whole[place:]]


@pytest.mark.parametrize(("first_epoch", "last"), [(0, 0), (2, None)])
def test_fit_with_keras_may_end_with_the_epoch_that_had_begun(
    first_epoch: int, last: int | None
) -> None:
    """Where a callback stops it, or no epoch is left, nothing is trained on."""
    calls = fit_noting(make_batches("arrays"), last, first_epoch=first_epoch, first_batch=1)
    assert [call[1] for call in calls if call[0] == "epoch"] == [first_epoch]
    assert calls[-1] == ("train end",)


def test_fit_with_keras_ends_in_mid_epoch_without_an_end_of_that_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The part counts for nothing: it is neither validated nor reported."""
    monkeypatch.setattr(keras_fit, "PAUSE_SECONDS", 0.0)
    seen: list[tuple[int, int]] = []

    def pause(epoch: int, batch: int) -> bool:
        seen.append((epoch, batch))
        return (epoch, batch) == (1, 2)

    calls = fit_noting(make_batches("arrays"), pause=pause)
    assert seen == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert calls[-4:] == [("batch end", 0), ("batch", 1), ("batch end", 1), ("train end",)]
    assert [call[1] for call in calls if call[0] == "epoch end"] == [0]


def test_fit_with_keras_pauses_now_and_then_or_where_it_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Short batches are not asked about one by one, unless a save is due."""
    monkeypatch.setattr(keras_fit, "PAUSE_SECONDS", 1000.0)
    seen: list[tuple[int, int]] = []
    due = iter([True, False, True])
    fit_noting(
        make_batches("arrays"),
        pause=lambda epoch, batch: bool(seen.append((epoch, batch))),
        is_due=lambda: next(due, False),
    )
    assert seen == [(0, 1), (0, 2), (1, 2)]


class Remembering(keras.callbacks.Callback):
    """Notes the weights where epochs begin and end."""

    def __init__(self) -> None:
        super().__init__()
        self.hashes: list[str] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.hashes.append(hash_variables(self.model))

    on_epoch_end = on_epoch_begin


def test_fit_with_keras_averages_weights_at_the_end_of_the_training_only() -> None:
    """An optimizer with EMA writes its averages into the weights once, not after each part."""
    batches, remembering = make_batches("tf.data"), Remembering()
    model = make_mlp(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    fit_with_keras(model, batches, [remembering], epochs=2, first_batch=1)
    _, first_end, second_begin, second_end = remembering.hashes
    assert second_begin == first_end
    assert hash_variables(model) != second_end


def test_keras_stopped_in_mid_epoch_reports_the_part_as_an_epoch() -> None:
    """Red control: `stop_training` in a batch hook still validates and ends the epoch."""

    class Stopping(Noting):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    stopping = Stopping()
    make_mlp().fit(
        make_batches("tf.data"), callbacks=[stopping], validation_data=make_arrays(8, (4,)),
        epochs=3, shuffle=False, verbose=0,
    )  # fmt: skip
    assert [call[:2] for call in stopping.calls if call[0] == "epoch end"] == [("epoch end", 0)]
    assert ("test",) in stopping.calls
