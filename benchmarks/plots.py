"""Plots as SVG, drawn by hand: nothing to install, and a change of a figure is a change of a line.

Colours and text are readable on a light and on a dark page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
COLOURS = ("#d1495b", "#2e86ab", "#5b8c5a", "#8e6c8a", "#c08a2b", "#808080")
INK = "#7a7a7a"
_STYLE = "font-family='sans-serif' font-size='13'"


@dataclass(frozen=True)
class Line:
    """One course over time.

    Attributes:
        name: What it belongs to; equal names have one colour and one entry in the legend.
        points: ``(seconds, value)``, ascending; a value holds until the next one.
    """

    name: str
    points: Sequence[tuple[float, float]]


def draw_bars(title: str, bars: Sequence[tuple[str, float]], *, unit: str) -> str:
    """Draw a bar for each name, the first one highlighted."""
    left, row, top = 290, 28, 40
    most = max(value for _, value in bars)
    scale = (WIDTH - left - 90) / most
    parts = [_write(10, 22, title, weight="bold")]
    for index, (name, value) in enumerate(bars):
        y = top + row * index
        colour = COLOURS[0] if index == 0 else COLOURS[1]
        length = max(value * scale, 1)
        parts.append(_write(left - 10, y + 15, name, anchor="end"))
        parts.append(
            f"<rect x='{left}' y='{y}' width='{length:.1f}' height='{row - 8}' fill='{colour}'/>"
        )
        parts.append(_write(left + length + 8, y + 15, f"{value:.1f} {unit}"))
    return _wrap(parts, top + row * len(bars) + 10)


def draw_lines(title: str, lines: Sequence[Line], *, target: float) -> str:
    """Draw courses as steps over seconds, and the target as a dashed line.

    The value axis begins a little below where most courses spend their time: what comes in the
    first moments is cut off.
    """
    left, right, top, height = 60, 20, 70, 280
    names = list(dict.fromkeys(line.name for line in lines))
    last = max(line.points[-1][0] for line in lines)
    high = max(target, *(value for line in lines for _, value in line.points))
    low = target - 4 * max(high - target, 0.01)
    width = WIDTH - left - right

    def place(seconds: float, value: float) -> tuple[float, float]:
        share = (max(value, low) - low) / (1.02 * (high - low))
        return left + width * seconds / last, top + height * (1 - share)

    parts = [_write(10, 22, title, weight="bold")]
    parts += _draw_legend(names, 10, 46)
    for line in lines:
        colour = COLOURS[names.index(line.name) % len(COLOURS)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in _make_steps(line.points, place))
        parts.append(
            f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>"
        )
    _, y = place(0, target)
    parts.append(
        f"<path d='M{left},{y:.1f} H{left + width}' stroke='{INK}' stroke-dasharray='5 4'/>"
    )
    parts += _draw_axes(left, top, width, height, (low, high + 0.02 * (high - low), last))
    return _wrap(parts, top + height + 45)


def _make_steps(points: Sequence[tuple[float, float]], place: object) -> list[tuple[float, float]]:
    assert callable(place)
    steps: list[tuple[float, float]] = []
    for seconds, value in points:
        if steps:
            steps.append((place(seconds, value)[0], steps[-1][1]))
        steps.append(place(seconds, value))
    return steps


def _draw_legend(names: Sequence[str], x: float, y: float) -> list[str]:
    parts = []
    for index, name in enumerate(names):
        colour = COLOURS[index % len(COLOURS)]
        parts.append(f"<rect x='{x}' y='{y - 9}' width='14' height='4' fill='{colour}'/>")
        parts.append(_write(x + 20, y, name))
        x += 40 + 6.8 * len(name)
    return parts


def _draw_axes(
    left: float, top: float, width: float, height: float, ranges: tuple[float, float, float]
) -> list[str]:
    low, high, last = ranges
    parts = [
        f"<path d='M{left},{top} V{top + height} H{left + width}' stroke='{INK}' fill='none'/>"
    ]
    for tick in range(5):
        share = tick / 4
        y = top + height * (1 - share)
        parts.append(_write(left - 6, y + 4, f"{low + share * (high - low):.3f}", anchor="end"))
    step = _choose_step(last)
    for count in range(int(last / step) + 1):
        x = left + width * count * step / last
        parts.append(_write(x, top + height + 18, f"{count * step:g}", anchor="middle"))
    parts.append(_write(left + width, top + height + 36, "seconds", anchor="end"))
    return parts


def _choose_step(last: float) -> float:
    """Choose a round distance of ticks, of which there are four to ten."""
    unit = 10 ** math.floor(math.log10(last))
    return float(next(unit * part for part in (0.1, 0.2, 0.5, 1) if last / (unit * part) <= 10))


def _write(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-weight='{weight}' "
        f"fill='{INK}'>{escape(text)}</text>"
    )


def _wrap(parts: Sequence[str], height: float) -> str:
    body = "\n".join(parts)
    size = f"width='{WIDTH}' height='{height:.0f}' viewBox='0 0 {WIDTH} {height:.0f}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} {_STYLE}>\n{body}\n</svg>\n"
