"""Tests of `sweeps.training.profile`: whether a resumed trial is exact, and why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweeps.training.profile import explain_approximate
from tests.training.samples import FakeChannel
from tests.training.test_resume import make_spec, train

ARRAYS: dict[str, Any] = {"versions": {"keras": "3.15.1"}, "threads": 1, "loop": "arrays"}


@pytest.mark.parametrize(
    ("saved", "now", "reason"),
    [
        (ARRAYS, {}, ""),
        (ARRAYS, {"threads": 2}, "threads: 1 -> 2"),
        (ARRAYS, {"versions": {"keras": "3.16.0"}}, "keras: 3.15.1 -> 3.16.0"),
        (ARRAYS, {"loop": "dataset"}, "the training data is a dataset"),
        (ARRAYS, {"loop": "own fit"}, "the HyperModel has its own fit"),
        (None, {}, "the attempt before did not record"),
    ],
)
def test_explain_approximate_names_what_differs(saved: Any, now: Any, reason: str) -> None:
    """Promise 2: where the same bits cannot be promised, the record says why."""
    found = explain_approximate(saved, {**ARRAYS, **now})
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_train_trial_says_how_it_was_resumed(tmp_path: Path, monkeypatch: Any) -> None:
    """A first attempt says nothing, the same machine is exact, other versions are not."""
    spec = make_spec()
    assert train(tmp_path, spec, FakeChannel({1: "stop"})).resume == ""
    second = train(tmp_path, spec, FakeChannel({2: "stop"}), attempt=2)
    assert (second.resume, second.resume_reason) == ("exact", "")
    monkeypatch.setattr("sweeps.training.profile.find_versions", lambda: {"keras": "9"})
    third = train(tmp_path, spec, attempt=3)
    assert third.resume == "approximate"
    assert "keras: 3." in third.resume_reason
