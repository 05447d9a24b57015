"""Tests of `sweeps.worker.outcomes`."""

from __future__ import annotations

import pytest

from sweeps.worker.outcomes import Death, explain_death


@pytest.mark.parametrize(
    ("status", "cause", "reason"),
    [
        (-9, "killed", "killed by SIGKILL, most often because the machine ran out of memory."),
        (-11, "crashed", "crashed with SIGSEGV."),
        (-6, "crashed", "crashed with SIGABRT."),
        (-100, "crashed", "crashed with signal 100."),
        (3, "exit", "the process ended itself with status 3."),
        (0, "exit", "the process ended itself with status 0."),
    ],
)
def test_explain_death_says_what_ended_the_process(status: int, cause: str, reason: str) -> None:
    """Each way to die is a failure of that trial, with its signal or status by name."""
    end = explain_death(Death(status))
    assert (end.state, end.cause) == ("failed", cause)
    assert end.reason.startswith(reason)
    assert len(end.reason) > len(reason), "and what to do about it"


def test_explain_death_of_a_server_is_no_failure_of_the_trial() -> None:
    """A trial that was lost with its server is continued."""
    end = explain_death(Death(None))
    assert (end.state, end.cause) == ("interrupted", "lost")
    assert end.reason.startswith("the process that forks trials died")


def test_explain_death_timeout_wins_over_the_signal_it_was_killed_with() -> None:
    """Our own kill is a timeout and says which limit to raise."""
    end = explain_death(Death(-9, timed_out=True), timeout_seconds=90.0)
    assert (end.state, end.cause) == ("failed", "timeout")
    assert end.reason == (
        "not finished after 90 s and killed. "
        "Raise limits.trial_timeout, or narrow what makes trials slow."
    )
