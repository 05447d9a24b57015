"""The live table on a terminal."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live

from sweeps.report.live_picture import draw_picture
from sweeps.report.progress import SweepProgress
from sweeps.report.screen import open_screen
from sweeps.worker.events import Event, Notice

if TYPE_CHECKING:
    from sweeps.reading import SweepReport

REFRESH_PER_SECOND = 4  # drawing competes with training for the CPU


def open_live_view(earlier: SweepReport | None = None) -> LiveView:
    """Make the live view on standard output."""
    return LiveView(SweepProgress(earlier), open_screen())


class LiveView:
    """Draws the sweep four times a second from a thread of its own.

    Events only update the progress, so that no trial ever waits for the terminal. When the
    block ends, the last picture stays on the screen.

    Args:
        progress: Where the sweep is.
        console: The terminal.
    """

    def __init__(self, progress: SweepProgress, console: Console) -> None:
        self._progress = progress
        self._live = Live(
            _Drawing(progress),
            console=console,
            refresh_per_second=REFRESH_PER_SECOND,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=True,  # a warning is printed above the table, not through it
        )

    def __enter__(self) -> LiveView:
        with suppress(OSError):
            self._live.start()
            # Rich hides the cursor; a process that is killed would leave it hidden.
            self._live.console.show_cursor(True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Draw the last picture, if the sweep began at all, and give the terminal back."""
        began = self._progress.take(Notice("")).sweep is not None
        self._live.transient = not began
        with suppress(OSError):  # the terminal is gone
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take note of an event; the next redraw shows it."""
        self._progress.take(event)


class _Drawing:
    """Draws the progress at the moment, and at the size, that the terminal has when asked."""

    def __init__(self, progress: SweepProgress) -> None:
        self._progress = progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts: list[RenderableType] = draw_picture(
            self._progress.picture(), width=options.max_width, height=console.size.height
        )
        yield Group(*parts)
