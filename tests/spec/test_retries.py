"""Reading ``limits.retries``."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.causes import RETRIES
from sweeps.spec.model import spec_from_json, spec_to_json
from tests.spec.spaces import load, refuse


def test_retries_not_named_keep_their_default(tmp_path: Path) -> None:
    """One number is changed without saying the others."""
    assert load(tmp_path).limits.retries == RETRIES
    spec = load(tmp_path, "limits: {retries: {error: 2, out of memory: 0}}\n")
    assert spec.limits.retries == {**RETRIES, "error": 2, "out of memory": 0}
    assert spec_from_json(spec_to_json(spec)) == spec


def test_retries_of_a_sweep_from_before_there_were_any_are_the_defaults(tmp_path: Path) -> None:
    """An older spec.json is read."""
    record = spec_to_json(load(tmp_path))
    del record["limits"]["retries"]
    assert spec_from_json(record).limits.retries == RETRIES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3", "expected a mapping of causes to numbers, such as {killed: 2}"),
        ("{kiled: 2}", "no progress, lost. Did you mean 'killed'?"),
        ("{killed: -1}", "expected a whole number, at least 0"),
        ("{diverged: 1}", "expected causes among error, out of memory, killed"),
    ],
)
def test_retries_mistake_names_line_and_what_was_expected(
    tmp_path: Path, text: str, words: str
) -> None:
    """A cause that is never tried again is none to be counted."""
    (problem,) = refuse(tmp_path, f"limits: {{retries: {text}}}\n")
    assert problem.startswith("space.yaml:4: limits.retries: got ")
    assert words in problem
