"""Plain lines for pipes and CI: one per ended trial."""

from __future__ import annotations

import sys
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from sweeps.causes import is_infeasible
from sweeps.report.front import format_objective
from sweeps.report.progress import Picture, SweepProgress
from sweeps.report.text import (
    clean,
    count_of,
    describe_stopping,
    explain,
    format_duration,
    format_trial,
    format_value,
)
from sweeps.worker.events import Event, Notice, Stopping, SweepStarted, TrialEnded, TrialStarted

if TYPE_CHECKING:
    from sweeps.reading import SweepReport


def open_plain_view(earlier: SweepReport | None = None) -> PlainView:
    """Make the plain view on standard output."""
    return PlainView(SweepProgress(earlier), sys.stdout)


class PlainView:
    """Prints a line when the sweep begins, when a trial ends, and when there is something to say.

    Args:
        progress: Where the sweep is.
        stream: Where lines go. Once it is closed, nothing is printed any more and nothing fails.
    """

    def __init__(self, progress: SweepProgress, stream: TextIO) -> None:
        self._progress = progress
        self._stream = stream
        self._lock = Lock()
        self._is_closed = False
        self._attempts: dict[int, int] = {}

    def __enter__(self) -> PlainView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave everything printed."""

    def __call__(self, event: Event) -> None:
        """Print the event's line, if it has one."""
        with self._lock:  # lines in the order of their counters
            picture = self._progress.take(event)
            if isinstance(event, TrialStarted) and self._is_known(event):
                return
            line = describe_event(event, picture)
            if line:
                self._print(line)

    def _is_known(self, event: TrialStarted) -> bool:
        """Tell whether this start was told before: it is told again with more parameters."""
        is_known = self._attempts.get(event.number) == event.attempt
        self._attempts[event.number] = event.attempt
        return is_known

    def _print(self, line: str) -> None:
        if self._is_closed:
            return
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader left, or the stream is closed
            self._is_closed = True


def describe_event(event: Event, picture: Picture) -> str:
    """Write one line about an event; empty for those not worth one."""
    match event:
        case SweepStarted():
            return _describe_sweep(event)
        case TrialStarted() if event.attempt > 1:
            return f"trial {format_trial(event.number)} continues, attempt {event.attempt}"
        case TrialEnded():
            return _describe_end(event, picture)
        case Stopping():
            return describe_stopping(event.reason)
        case Notice():
            return clean(event.text)
    return ""


def _describe_sweep(event: SweepStarted) -> str:
    earlier = f", {event.finished:,} of them finished earlier" if event.finished else ""
    objectives = {event.metric: event.direction, **event.others}
    told = ", ".join(f"{direction} {clean(metric)}" for metric, direction in objectives.items())
    return (
        f"{event.name}: {told}; {count_of(event.trials, 'trial')}"
        f"{earlier}; {count_of(event.workers, 'worker')}; "
        f"at most {count_of(event.epochs, 'epoch')} each"
    )


def _describe_end(event: TrialEnded, picture: Picture) -> str:
    target = picture.sweep.trials if picture.sweep else 0
    width = len(str(target))
    parts = [f"[{picture.finished:>{width}}/{target}] trial {format_trial(event.number)}"]
    parts.append(f"{event.state:<8}")
    if event.value is not None and event.state != "failed":
        others = [
            f"{clean(metric)} {format_objective(metric, value)}"
            for metric, value in event.others.items()
        ]
        told = ", ".join([format_value(event.value), *others])
        parts.append(f"{told} at epoch {event.epoch}")
    if event.state == "failed" or is_infeasible(event.state, event.cause):
        parts.append(explain(event.cause, event.reason))
    seconds = picture.ended[0].seconds
    if seconds is not None:
        parts.append(f"({format_duration(seconds)})")
    return " ".join(parts) + _describe_leader(event, picture)


def _describe_leader(event: TrialEnded, picture: Picture) -> str:
    leader = picture.leader
    if event.state != "complete" or leader is None or leader.number != event.number:
        return ""
    return "  best so far"
