"""Tests of `sweeps.training.latest_checkpoint`: an epoch that is the best one is written once."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from sweeps.checkpoints.store import BestStore, LatestState, LatestStore, open_best
from sweeps.paths import TrialPaths
from sweeps.spec.model import SweepSpec
from sweeps.training import snapshot
from sweeps.worker.extensions import copy_trial
from tests.states import hash_state, iter_values
from tests.training.samples import FakeChannel
from tests.training.test_resume import KilledError, make_spec, read_state, train, with_checkpoint


def make_improving(**options: Any) -> SweepSpec:
    """Make a trial of which each epoch is the best one so far."""
    return with_checkpoint(make_spec("build_improving"), "loss", **options)


def find_state(folder: Path) -> LatestState:
    state = LatestStore(TrialPaths(folder)).find()
    assert state is not None
    return state


def test_epoch_that_is_the_best_is_on_disk_once(tmp_path: Path) -> None:
    """The state links the file, is under the same digest, and writes no value again."""
    train(tmp_path, make_improving())
    state, best = find_state(tmp_path), BestStore(TrialPaths(tmp_path)).find_best()
    assert best is not None
    assert state.model is not None
    assert (best.epoch, state.epoch) == (4, 4)
    assert state.model.samefile(open_best(TrialPaths(tmp_path)))
    assert state.model.stat().st_nlink == 2
    assert state.state["model"]["sha256"] == best.sha256
    assert state.arrays.stat().st_size == 0
    assert sum(len(value) for _, value in iter_values(state)) == 3 * 15 * 4 + 8 + 4
    older = TrialPaths(tmp_path).latest / "epoch-000003" / "model.keras"
    assert older.stat().st_nlink == 1  # the best one of then


def test_variables_that_keras_does_not_save_are_beside_the_link(tmp_path: Path) -> None:
    """The generator of a dropout layer is not in a `.keras` file."""
    train(tmp_path, with_checkpoint(make_spec(epochs=1)))
    state = find_state(tmp_path)
    assert state.model is not None
    offsets = state.state["model"]["offsets"]
    rest = [
        name
        for name, offset in zip(state.state["variables"], offsets, strict=True)
        if offset is None
    ]
    assert (rest, state.arrays.stat().st_size) == (["seed_generator_state int64[2]"], 16)


@pytest.mark.parametrize("model", ["build_mlp", "build_cnn", "build_rnn", "build_momentum"])
def test_linked_state_holds_the_bits_of_one_written_in_full(tmp_path: Path, model: str) -> None:
    """With weights only, which the state cannot do with, the same training writes its arrays."""
    train(tmp_path / "linked", with_checkpoint(make_spec(model, epochs=1)))
    options = {"path": "{epoch}.weights.h5", "save_weights_only": True}
    train(tmp_path / "full", with_checkpoint(make_spec(model, epochs=1), **options))
    linked, full = find_state(tmp_path / "linked"), find_state(tmp_path / "full")
    assert (bool(linked.model), bool(full.model)) == (True, False)
    assert list(iter_values(linked)) == list(iter_values(full))


@pytest.mark.parametrize("model", ["build_loss_scaled", "build_diverging"])
def test_state_without_a_file_of_its_values_is_written_in_full(tmp_path: Path, model: str) -> None:
    """Where the model saves itself in its own way, and where the epoch is not the best one."""
    train(tmp_path, make_spec(model, epochs=2))
    assert find_state(tmp_path).model is None
    assert hash_state(find_state(tmp_path))


def kill_after(epoch: int, patch: pytest.MonkeyPatch) -> None:
    """Let a trial die once the state of an epoch is on disk."""
    commit = LatestStore.commit

    def die_afterwards(store: LatestStore, *arguments: Any, **options: Any) -> None:
        commit(store, *arguments, **options)
        if arguments[0] == epoch:
            raise KilledError

    patch.setattr(LatestStore, "commit", die_afterwards)


def train_killed(folder: Path, monkeypatch: pytest.MonkeyPatch, model: str = "build_mlp") -> None:
    """Train until the first epoch, the best one so far, is on disk."""
    with monkeypatch.context() as patch:
        kill_after(1, patch)
        with pytest.raises(KilledError):
            train(folder, make_spec(model))


@pytest.mark.parametrize("model", ["build_mlp", "build_cnn", "build_rnn", "build_momentum"])
def test_trial_killed_after_a_best_epoch_resumes_bit_identical_from_the_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """Promise 2, from a state whose values lie in the best checkpoint."""
    train(tmp_path / "whole", make_spec(model))
    train_killed(tmp_path / "parts", monkeypatch, model)
    assert find_state(tmp_path / "parts").model is not None
    channel = FakeChannel()
    train(tmp_path / "parts", make_spec(model), channel, attempt=2)
    assert [epoch for epoch, _, _ in channel.reports] == [1, 2, 3, 4]
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")


def test_red_control_with_the_values_looked_for_elsewhere_it_comes_to_other_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value further on in the file lies another one."""
    write_archive = snapshot._write_archive
    train(tmp_path / "whole", make_spec())
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "_write_archive", lambda *given: write_archive(*given) + 4)
        train_killed(tmp_path / "parts", monkeypatch)
    train(tmp_path / "parts", make_spec(), attempt=2)
    assert read_state(tmp_path / "parts") != read_state(tmp_path / "whole")


def test_without_hard_links_the_file_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many bytes as without this, and the trial resumes from them as from a link."""

    def refuse(*arguments: Any) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    train(tmp_path / "whole", make_spec())
    monkeypatch.setattr(os, "link", refuse)
    train_killed(tmp_path / "parts", monkeypatch)
    state, best = find_state(tmp_path / "parts"), open_best(TrialPaths(tmp_path / "parts"))
    assert state.model is not None
    assert state.model.read_bytes() == best.read_bytes()
    assert not state.model.samefile(best)
    train(tmp_path / "parts", make_spec(), attempt=2)
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")


def test_extension_of_a_linked_state_shares_no_file_with_its_source(tmp_path: Path) -> None:
    """A damaged file costs one trial."""
    train(tmp_path / "source", make_improving())
    copy_trial(TrialPaths(tmp_path / "source"), TrialPaths(tmp_path / "extended"))
    source, extended = find_state(tmp_path / "source"), find_state(tmp_path / "extended")
    assert source.model is not None
    assert extended.model is not None
    assert not extended.model.samefile(source.model)
    assert hash_state(extended) == hash_state(source)
