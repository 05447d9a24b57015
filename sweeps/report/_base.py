"""What a view is."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from sweeps.worker.events import Event

if TYPE_CHECKING:
    from sweeps.reading import SweepReport


class View(Protocol):
    """Shows a sweep while it runs: a context manager whose value is the sweep's observer.

    Called from several threads at once, of epochs from the one that answers all trials. It must not
    block longer than printing a line takes, and must never raise: a closed terminal costs the view,
    not the sweep. After its block has ended, the screen belongs to whoever prints next.
    """

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        ...

    def __enter__(self) -> View:
        """Take the screen."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the screen back."""
        ...


class OpenView(Protocol):
    """A member of the menu of views."""

    def __call__(self, earlier: SweepReport | None = None) -> View:
        """Make a view on standard output.

        Args:
            earlier: The sweep as an earlier run left it; None for a new one.
        """
        ...
