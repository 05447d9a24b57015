"""When failing trials end a sweep: too many, or all with the same error from the start."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from sweeps.causes import Cause
from sweeps.search.trials import TrialRecord
from sweeps.worker.events import TrialEnded
from sweeps.worker.outcomes import identify_error

FIRST = 3
"""So many trials that fail with one error, and none that did anything else, end a sweep."""


class Failures:
    """Looks at each trial that ends, and says when it was one failure too many.

    Safe to call from several threads.

    Where ``limits.failures`` is given it decides alone. Else a sweep ends where the first trials of
    this run all fail with the same error, and no trial of an earlier run did better.

    Args:
        most: ``limits.failures``.
        trials: The trials of earlier runs.
        num_left: How many trials this run is to train.
    """

    def __init__(self, most: int | None, trials: Sequence[TrialRecord], num_left: int) -> None:
        self._most = most
        self._causes = Counter(
            trial.cause or "unknown" for trial in trials if trial.state == "failed"
        )
        did_better = any(trial.state in ("complete", "pruned") for trial in trials)
        self._num_first = 0 if did_better or num_left < 2 else min(FIRST, num_left)
        self._first: list[TrialEnded] = []
        self._lock = threading.Lock()

    def take(self, ended: TrialEnded) -> str:
        """Take note of a trial's end; returns why the sweep should stop, or nothing."""
        with self._lock:
            if ended.state == "failed":
                self._causes[ended.cause] += 1
            return self._find_too_many(ended) if self._most is not None else self._find_same(ended)

    def _find_too_many(self, ended: TrialEnded) -> str:
        total = self._causes.total()
        if ended.state != "failed" or total < (self._most or 0):
            return ""
        told = ", ".join(f"{number} {cause}" for cause, number in self._causes.most_common())
        return (
            f"{total} trials failed, as many as limits.failures allows ({told}); "
            f"the last one: {ended.reason} To go on all the same, resume with "
            f"--set limits.failures={2 * total}"
        )

    def _find_same(self, ended: TrialEnded) -> str:
        if ended.state == "interrupted" or len(self._first) >= self._num_first:
            return ""
        self._first.append(ended)
        if len(self._first) < self._num_first or len(set(map(_identify, self._first))) > 1:
            return ""
        if ended.cause != Cause.ERROR:
            return ""
        return (
            f"the first {self._num_first} trials failed with the same error: {ended.reason} "
            "Then go on with resume --accept-change, which leaves the failed trials as they are, "
            "or begin anew with run --fresh"
        )


def _identify(ended: TrialEnded) -> tuple[str, str]:
    return ended.cause, identify_error(ended.reason)
