"""Which checkpoints go when disk is short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.checkpoints.keep import StoredTrial, choose_deletions

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
        TRIALS, leader=2, direction="maximize", best=best, max_bytes=max_bytes
    )
    assert chosen == expected


def test_choose_deletions_minimize_and_ties() -> None:
    """Lower is better there, and of two equal trials the later one goes."""
    trials = [
        StoredTrial(0, "complete", 0.5, 1),
        StoredTrial(1, "complete", 0.5, 1),
        StoredTrial(2, "complete", 0.1, 1),
        StoredTrial(3, "complete", None, 1),
    ]
    chosen = choose_deletions(trials, leader=2, direction="minimize", best=1)
    assert chosen == [3, 1, 0]


@pytest.mark.parametrize(("best", "max_bytes"), [(0, None), (None, -1)])
def test_choose_deletions_refuses_impossible_limits(
    best: int | None, max_bytes: int | None
) -> None:
    """Keeping none would lose the leader."""
    with pytest.raises(ValueError, match="expected best >= 1 and max_bytes >= 0"):
        choose_deletions(TRIALS, leader=2, direction="maximize", best=best, max_bytes=max_bytes)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["complete", "pruned", "failed", "running"]),
            st.none() | st.floats(-10, 10),
            st.integers(0, 100),
        ),
        min_size=1,
    ),
    st.integers(1, 5) | st.none(),
    st.integers(0, 300) | st.none(),
)
def test_choose_deletions_keeps_its_promises(
    rows: list[tuple[str, float | None, int]], best: int | None, max_bytes: int | None
) -> None:
    """The leader and unended trials stay; after deletion the limits hold or nothing else may go."""
    trials = [StoredTrial(number, *row) for number, row in enumerate(rows)]
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    leader = max(complete, key=lambda trial: trial.value or 0).number if complete else None
    chosen = choose_deletions(
        trials, leader=leader, direction="maximize", best=best, max_bytes=max_bytes
    )
    assert leader not in chosen
    assert len(set(chosen)) == len(chosen)
    left = [trial for trial in trials if trial.number not in chosen]
    assert [t for t in trials if t.state == "running"] == [t for t in left if t.state == "running"]
    deletable = [t for t in left if t.state != "running" and t.number != leader]
    if deletable:
        ended = [t for t in left if t.state != "running"]
        assert best is None or len(ended) <= best
        assert max_bytes is None or sum(t.num_bytes for t in left) <= max_bytes
