"""Read counts, numbers, durations and sizes as people write them in a space file."""

from __future__ import annotations

import re
from typing import Any

from sweeps.errors import mask_secrets

MAX_EXACT_INT = 2**53
"""Whole numbers up to here are exact in a float, which is how studies store them."""

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES = {
    f"{prefix}{suffix}": base ** (power + 1)
    for suffix, base in (("B", 10**3), ("iB", 2**10))
    for power, prefix in enumerate("KMGT")
} | {"B": 1}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]+)\s*")
_MAX_SHOWN = 80


def show_value(value: Any) -> str:
    """Show a value as a message does: by repr, cut where it is long."""
    if isinstance(value, int) and abs(value) >= 10**_MAX_SHOWN:
        return "a whole number of more than 80 digits"
    shown = mask_secrets(repr(value))  # before it is cut: half a URL is no longer known as one
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[: _MAX_SHOWN - 3]}..."


def parse_number(value: Any) -> float | int:
    """Read a finite number; a string that looks like one is accepted.

    Raises:
        ValueError: It is no number, or it is NaN or infinite; the message says what was expected.
    """
    number = _read_number(value)
    if number is None:
        raise ValueError("expected a number")
    if not _is_finite(number):
        raise ValueError("expected a finite number")
    return number


def parse_int(value: Any) -> int:
    """Read a whole number, also when it is written as 32.0 or '32'.

    Raises:
        ValueError: It is no whole number, or too large to be exact in a study.
    """
    number = _read_number(value)
    if number is None or not _is_finite(number) or number != int(number):
        raise ValueError("expected a whole number")
    if abs(number) > MAX_EXACT_INT:
        raise ValueError("expected a whole number between -2**53 and 2**53")
    return int(number)


def parse_count(value: Any) -> int:
    """Read a whole number of at least 1."""
    return _at_least(value, 1)


def parse_amount(value: Any) -> int:
    """Read a whole number of at least 0."""
    return _at_least(value, 0)


def parse_seed(value: Any) -> int:
    """Read a seed: a whole number from 0 to 2**32 - 1, as NumPy and TensorFlow take them."""
    seed = _at_least(value, 0)
    if seed >= 2**32:
        raise ValueError("expected a whole number from 0 to 4294967295")
    return seed


def parse_duration(value: Any) -> float:
    """Read a duration in seconds: a number of seconds, or such as '90s', '10m', '1.5h' or '1d'."""
    seconds = _read_quantity(value, SECONDS)
    if seconds is None or not 0 < seconds < 1e10:
        raise ValueError("expected a duration such as 30s, 10m, 2h or 1d")
    return float(seconds)


def parse_size(value: Any) -> int:
    """Read a size in bytes: a whole number, or such as '500MB' (decimal) or '2GiB' (binary)."""
    size = _read_quantity(value, {unit.lower(): factor for unit, factor in BYTES.items()})
    if size is None or not 1 <= size < 1e18:
        raise ValueError("expected a size such as 500MB, 5GB or 2GiB")
    return int(size)


def _at_least(value: Any, smallest: int) -> int:
    try:
        number = parse_int(value)
    except ValueError as error:
        raise ValueError(f"expected a whole number, at least {smallest}") from error
    if number < smallest:
        raise ValueError(f"expected a whole number, at least {smallest}")
    return number


def _read_quantity(value: Any, units: dict[str, int]) -> float | None:
    number = _read_number(value)
    if number is not None:
        return number if _is_finite(number) else None
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) and len(value) < 40 else None
    if match is None or match[2].lower() not in units:
        return None
    return float(match[1]) * units[match[2].lower()]


def _is_finite(number: float) -> bool:
    """Tell whether a number fits a float; a whole number may be too large for one."""
    return abs(number) <= 10**300


def _read_number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or len(value) > 40:
        return None
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return None
