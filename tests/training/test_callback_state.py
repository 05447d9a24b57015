"""Tests of `sweeps.training.callback_state`: a user's callbacks in a trial that is interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import OptionError
from sweeps.training.callbacks import make_callbacks
from tests.training.samples import FakeChannel
from tests.training.test_resume import SAMPLES, make_spec, read_state, train


def make_spec_with(callbacks: str, **training: Any) -> Any:
    return make_spec(callbacks=f"{SAMPLES}:{callbacks}", **training)


def train_both(folder: Path, callbacks: str) -> tuple[Any, Any]:
    """Train a trial at one stretch and one that is stopped after its second epoch."""
    spec = make_spec_with(callbacks, epochs=5)
    train(folder / "whole", spec)
    train(folder / "parts", spec, FakeChannel({2: "stop"}))
    train(folder / "parts", spec, attempt=2)
    return read_state(folder / "whole"), read_state(folder / "parts")


@pytest.mark.parametrize(
    "callbacks", ["make_schedule", "make_plateau", "make_warming", "make_wording", "make_counting"]
)
def test_callbacks_of_a_resumed_trial_go_on_where_they_were(tmp_path: Path, callbacks: str) -> None:
    """Weights, learning rates and history equal those of the uninterrupted trial, bit by bit."""
    whole, parts = train_both(tmp_path, callbacks)
    assert whole == parts


def test_averages_that_are_swapped_in_are_swapped_out_again(tmp_path: Path) -> None:
    """The state after an epoch holds the averages in the model's place."""
    spec = make_spec("build_accumulating", callbacks=f"{SAMPLES}:make_swapping", epochs=4)
    train(tmp_path / "whole", spec)
    train(tmp_path / "parts", spec, FakeChannel({2: "stop"}))
    train(tmp_path / "parts", spec, attempt=2)
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")


def test_callbacks_that_were_exchanged_begin_anew_and_the_others_go_on(tmp_path: Path) -> None:
    """An accepted change of the code gives no callback what another one has saved."""
    folder = tmp_path / "parts"
    train(folder, make_spec_with("make_plateau", epochs=5), FakeChannel({2: "stop"}))
    ended = train(folder, make_spec_with("make_early_and_plateau", epochs=5), attempt=2)
    assert (ended.state, ended.epoch) == ("complete", 5)
    train(tmp_path / "whole", make_spec_with("make_plateau", epochs=5))
    assert read_state(folder) == read_state(tmp_path / "whole")


def test_callback_without_get_state_starts_anew(tmp_path: Path) -> None:
    """Red control: a callback that does not take part forgets, and the comparison sees it."""
    whole, parts = train_both(tmp_path, "make_forgetting")
    assert whole != parts


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ("make_nothing", "returned NoneType; expected a list of Keras callbacks"),
        ("make_words", "returned 'early' in its list; expected callbacks"),
        ("make_wrong", "has no 'make_wrong'"),
    ],
)
def test_make_callbacks_refuses_what_is_no_list_of_callbacks(callbacks: str, message: str) -> None:
    """What the function returned is named, before training."""
    with pytest.raises(OptionError, match=message):
        make_callbacks(make_spec_with(callbacks))


@pytest.mark.parametrize("name", ["Broken", "Endless"])
def test_train_trial_with_a_state_that_json_cannot_hold_says_so(tmp_path: Path, name: str) -> None:
    """A state that could not be put back is refused."""
    with pytest.raises(OptionError, match=rf"{name}.get_state\(\) gave .*; expected a dict"):
        train(tmp_path, make_spec_with(f"make_{name.lower()}"))
