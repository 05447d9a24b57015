"""Tests of `sweeps.training.measure`: how long an epoch takes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sweeps.spec.builds import MeasuredEpoch
from sweeps.spec.model import SweepSpec
from sweeps.training import measure
from sweeps.training.data import Data, Split
from sweeps.training.measure import _shorten, measure_epoch
from tests.conftest import FAKES

HOME = Path(__file__).parents[2]


def make_spec(data: str = "load", **options: Any) -> SweepSpec:
    target = f"{FAKES / 'tiny_model.py'}"
    return SweepSpec(
        name="a",
        model=f"{target}:build",
        data=f"{target}:{data}",
        objective={"metric": "val_loss", "direction": "minimize"},
        **options,
    )


@pytest.mark.parametrize("loop", ["auto", "fit"])
def test_measure_epoch_tells_start_and_epoch_apart(
    monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    """The first epoch holds the start; 160 samples are fewer than 40 batches, so all are used."""
    times = iter([10.0, 15.0, 17.0])  # before all, after the first epoch, after the second
    monkeypatch.setattr(measure, "time", SimpleNamespace(monotonic=lambda: next(times)))
    measured = measure_epoch(make_spec(training={"loop": loop}), {})
    assert measured is not None
    assert replace(measured, memory_bytes=None) == MeasuredEpoch(2.0, 3.0, 1.0)
    assert measured.memory_bytes is not None


def test_measure_epoch_tells_the_memory_of_a_process_that_trains_for_the_first_time() -> None:
    """As in a sweep: what an earlier training has left free would be used again."""
    code = (
        "from tests.training.test_measure import make_spec; "
        "from sweeps.training.measure import measure_epoch; "
        "print(measure_epoch(make_spec(), {}).memory_bytes)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HOME)
    assert 1e5 < int(ran.stdout) < 2e9


def test_measure_epoch_of_a_dataset_is_not_known() -> None:
    """Nobody knows how long a stream is."""
    assert measure_epoch(make_spec("load_dataset"), {}) is None


def test_shorten_keeps_the_same_share_of_both_splits() -> None:
    """A short epoch is like a long one, but shorter."""
    train, validation = (Split(x=np.zeros((n, 2)), y=np.zeros(n)) for n in (1000, 50))
    short, share = _shorten(Data(train, validation, validation), 100)
    assert share == 0.1
    assert short.validation is not None
    assert (short.train.num_samples, short.validation.num_samples, short.test) == (100, 5, None)
