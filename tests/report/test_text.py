"""Numbers, times and foreign text as text."""

from __future__ import annotations

import pytest

from sweeps.report.text import clean, format_bytes, format_duration, format_settings, format_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (float("inf"), "-"),
        (0.0, "0.0000"),
        (0.97216, "0.9722"),
        (-12.5, "-12.5000"),
        (0.0000123, "1.230e-05"),
        (2.5e9, "2.500e+09"),
    ],
)
def test_format_value(value: float | None, text: str) -> None:
    """A value is readable at every magnitude, and what is no number is a dash."""
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-1, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03"),
     (183845, "2d 3:04:05")],
)  # fmt: skip
def test_format_duration(seconds: float | None, text: str) -> None:
    """Durations grow from minutes to days."""
    assert format_duration(seconds) == text


def test_clean_foreign_text_cannot_draw_on_the_terminal() -> None:
    """Escape sequences go, other control characters show as a question mark."""
    assert clean("a\x1b[2J\x1b[31mb\n\tc\x07 ü") == "ab c? ü"


def test_format_settings_is_one_line() -> None:
    """Parameters are short enough for a table's row."""
    assert format_settings({"lr": 0.00123456, "units": 64, "act": "re\nlu"}) == (
        "lr=0.001235 units=64 act=re lu"
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (950, "950 B"),
        (999.6, "1 kB"),
        (26_472, "26.5 kB"),
        (1_234_567, "1.23 MB"),
        (8_560_000_000, "8.56 GB"),
        (5_000_000_000_000_000, "5e+03 TB"),
    ],
)
def test_format_bytes(number: int | None, text: str) -> None:
    """Three digits are enough to know whether a disk suffices."""
    assert format_bytes(number) == text
