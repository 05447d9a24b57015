"""Tests of `sweeps.worker.estimates`: disk and time before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.spec.builds import MeasuredEpoch, ModelSize
from sweeps.spec.known_space import KnownParameter, KnownSpace
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter
from sweeps.worker.discovery import Discovery
from sweeps.worker.estimates import Estimate, estimate

EPOCH = MeasuredEpoch(seconds=2.0, start_seconds=3.0, share=0.5)
CHOICE = Parameter("x", "categorical", choices=(1, 2, 3, 4))


def estimate_for(*parameters: Parameter, size: int | None = 1000, **fields: Any) -> Estimate:
    fields = {"limits": {"trials": 10, "workers": 4}, "training": {"epochs": 5}, **fields}
    spec = SweepSpec(
        name="a",
        model="m.py:build",
        data="m.py:load",
        objective={"metric": "val_loss", "direction": "minimize"},
        **fields,
    )
    largest = ModelSize(10, size)
    space = KnownSpace(tuple(map(KnownParameter, parameters)))
    return estimate(spec, Discovery(space, largest, largest, largest), EPOCH, cores=8)


def test_estimate_of_disk_and_time() -> None:
    """10 best, 3 latest, 3 of 4 running trials, 2 formats; 3 rounds of 3 s and 5 epochs of 2 s."""
    found = estimate_for(CHOICE)
    assert found == Estimate(4, 10, 4, 1000 * (10 + 3 + 4 * 3 + 2), 3 * (3.0 + 5 * 2.0), EPOCH)


@pytest.mark.parametrize(
    ("fields", "checkpoints"),
    [
        ({"checkpoint": {"save_best_only": False}}, 10 * 5 + 3 + 4 * 3 + 2),
        ({"keep": {"best": 2}}, 2 + 2 + 4 * 3 + 2),
        ({"keep": {"trial_best": 2, "latest": 0}}, 10 * 2 + 4 * 3 + 2),
        ({"keep": {"max_disk": 3000}}, 3),
        ({"limits": {"trials": 2, "workers": 4}}, 2 + 2 + 2 * 3 + 2),
    ],
)
def test_estimate_of_disk_follows_what_is_kept(fields: dict[str, Any], checkpoints: int) -> None:
    """All epochs, only the best trials, a limit, or fewer trials than workers."""
    assert estimate_for(CHOICE, **fields).disk_bytes == 1000 * checkpoints


def test_estimate_of_disk_is_unknown_where_the_size_is() -> None:
    """No number is better than a wrong one."""
    assert estimate_for(CHOICE, size=None).disk_bytes is None


@pytest.mark.parametrize(
    ("parameters", "fields", "seconds"),
    [
        ((CHOICE,), {"repeats": 3}, 3 * (3.0 + 15 * 2.0)),
        ((Parameter("epochs", "int", low=1, high=7),), {}, 3 * (3.0 + 7 * 2.0)),
        ((CHOICE,), {"limits": {"trials": 10, "workers": 4, "timeout": "20s"}}, 20.0),
        ((CHOICE,), {"sampler": {"name": "grid"}}, 1 * (3.0 + 5 * 2.0)),
    ],
)
def test_estimate_of_time(
    parameters: tuple[Parameter, ...], fields: dict[str, Any], seconds: float
) -> None:
    """Repeats, a parameter called epochs, a time limit, and a grid that ends early count."""
    assert estimate_for(*parameters, **fields).seconds == seconds


def test_estimate_without_a_measured_epoch_has_no_time() -> None:
    """What could not be measured is not guessed."""
    spec = SweepSpec(
        name="a",
        model="m.py:build",
        data="m.py:load",
        objective={"metric": "val_loss", "direction": "minimize"},
    )
    found = estimate(spec, Discovery(KnownSpace()), None, cores=2)
    assert (found.seconds, found.disk_bytes, found.num_configurations) == (None, None, 1)
