"""Numbers, times and foreign text as a person reads them on a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NONE = "-"
STOPS = {
    "interrupted": "stopped by Ctrl-C",
    "terminated": "stopped by SIGTERM",
    "timeout": "stopped by the sweep's time limit",
}
ESCAPE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"
)  # ECMA-48 control sequences: colours, cursor moves


def format_value(value: float | None) -> str:
    """Write a metric's value with four decimals, or as 1.23e-05 where those would hide it."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.4f}"
    return f"{value:.3e}"


def format_duration(seconds: float | None) -> str:
    """Write seconds as 0:07, 12:34, 1:02:03 or 2d 3:04:05."""
    if seconds is None:
        return NONE
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}:{minutes:02d}:{rest:02d}"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_bytes(number: int | None) -> str:
    """Write a size with three significant digits: 950 B, 26.5 kB, 1.2 GB; 1000 bytes are 1 kB."""
    if number is None:
        return NONE
    size, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g} {units[0]}"


def format_setting(value: Any) -> str:
    """Write a parameter's value; floats with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else clean(str(value))


def format_settings(params: Mapping[str, Any]) -> str:
    """Write parameters in one line: ``optimizer=adam units=128``."""
    return " ".join(f"{clean(name)}={format_setting(value)}" for name, value in params.items())


def format_trial(number: int) -> str:
    """Write a trial's number as on disk: 0007."""
    return f"{number:04d}"


def clean(text: str) -> str:
    """Make one printable line of foreign text: no control characters, no escape sequences."""
    words = " ".join(ESCAPE.sub("", text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def clean_lines(text: str) -> str:
    """Make printable lines of foreign text; what is no control character stays as it is."""
    lines = ESCAPE.sub("", text).expandtabs().splitlines()
    return "\n".join(
        "".join(letter if letter.isprintable() else "?" for letter in line) for line in lines
    )


def count_of(number: int, noun: str) -> str:
    """Write ``1 trial`` or ``2 trials``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def explain(cause: str | None, reason: str | None) -> str:
    """Join why a trial ended in one line: ``timeout: took longer than 10m``."""
    return ": ".join(clean(part) for part in (cause, reason) if part)


def shorten_path(path: Path) -> Path:
    """Write a path below the working directory as a person there would type it."""
    path, here = path.absolute(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def describe_stop(reason: str) -> str:
    """Say why a sweep stopped before its target; a reason without words of its own is told."""
    return STOPS.get(reason, f"stopped early: {clean(reason)}")


def describe_stopping(reason: str) -> str:
    """Say why a sweep is about to stop, and what a person can do."""
    if reason == "terminated":
        return f"{describe_stop(reason)}; running trials save what they have, and end"
    again = ", Ctrl-C again ends them now" if reason == "interrupted" else ""
    return f"{describe_stop(reason)}; running trials end after their epoch{again}"
