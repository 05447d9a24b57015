"""Tests of `sweeps.training.evaluate`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sweeps.training.data import Split
from sweeps.training.evaluate import score_split
from tests.training.samples import compile_classifier, make_arrays, make_mlp


class OwnEvaluate(keras.Sequential):
    """Scores in its own way, as it also does while `model.fit` validates."""

    def evaluate(self, *arguments: Any, **named: Any) -> Any:
        scores = super().evaluate(*arguments, **named)
        return {**scores, "twice": 2 * scores["loss"]}


def test_score_split_is_what_keras_evaluates() -> None:
    """The same bits from arrays, with sample weights and from a dataset."""
    split, model = Split(*make_arrays(21, (4,))), make_mlp()
    weighted = replace(split, sample_weight=np.linspace(0, 2, 21, dtype="float32"))
    dataset = Split(dataset=tf.data.Dataset.from_tensor_slices(split.arrays).batch(8))
    expected = model.evaluate(*split.arrays, batch_size=8, return_dict=True, verbose=0)
    assert score_split(model, split, 8) == expected
    assert score_split(model, dataset, 8) == expected
    assert score_split(model, weighted, 8) == model.evaluate(
        *split.arrays,
        sample_weight=weighted.sample_weight,
        batch_size=8,
        return_dict=True,
        verbose=0,
    )
    assert score_split(model, weighted, 8) != expected


def test_score_split_of_a_metric_with_several_values() -> None:
    """Plain numbers from the compiled loop and from Keras: scores become JSON."""
    split = Split(*make_arrays(21, (4,)))
    classes = Split(split.x, np.eye(3, dtype="float32")[split.y])
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[keras.metrics.F1Score()])
    scores = [score_split(model, classes, 8)]
    model.run_eagerly = True
    scores.append(score_split(model, classes, 8))
    assert [len(each["f1_score"]) for each in scores] == [3, 3]
    assert all(isinstance(each["f1_score"], list) for each in scores)


def test_score_split_uses_the_models_own_way() -> None:
    """Otherwise the recorded value could not be computed again."""
    model = OwnEvaluate([keras.Input((4,)), keras.layers.Dense(3)])
    compile_classifier(model, "sgd")
    scores = score_split(model, Split(*make_arrays(21, (4,))), 8)
    assert scores["twice"] == 2 * scores["loss"]
