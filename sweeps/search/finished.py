"""The trials of a study that have ended, with what is asked of them again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sweeps.search.front import find_front, find_leader, find_leading
from sweeps.search.records import identify
from sweeps.search.trials import TrialRecord
from sweeps.spec.conditions import Scalar
from sweeps.spec.model import SweepSpec


class FinishedTrials:
    """Remembers the records of finished trials, which never change again.

    Args:
        spec: The sweep's spec: its objectives, and which of the best ones leads.

    Attributes:
        num_first: How many trials have ended before the first one, by number, that has not.
    """

    def __init__(self, spec: SweepSpec) -> None:
        self._objectives = spec.objectives
        self._choose = spec.export.choose
        self._records: dict[int, TrialRecord] = {}
        self._numbers_by_values: dict[str, int] = {}
        self._front: Sequence[TrialRecord] = ()
        self.num_first = 0

    def add(self, records: Sequence[TrialRecord]) -> None:
        """Remember trials that have ended."""
        for record in records:
            self._records[record.number] = record
            if record.state != "failed" and not record.is_infeasible:
                key = identify(record.params)
                earliest = self._numbers_by_values.get(key, record.number)
                self._numbers_by_values[key] = min(earliest, record.number)
        while self.num_first in self._records:
            self.num_first += 1
        # What no trial of the front beats, and the front itself, is all that can lead.
        self._front = find_front([*self._front, *records], self._objectives)

    def get(self, number: int) -> TrialRecord | None:
        """Give a trial; None where it has not ended."""
        return self._records.get(number)

    def find_same(self, values: Mapping[str, Scalar]) -> int | None:
        """Find the first complete or pruned trial that had exactly these values."""
        return self._numbers_by_values.get(identify(values))

    def find_leading(self) -> frozenset[int]:
        """Give the numbers of the trials that lead, or may lead when others have ended."""
        return find_leading(self._front, self._objectives, self._choose)

    def find_leader(self) -> TrialRecord | None:
        """Find the best complete trial by the rule ``export.choose``; the first of equal ones."""
        return find_leader(self._front, self._objectives, self._choose)
