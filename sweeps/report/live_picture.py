"""Draw a picture of a running sweep for a terminal of a given size. Pure functions."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sweeps.report.progress import EndedTrial, Leader, Picture, RunningTrial
from sweeps.report.text import (
    NONE,
    clean,
    describe_stopping,
    explain,
    format_duration,
    format_settings,
    format_trial,
    format_value,
)

BAR_WIDTH = 10
WIDE = 100  # columns from which parameters are shown too
MAX_ENDED = 8
STATE_STYLES = {
    "complete": "green",
    "pruned": "yellow",
    "failed": "red",
    "interrupted": "magenta",
    "running": "cyan",
    "waiting": "dim",
}


def draw_picture(picture: Picture, *, width: int, height: int) -> list[RenderableType]:
    """Draw header, running trials, ended trials and the newest notice, never more than `height`.

    Running trials come first where lines are short; those that do not fit are counted.
    """
    if picture.sweep is None:
        what = clean(picture.notice) or "starting"
        return [Text(f"{what} ... {format_duration(picture.elapsed)}", style="dim")]
    header = _draw_header(picture, width)
    footer = _draw_footer(picture)
    lines = height - len(header) - len(footer) - 1  # the last one is the cursor's
    running, ended = share_lines(lines, len(picture.running), min(MAX_ENDED, len(picture.ended)))
    parts = list(header)
    if picture.running:
        parts += [Text(), _draw_running(picture, running, width)]
    if ended:
        parts += [Text(), _draw_ended(picture.ended[:ended], width)]
    return parts + footer


def share_lines(lines: int, running: int, ended: int) -> tuple[int, int]:
    """Share the lines left on the screen among the rows of running and of ended trials.

    Running trials come first, three ended ones are kept where there is room for both tables. Each
    table takes two lines more, its head and a blank one.

    Returns:
        Rows for running trials, the one that counts hidden trials included, and for ended ones.
    """
    kept = min(ended, 3)
    if running == 0:
        return 0, max(0, min(ended, lines - 2))
    if kept == 0 or lines < kept + 7:
        return max(1, min(running, lines - 2)), 0
    for_running = min(running, lines - 4 - kept)
    return for_running, min(ended, lines - 4 - for_running)


def _draw_header(picture: Picture, width: int) -> list[RenderableType]:
    sweep = picture.sweep
    assert sweep is not None
    title = Text.assemble(
        (clean(sweep.name), "bold"), f"  {sweep.direction} {clean(sweep.metric)}", no_wrap=True
    )
    title.truncate(max(10, width - 30), overflow="ellipsis")
    times = Text(format_duration(picture.elapsed))
    if picture.left is not None:
        times.append(f", about {format_duration(picture.left)} left", style="dim")
    first = Table.grid(expand=True)
    first.add_column(no_wrap=True)
    first.add_column(justify="right", no_wrap=True)
    first.add_row(title, times)
    return [first, _draw_counts(picture, width), _draw_leader(picture.leader)]


def _draw_counts(picture: Picture, width: int) -> Text:
    assert picture.sweep is not None
    target = picture.sweep.trials
    text = draw_bar(picture.finished, target, min(24, max(8, width // 4)))
    text.append(f" {picture.finished}/{target} trials")
    for state in ("complete", "pruned", "failed"):
        number = picture.counts.get(state, 0)
        text.append("   ")
        text.append(f"{number} {state}", style=STATE_STYLES[state] if number else "dim")
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _draw_leader(leader: Leader | None) -> Text:
    if leader is None:
        return Text("best so far: none yet", style="dim")
    text = Text("best so far: ")
    text.append(format_value(leader.value), style="bold green")
    text.append(f" in trial {format_trial(leader.number)}")
    if leader.is_running:
        text.append(", still running", style="dim")
    return text


def _draw_running(picture: Picture, lines: int, width: int) -> Table:
    assert picture.sweep is not None
    table = _open_table("running", "epoch", "last", "best", "time", wide=width >= WIDE)
    hidden = len(picture.running) - lines
    shown = picture.running[: lines - 1] if hidden else picture.running
    for trial in shown:
        table.add_row(*_running_cells(trial, picture, wide=width >= WIDE))
    if hidden:
        table.add_row("", Text(f"… and {len(picture.running) - len(shown)} more", style="dim"))
    return table


def _running_cells(trial: RunningTrial, picture: Picture, *, wide: bool) -> list[Text]:
    assert picture.sweep is not None
    epochs = picture.sweep.epochs
    number = Text(format_trial(trial.number))
    if trial.attempt > 1:
        number.append(f" #{trial.attempt}", style="dim")
    bar = draw_bar(trial.epoch, epochs, BAR_WIDTH)
    bar.append(f" {trial.epoch:>{len(str(epochs))}}/{epochs}")
    cells = [
        number,
        bar,
        Text(format_value(trial.value)),
        Text(format_value(trial.best)),
        Text(format_duration(picture.now - trial.began)),
    ]
    return [*cells, Text(format_settings(trial.params), style="dim")] if wide else cells


def _draw_ended(ended: tuple[EndedTrial, ...], width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim", width=width)
    table.add_column("ended", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    table.add_column("epoch", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    for trial in ended:
        event = trial.event
        why = explain(event.cause, event.reason) if event.state == "failed" else ""
        table.add_row(
            Text(format_trial(event.number)),
            Text(event.state, style=STATE_STYLES.get(event.state, "")),
            Text(format_value(event.value)),
            Text(NONE if event.epoch is None else str(event.epoch)),
            Text(format_duration(trial.seconds)),
            Text(why, style="dim"),
        )
    return table


def _draw_footer(picture: Picture) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if picture.stopping:
        text = describe_stopping(picture.stopping)
        lines.append(Text(text, style="bold yellow", no_wrap=True, overflow="ellipsis"))
    if picture.notice:
        lines.append(Text(clean(picture.notice), style="dim", no_wrap=True, overflow="ellipsis"))
    return [Text(), *lines] if lines else []


def _open_table(*heads: str, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for index, head in enumerate(heads):
        table.add_column(head, justify="left" if index < 2 else "right", no_wrap=True)
    if wide:
        table.add_column("parameters", no_wrap=True, overflow="ellipsis", ratio=1)
        table.expand = True
    return table


def draw_bar(done: int, whole: int, width: int) -> Text:
    """Draw ``━━━━────``, as much of it bright as is done."""
    filled = min(width, width * done // whole) if whole > 0 else 0
    return Text.assemble(("━" * filled, "cyan"), ("─" * (width - filled), "dim"))
