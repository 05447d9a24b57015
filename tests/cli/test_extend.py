"""`extend`: what it asks of the API, and how mistakes in its options are told."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_extend_reads_the_folder_first_and_passes_its_options_on(sweeps, api) -> None:
    """The view begins with what the sweep has already."""
    said = sweeps("extend", "results/digits", "--epochs", "40", "--top", "2", "--accept-change")
    assert said.status == 0
    assert api.calls == [
        ("read", (Path("results/digits"),), {}),
        (
            "extend",
            (Path("results/digits"),),
            {"epochs": 40, "top": 2, "accept_change": True, "engine": "local"},
        ),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["results/digits"], "Missing option '--epochs'"),
        (["--epochs", "40"], "Missing argument 'FOLDER'"),
        (["results/digits", "--epochs", "40", "--top", "0"], "--top"),
        (["results/digits", "--epochs", "0"], "--epochs"),
    ],
)
def test_extend_with_a_mistake_is_told_on_stderr(
    arguments: list[str], words: str, sweeps, api
) -> None:
    """Nothing is read or started."""
    said = sweeps("extend", *arguments)
    assert said.status == 2
    assert words in said.err
    assert api.calls == []
