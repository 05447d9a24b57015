"""The learning curve of a trial as a picture: SVG, which browsers and GitHub show as it is."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT = 360, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 34, 44
_STROKES = {"training": "#8c8c8c", "validation": "#0b63ce"}

History = Sequence[Mapping[str, float]]


def read_history(path: Path) -> list[dict[str, float]]:
    """Read a trial's ``history.csv``: one row an epoch, the numbers that are there by name."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [_read_row(row) for row in csv.DictReader(file)]


def draw_curve(history: History, metric: str, best_epoch: int | None) -> str:
    """Draw metric and loss over epochs, of training and validation, the best epoch marked.

    Args:
        history: One row an epoch, with the key ``epoch``.
        metric: The objective's metric, such as ``val_accuracy``.
        best_epoch: The epoch whose model was kept, 1-based.

    Returns:
        The SVG file's text. Values that are not finite leave a gap.
    """
    names = list(dict.fromkeys([metric.removeprefix("val_"), "loss"]))
    panels = [_Panel(name, history) for name in names]
    panels = [panel for panel in panels if panel.lines]
    width = max(1, len(panels)) * _WIDTH
    body = [
        line
        for index, panel in enumerate(panels)
        for line in (f'<g transform="translate({index * _WIDTH} 0)">', *panel.draw(best_epoch))
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" '
        f'viewBox="0 0 {width} {_HEIGHT}" font-family="sans-serif" font-size="11">'
    )
    ground = f'<rect width="{width}" height="{_HEIGHT}" fill="#ffffff"/>'
    return "\n".join([head, ground, *body, "</svg>", ""])


@dataclass(frozen=True)
class _Scale:
    """Where a range of values lies on a stretch of the picture."""

    low: float
    high: float
    start: float
    stop: float

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.stop - self.start), 1)

    def ticks(self, most: int = 5) -> Iterator[float]:
        """Give round values within the range."""
        step = _round_up((self.high - self.low) / most)
        for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            yield number * step


class _Panel:
    """One metric over epochs."""

    def __init__(self, name: str, history: History) -> None:
        self.name = name
        columns = {"training": name, "validation": f"val_{name}"}
        found = {kind: _find_points(history, column) for kind, column in columns.items()}
        self.lines = {kind: points for kind, points in found.items() if points}
        points = [point for line in self.lines.values() for point in line]
        if not points:
            return
        epochs, values = zip(*points, strict=True)
        margin = (max(values) - min(values)) * 0.05 or abs(max(values)) * 0.05 or 1.0
        last = max(2.0, *epochs)
        self._x = _Scale(1.0, last, _LEFT, _WIDTH - _RIGHT)
        low, high = min(values) - margin, max(values) + margin
        self._y = _Scale(low, high, _HEIGHT - _BOTTOM, _TOP)

    def draw(self, best_epoch: int | None) -> Iterator[str]:
        yield from self._draw_grid()
        if best_epoch is not None and best_epoch <= self._x.high:
            place = self._x.place(best_epoch)
            yield (
                f'<line x1="{place}" y1="{_TOP}" x2="{place}" y2="{_HEIGHT - _BOTTOM}" '
                'stroke="#d1242f" stroke-dasharray="3 3"/>'
            )
        for index, (kind, points) in enumerate(self.lines.items()):
            yield from self._draw_line(index, kind, points)
        yield "</g>"

    def _draw_grid(self) -> Iterator[str]:
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        title = escape(self.name)
        yield f'<text x="{_LEFT}" y="20" font-size="13" font-weight="bold">{title}</text>'
        for tick in self._y.ticks():
            y = self._y.place(tick)
            end = _WIDTH - _RIGHT
            yield f'<line x1="{_LEFT}" y1="{y}" x2="{end}" y2="{y}" stroke="#e6e6e6"/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{tick:.4g}</text>'
        for tick in self._x.ticks():
            if tick == int(tick):
                x, y = self._x.place(tick), _HEIGHT - _BOTTOM + 16
                yield f'<text x="{x}" y="{y}" text-anchor="middle">{tick:.0f}</text>'
        yield f'<text x="{middle}" y="{_HEIGHT - 10}" text-anchor="middle">epoch</text>'

    def _draw_line(
        self, index: int, kind: str, points: Sequence[tuple[float, float]]
    ) -> Iterator[str]:
        stroke, x = _STROKES[kind], _WIDTH - _RIGHT - 150 + 80 * index
        places = [(self._x.place(epoch), self._y.place(value)) for epoch, value in points]
        path = " ".join(f"{x},{y}" for x, y in places)
        yield f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="2"/>'
        if len(places) <= 50:
            yield from (f'<circle cx="{x}" cy="{y}" r="2.5" fill="{stroke}"/>' for x, y in places)
        yield f'<rect x="{x}" y="12" width="10" height="10" fill="{stroke}"/>'
        yield f'<text x="{x + 14}" y="21">{kind}</text>'


def _find_points(history: History, column: str) -> list[tuple[float, float]]:
    return [
        (row["epoch"], row[column])
        for row in history
        if column in row and "epoch" in row and math.isfinite(row[column])
    ]


def _read_row(row: Mapping[str, str]) -> dict[str, float]:
    values = {}
    for name, text in row.items():
        try:
            values[name] = float(text)
        except (TypeError, ValueError):  # an epoch without validation, a metric that is a list
            continue
    return values


def _round_up(step: float) -> float:
    """Give the next step of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
