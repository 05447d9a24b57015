"""Counts, durations and sizes as people write them."""

from __future__ import annotations

import pytest

from sweeps.spec.units import (
    parse_count,
    parse_duration,
    parse_int,
    parse_number,
    parse_seed,
    parse_size,
    show_value,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("10m", 600.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("1.5h", 5400.0),
        ("90", 90.0),
        (90, 90.0),
        (0.5, 0.5),
        (" 2 H ", 7200.0),
    ],
)
def test_parse_duration_reads_seconds(text: object, seconds: float) -> None:
    """A bare number is seconds; s, m, h and d are understood."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "3w", "1h30m", "-3s", 0, -1, True, None, "1e400", float("inf"), [1]]
)
def test_parse_duration_refuses_the_rest(text: object) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="expected a duration such as 30s, 10m, 2h or 1d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500000000),
        ("5GB", 5000000000),
        ("2GiB", 2 * 2**30),
        ("1.5 kb", 1500),
        ("1 KiB", 1024),
        ("7B", 7),
        (1024, 1024),
        ("1TB", 10**12),
    ],
)
def test_parse_size_reads_bytes(text: object, size: int) -> None:
    """MB is decimal, MiB binary, in any case."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "5", 0, "5XB", "lots", -1, True, None, "0.1B", "9e99GB"])
def test_parse_size_refuses_the_rest(text: object) -> None:
    """Anything else is refused with an example; a size below one byte too."""
    if text == "5":
        assert parse_size(text) == 5
        return
    with pytest.raises(ValueError, match="expected a size such as 500MB, 5GB or 2GiB"):
        parse_size(text)


@pytest.mark.parametrize(("given", "number"), [("32", 32), (32.0, 32), ("1e3", 1000), (-4, -4)])
def test_parse_int_reads_whole_numbers(given: object, number: int) -> None:
    """A whole number may be written as a float or a text."""
    assert parse_int(given) == number
    assert type(parse_int(given)) is int


@pytest.mark.parametrize(
    "given", [1.5, "x", True, None, float("nan"), float("inf"), 2**53 + 1, 10**400, "9" * 50]
)
def test_parse_int_refuses_the_rest(given: object) -> None:
    """Fractions, flags and numbers beyond 2**53 are refused."""
    with pytest.raises(ValueError, match="expected a whole number"):
        parse_int(given)


@pytest.mark.parametrize("given", [float("nan"), float("inf"), 10**400, "1e999", "nan"])
def test_parse_number_refuses_what_is_not_finite(given: object) -> None:
    """NaN, infinity and numbers beyond a float are refused."""
    with pytest.raises(ValueError, match="expected a finite number"):
        parse_number(given)


@pytest.mark.parametrize("given", [0, -1, "0", 0.5])
def test_parse_count_begins_at_one(given: object) -> None:
    """A count is at least 1."""
    with pytest.raises(ValueError, match="expected a whole number, at least 1"):
        parse_count(given)


def test_parse_seed_fits_numpy_and_tensorflow() -> None:
    """A seed goes from 0 to 2**32 - 1."""
    assert (parse_seed(0), parse_seed(2**32 - 1)) == (0, 4294967295)
    with pytest.raises(ValueError, match="from 0 to 4294967295"):
        parse_seed(2**32)


def test_show_value_cuts_long_values() -> None:
    """A message shows at most 80 characters of a value."""
    assert show_value("a") == "'a'"
    assert show_value("a" * 200) == "'" + "a" * 76 + "..."
    assert show_value(10**5000) == "a whole number of more than 80 digits"
