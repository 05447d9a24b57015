"""The benchmarks that are programs of their own still run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.programs import run_quick


@pytest.mark.parametrize("name", ["durability", "resume", "infeasible"])
def test_benchmark_prints_its_figures_and_writes_them(name: str, tmp_path: Path) -> None:
    """In a process of its own, as its first lines say; no figure is judged."""
    figures = run_quick(name, tmp_path)
    if name == "durability":
        (row,) = figures["rows"]
        # The weights and Adam's two moments: one file is the best checkpoint and the state's.
        assert row["epoch_bytes"] == pytest.approx(3 * 4 * row["parameters"], rel=0.1)
    elif name == "resume":
        assert [row["finished"] for row in figures["rows"]] == [1, 50]
    else:
        assert [row["way"] for row in figures["rows"]] == ["failed", "pruned", "tell_infeasible"]
