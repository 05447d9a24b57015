"""The table of docs/formats.md is what exporting the models gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.formats import FORMATS
from tests.formats.measure import PAGE, describe, measure, read_rows, write_row
from tests.formats.models import MODELS


@pytest.fixture(scope="module")
def runtimes() -> Iterator[Runtimes]:
    with Runtimes() as started:
        yield started


@pytest.fixture(scope="module")
def rows() -> dict[str, str]:
    """The lines of the table by what they tell of."""
    lines = read_rows(PAGE.read_text(encoding="utf-8"))
    return {line.split("|")[1].strip(): line for line in lines}


@pytest.mark.parametrize("name", MODELS)
def test_table_says_what_exporting_gives(
    name: str, tmp_path: Path, runtimes: Runtimes, rows: dict[str, str]
) -> None:
    """Each cell is measured: written, loaded in its own runtime, and replayed twice."""
    records = measure(name, tmp_path, runtimes)
    assert write_row(name, records) == rows[describe(name)], "run: python -m tests.formats"


def test_table_has_every_model_and_every_format(rows: dict[str, str]) -> None:
    """No model is left out, and Keras' own format works for all."""
    assert list(rows) == [describe(name) for name in MODELS]
    assert {line.count("|") for line in rows.values()} == {len(FORMATS) + 2}
    keras = list(FORMATS).index("keras") + 2
    assert {line.split("|")[keras].strip() for line in rows.values()} == {"yes"}
