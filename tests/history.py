"""A checker of what happened to the trials of a sweep, over a plain list of events.

Whoever records appends an `Event` at the moment it happens, under one lock; the order of the list
is the order of time. Where events come from different processes, write them as JSON lines to one
file opened with ``O_APPEND`` and read them with `read_events`.

What to record:

===========  =======================================================================================
``ask``      the study handed out a new trial (`Study.ask` returned)
``begin``    a process begins an attempt: before its first message
``report``   the study has taken a value (`Study.report` returned): ``epoch`` and ``value``
``end``      the process of an attempt is over: it has ended, or is known to be dead
``tell``     the study has taken the end of a trial (`Study.tell` returned): ``state`` and ``value``
``refused``  a message of an attempt was refused
``died``     the driver is gone with all its processes; ``number`` is not looked at
===========  =======================================================================================

`check_history` gives a list of sentences, one for each rule that is broken; an empty list is good.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Event:
    """Something that happened to a trial.

    Attributes:
        kind: One of the words above.
        number: The trial.
        attempt: Its attempt; of no meaning for ``ask`` and ``died``.
        epoch: For ``report``.
        value: For ``report`` and ``tell``.
        state: For ``tell``.
    """

    kind: str
    number: int = -1
    attempt: int = 0
    epoch: int = 0
    value: float | None = None
    state: str = ""

    def to_line(self) -> str:
        """Give the event as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"


def read_events(path: Path) -> list[Event]:
    """Read events that were appended as lines; a torn last line is left out."""
    lines = path.read_text().splitlines(keepends=True)
    return [Event(**json.loads(line)) for line in lines if line.endswith("\n")]


def check_history(events: Iterable[Event], *, num_trials: int | None = None) -> list[str]:
    """Find what must not have happened.

    Each trial is claimed once, its attempts run one after the other with growing numbers, its
    epochs are reported in order with one value each, it ends once, and nothing happens to it then.

    Args:
        events: In the order of time.
        num_trials: How many trials have to be there, from 0 on, all of them told; None where the
            history is that of a sweep which goes on.
    """
    trials: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.kind == "died":
            for known in trials.values():
                known.append(event)
        else:
            trials[event.number].append(event)
    found = [problem for number in sorted(trials) for problem in _check_trial(trials[number])]
    if num_trials is not None:
        found += _check_all_there(trials, num_trials)
    return found


def _check_all_there(trials: dict[int, list[Event]], num_trials: int) -> Iterator[str]:
    for number in range(num_trials):
        kinds = [event.kind for event in trials.get(number, [])]
        yield from (
            f"trial {number} has no {kind}" for kind in ("ask", "tell") if kind not in kinds
        )
    yield from (f"nobody wanted trial {number}" for number in trials if number >= num_trials)


def _check_trial(events: Sequence[Event]) -> Iterator[str]:
    number, life = events[0].number, _Life()
    for event in events:
        for problem in life.note(event):
            yield f"trial {number}: {problem}"
    if life.num_asks != 1:
        yield f"trial {number}: claimed {life.num_asks} times"


class _Life:
    """What has happened to one trial so far."""

    def __init__(self) -> None:
        self.num_asks = 0
        self._begun = 0
        self._alive = 0
        self._is_told = False
        self._values: dict[int, float | None] = {}

    def note(self, event: Event) -> Iterator[str]:
        """Take note of an event; yields what is wrong with it."""
        if self._is_told and event.kind not in ("refused", "died"):
            yield f"{event.kind} of attempt {event.attempt} after it was told"
        yield from getattr(self, f"_note_{event.kind}")(event)

    def _note_ask(self, event: Event) -> Iterator[str]:
        self.num_asks += 1
        yield from ()

    def _note_begin(self, event: Event) -> Iterator[str]:
        if self._alive:
            yield f"attempt {event.attempt} began while attempt {self._alive} was alive"
        if event.attempt <= self._begun:
            yield f"attempt {event.attempt} began after attempt {self._begun}"
        self._begun = self._alive = event.attempt

    def _note_report(self, event: Event) -> Iterator[str]:
        if event.attempt != self._begun:
            yield f"a report of attempt {event.attempt} was taken in attempt {self._begun}"
        last = max(self._values, default=0)
        if event.epoch > last + 1:
            yield f"epoch {event.epoch} was reported after epoch {last}"
        first = self._values.setdefault(event.epoch, event.value)
        if first != event.value:
            yield f"epoch {event.epoch} was {first!r}, then {event.value!r}"

    def _note_end(self, event: Event) -> Iterator[str]:
        if self._alive != event.attempt:
            yield f"attempt {event.attempt} ended, but {self._alive or 'none'} was alive"
        self._alive = 0

    def _note_tell(self, event: Event) -> Iterator[str]:
        if self._alive:
            yield f"told as {event.state} while attempt {self._alive} was alive"
        self._is_told = True

    def _note_refused(self, event: Event) -> Iterator[str]:
        if event.attempt >= self._begun and not self._is_told:
            yield f"attempt {event.attempt} was refused, but it is the newest one"

    def _note_died(self, event: Event) -> Iterator[str]:
        del event
        self._alive = 0
        yield from ()
