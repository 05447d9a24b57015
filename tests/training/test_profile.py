"""Tests of `sweeps.training.profile`: whether a resumed trial is exact, and why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from sweeps.spec.model import SweepSpec
from sweeps.training.profile import list_reasons
from sweeps.training.random_ops import find_random_ops
from tests.training.samples import FakeChannel
from tests.training.test_resume import SAMPLES, make_spec, read_state, train

ARRAYS: dict[str, Any] = {
    "versions": {"keras": "3.15.1"},
    "threads": 1,
    "loop": "arrays",
    "validation": "arrays",
    "accepted_changes": 1,
    "approximate": [],
}
CHANGES = ["model.py: the code changed", "data: x_train: the values changed"]


@pytest.mark.parametrize(
    ("saved", "now", "reason"),
    [
        (ARRAYS, {}, ""),
        (ARRAYS, {"threads": 2}, "threads: 1 -> 2"),
        (ARRAYS, {"versions": {"keras": "3.16.0"}}, "keras: 3.15.1 -> 3.16.0"),
        (ARRAYS, {"loop": "dataset"}, "the training data is a dataset"),
        (ARRAYS, {"loop": "own fit"}, "the HyperModel has its own fit"),
        (ARRAYS, {"validation": "dataset"}, "the validation data is a dataset"),
        (ARRAYS, {"accepted_changes": 2}, "data: x_train: the values changed"),
        ({**ARRAYS, "approximate": ["once"]}, {}, "once"),
        (None, {}, "the attempt before did not record"),
    ],
)
def test_list_reasons_names_what_differs(saved: Any, now: Any, reason: str) -> None:
    """Promise 2: where the same bits cannot be promised, the record says why."""
    now = {**ARRAYS, **now}
    found = list_reasons(saved, now, CHANGES[: now["accepted_changes"]])
    assert len(found) == bool(reason)
    assert "".join(found).startswith(reason)


def test_train_trial_says_how_it_was_resumed(tmp_path: Path, monkeypatch: Any) -> None:
    """A first attempt says nothing, the same machine is exact, other versions are not.

    And what was approximate once does not become exact by another interruption.
    """
    channels = [FakeChannel({epoch: "stop"}) for epoch in (1, 2, 3, 4)]
    for index, channel in enumerate(channels):
        if index == 2:
            monkeypatch.setattr("sweeps.training.profile.find_versions", lambda: {"keras": "9"})
        train(tmp_path, make_spec(), channel, attempt=index + 1)
    first, second, third, fourth = (channel.reasons for channel in channels)
    assert (first, second) == (None, [])
    assert third is not None
    assert third[0].startswith("keras: 3.")
    assert fourth == third


@pytest.mark.parametrize("loop", ["auto", "fit"])
def test_train_trial_resumed_with_stateful_random_ops_is_approximate(
    tmp_path: Path, loop: str
) -> None:
    """The counter of `tf.random.normal` is in no checkpoint; that of Keras' dropout is derived."""
    spec = _make_noisy(loop)
    train(tmp_path, spec, FakeChannel({1: "stop"}))
    channel = FakeChannel()
    train(tmp_path, spec, channel, attempt=2)
    assert channel.reasons is not None
    assert ["RandomStandardNormal" in reason for reason in channel.reasons] == [True]


def test_train_trial_with_stateful_random_ops_really_is_not_exact(tmp_path: Path) -> None:
    """The red control: the bits do differ, so `exact` would be a lie."""
    train(tmp_path / "whole", _make_noisy("auto"))
    train(tmp_path / "parts", _make_noisy("auto"), FakeChannel({1: "stop"}))
    train(tmp_path / "parts", _make_noisy("auto"), attempt=2)
    assert read_state(tmp_path / "parts") != read_state(tmp_path / "whole")


def _make_noisy(loop: str) -> SweepSpec:
    spec = make_spec("build_noisy", loop=loop, epochs=2)
    return spec.model_copy(update={"data": f"{SAMPLES}:load_mlp"})


@pytest.mark.parametrize(
    ("draw", "found"),
    [
        (lambda: tf.random.normal((2,)), ["RandomStandardNormal"]),
        (lambda: tf.random.shuffle(tf.range(3)), ["RandomShuffle"]),
        (lambda: tf.random.categorical([[0.0, 1.0]], 2), ["Multinomial"]),
        (lambda: tf.random.truncated_normal((2,)), ["TruncatedNormal"]),
        (lambda: tf.random.stateless_normal((2,), (1, 2)), []),
        (lambda: tf.while_loop(lambda i: i < 3, _draw_in_loop, (0,)), ["RandomUniformInt"]),
        (lambda: tf.map_fn(lambda x: x + tf.random.uniform(()), tf.zeros(3)), ["RandomUniform"]),
    ],
)
def test_find_random_ops_looks_into_nested_functions(draw: Any, found: list[str]) -> None:
    """Ops with a state of their own are found wherever a traced step holds them."""
    graph = tf.function(draw).get_concrete_function().graph
    assert find_random_ops(graph) == found


def _draw_in_loop(index: Any) -> Any:
    return (index + 1 + 0 * tf.random.uniform((), 0, 2, tf.int32),)
