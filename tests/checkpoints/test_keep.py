"""Which checkpoints go when disk is short."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.checkpoints.keep import Deletions, StoredTrial, choose_deletions

TRIALS = (
    StoredTrial(0, "complete", 0.7, 10),
    StoredTrial(1, "pruned", 0.9, 10),
    StoredTrial(2, "complete", 0.8, 10),
    StoredTrial(3, "failed", 0.95, 10),
    StoredTrial(4, "running", 0.1, 10),
    StoredTrial(5, "pruned", 0.2, 10),
)


@pytest.mark.parametrize(
    ("best", "max_bytes", "expected"),
    [
        (None, None, []),
        (None, 60, []),
        (None, 59, [3]),
        (None, 30, [3, 5, 1]),
        (None, 0, [3, 5, 1, 0]),
        (5, None, []),
        (2, None, [3, 5, 1]),
        (1, None, [3, 5, 1, 0]),
        (3, 35, [3, 5, 1]),
    ],
)
def test_choose_deletions_failed_and_pruned_go_first(
    best: int | None, max_bytes: int | None, expected: list[int]
) -> None:
    """The worst goes first within its kind; the leader and a running trial stay."""
    chosen = choose_deletions(
        TRIALS, leading={2}, direction="maximize", best=best, max_bytes=max_bytes
    )
    assert chosen == Deletions(checkpoints=tuple(expected))


def test_choose_deletions_minimize_and_ties() -> None:
    """Lower is better there, and of two equal trials the later one goes."""
    trials = [
        StoredTrial(0, "complete", 0.5, 1),
        StoredTrial(1, "complete", 0.5, 1),
        StoredTrial(2, "complete", 0.1, 1),
        StoredTrial(3, "complete", None, 1),
    ]
    chosen = choose_deletions(trials, leading={2}, direction="minimize", best=1)
    assert chosen.checkpoints == (3, 1, 0)


WITH_STATES = tuple(replace(trial, latest_bytes=5) for trial in TRIALS)
"""90 bytes: 60 of checkpoints, 30 of states, 15 of these for what may be kept."""


@pytest.mark.parametrize(
    ("latest", "best", "max_bytes", "states", "checkpoints"),
    [
        (3, None, None, (3, 5, 1), ()),
        (1, None, None, (3, 5, 1, 0), ()),
        (0, None, None, (3, 5, 1, 0, 2), ()),
        (3, 1, None, (3, 5, 1, 0), (3, 5, 1, 0)),
        (3, None, 75, (3, 5, 1), ()),
        (3, None, 74, (3, 5, 1, 0), ()),
        (3, None, 69, (3, 5, 1, 0, 2), ()),
        (3, None, 64, (3, 5, 1, 0, 2), (3,)),
        (3, None, 0, (3, 5, 1, 0, 2), (3, 5, 1, 0)),
        (3, 3, 50, (3, 5, 1, 0), (3, 5)),
    ],
)
def test_choose_deletions_latest_states_go_before_checkpoints(
    latest: int,
    best: int | None,
    max_bytes: int | None,
    states: tuple[int, ...],
    checkpoints: tuple[int, ...],
) -> None:
    """Only the best complete trials keep theirs, and give them up first, the leader's last."""
    chosen = choose_deletions(
        WITH_STATES,
        leading={2},
        direction="maximize",
        best=best,
        max_bytes=max_bytes,
        latest=latest,
    )
    assert chosen == Deletions(states, checkpoints)


def test_choose_deletions_keeps_every_trial_that_may_lead() -> None:
    """With several objectives the leader may be one that was none before."""
    trials = [StoredTrial(number, "complete", float(number), 10, 0) for number in range(4)]
    chosen = choose_deletions(trials, leading={0, 2}, direction="minimize", best=1)
    assert chosen.checkpoints == (3, 1)
    limited = choose_deletions(trials, leading={0, 2}, direction="minimize", max_bytes=0)
    assert limited.checkpoints == (3, 1)


def test_choose_deletions_state_of_an_extended_trial_goes() -> None:
    """Only the trial that went on from there may be extended, however much better its source is."""
    trials = [
        StoredTrial(0, "complete", 0.9, 10, 5, is_extended=True),
        StoredTrial(1, "complete", 0.8, 10, 5),
        StoredTrial(2, "complete", 0.7, 10, 5),
    ]
    chosen = choose_deletions(trials, leading={0}, direction="maximize", latest=2)
    assert chosen == Deletions(latest=(0,))


@pytest.mark.parametrize(("best", "max_bytes", "latest"), [(0, None, 0), (None, -1, 0), (1, 1, -1)])
def test_choose_deletions_refuses_impossible_limits(
    best: int | None, max_bytes: int | None, latest: int
) -> None:
    """Keeping none would lose the leader."""
    with pytest.raises(ValueError, match="expected best >= 1, max_bytes >= 0 and latest >= 0"):
        choose_deletions(
            TRIALS,
            leading={2},
            direction="maximize",
            best=best,
            max_bytes=max_bytes,
            latest=latest,
        )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["complete", "pruned", "failed", "running"]),
            st.none() | st.floats(-10, 10),
            st.integers(0, 100),
            st.integers(0, 100),
        ),
        min_size=1,
    ),
    st.integers(1, 5) | st.none(),
    st.integers(0, 300) | st.none(),
    st.integers(0, 3),
)
def test_choose_deletions_keeps_its_promises(
    rows: list[tuple[str, float | None, int, int]],
    best: int | None,
    max_bytes: int | None,
    latest: int,
) -> None:
    """The leader and unended trials stay; after deletion the limits hold or nothing else may go."""
    trials = [StoredTrial(number, *row) for number, row in enumerate(rows)]
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    leader = max(complete, key=lambda trial: trial.value or 0).number if complete else None
    chosen = choose_deletions(
        trials,
        leading=set() if leader is None else {leader},
        direction="maximize",
        best=best,
        max_bytes=max_bytes,
        latest=latest,
    )
    assert leader not in chosen.checkpoints
    assert len(set(chosen.checkpoints)) == len(chosen.checkpoints)
    assert len(set(chosen.latest)) == len(chosen.latest)
    left = [_delete(trial, chosen) for trial in trials]
    assert [t for t in trials if t.state == "running"] == [t for t in left if t.state == "running"]
    stored = [t for t in left if t.state != "running" and t.num_bytes]
    states = [t for t in left if t.state != "running" and t.latest_bytes]
    assert len(states) <= latest
    assert all(trial.state == "complete" and trial.num_bytes for trial in states)
    if [t for t in stored if t.number != leader]:
        assert best is None or len(stored) <= best
        used = sum(trial.num_bytes + trial.latest_bytes for trial in left)
        assert max_bytes is None or used <= max_bytes
    if chosen.checkpoints and best is None:
        assert not states  # only what is over the limit made them go


def _delete(trial: StoredTrial, chosen: Deletions) -> StoredTrial:
    if trial.number in chosen.checkpoints:
        trial = replace(trial, num_bytes=0)
    return replace(trial, latest_bytes=0) if trial.number in chosen.latest else trial
