"""Tests of `sweeps.worker.failures`."""

from __future__ import annotations

import pytest

from sweeps.search.trials import TrialRecord
from sweeps.worker.events import TrialEnded
from sweeps.worker.failures import Failures

SAME = "ValueError: row %d is empty (at model.py:%d, in build). The traceback is in log.txt."


def fail(number: int, reason: str = SAME, cause: str = "error") -> TrialEnded:
    text = reason % (number, 10 + number) if "%" in reason else reason
    return TrialEnded(number, "failed", None, None, cause, text)


def end(number: int, state: str = "complete") -> TrialEnded:
    return TrialEnded(number, state, 0.5, 1)


def take_all(failures: Failures, *ends: TrialEnded) -> list[str]:
    return [failures.take(each) for each in ends]


def test_failures_same_error_in_the_first_three_stops() -> None:
    """The third one is enough; its text has the error with the user's line, and what to do."""
    told = take_all(Failures(None, (), 20), *map(fail, range(4)))
    assert told[:2] == ["", ""]
    assert told[2].startswith(
        "the first 3 trials failed with the same error: ValueError: row 2 is empty "
        "(at model.py:12, in build)."
    )
    assert "resume --accept-change" in told[2]
    assert told[3] == ""


@pytest.mark.parametrize(
    "ends",
    [
        (fail(0), end(1), fail(2), fail(3), fail(4)),
        (fail(0), fail(1), end(2, "pruned"), fail(3), fail(4)),
        (fail(0), fail(1, "TypeError: no"), fail(2), fail(3), fail(4)),
        (fail(0, cause="killed"), fail(1, cause="killed"), fail(2, cause="killed")),
        (fail(0), fail(1), end(2, "interrupted")),
    ],
)
def test_failures_anything_else_among_the_first_goes_on(ends: tuple[TrialEnded, ...]) -> None:
    """One trial that did something else shows that it is not the code as such."""
    assert not any(take_all(Failures(None, (), 20), *ends))


def test_failures_few_trials_all_count_but_a_single_one_does_not() -> None:
    """Where two are left, both have to fail so; one alone shows no pattern."""
    assert "the first 2 trials" in take_all(Failures(None, (), 2), fail(0), fail(1))[1]
    assert not any(take_all(Failures(None, (), 1), fail(0)))


def test_failures_of_an_earlier_run_neither_stop_nor_excuse_a_sweep() -> None:
    """A resumed sweep is given three new trials; where one ever completed, the code can work."""
    failed = tuple(
        TrialRecord(number, "failed", cause="error", reason=fail(number).reason)
        for number in range(3)
    )
    again = take_all(Failures(None, failed, 10), *map(fail, range(3, 6)))
    assert again[:2] == ["", ""]
    assert again[2]
    better = (*failed, TrialRecord(3, "complete", value=0.5))
    assert not any(take_all(Failures(None, better, 10), *map(fail, range(4, 9))))


def test_failures_limit_decides_alone_and_tells_its_causes() -> None:
    """``limits.failures`` counts all failures of the sweep, of whatever cause."""
    earlier = (TrialRecord(0, "failed", cause="timeout", reason="slow"),)
    told = take_all(Failures(5, earlier, 20), *map(fail, range(1, 5)))
    assert told[:3] == ["", "", ""]
    assert told[3].startswith(
        "5 trials failed, as many as limits.failures allows (4 error, 1 timeout); "
        "the last one: ValueError: row 4"
    )
