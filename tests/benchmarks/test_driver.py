"""The benchmarks of driver and start run; no figure is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import driver
from tests.benchmarks.programs import run_quick


@pytest.mark.parametrize("name", ["driver", "start"])
def test_benchmark_prints_its_figures_and_writes_them(name: str, tmp_path: Path) -> None:
    """In a process of its own: the quick form has every figure."""
    figures = run_quick(name, tmp_path)
    if name == "driver":
        (row,) = figures["rows"]
        assert (row["trials"], row["workers"], row["reports"]) == (20, 4, 200)
        assert row["finished"] == 20
    else:
        details = figures["details"]
        assert details["trials"] == 3
        assert 0 < details["own_mb_median"] < details["pss_mb_median"]
        seconds = [row for row in figures["rows"] if row["what"].endswith(": seconds")]
        assert len(seconds) == 4


def test_costs_are_means_over_the_trials_before_each_mark() -> None:
    """Of 300 trials of 2 ms the later ones cost the driver more CPU."""
    samples = [driver.Sample(0.002 * n, 0.001 * n + 1e-6 * n * n, 40.0) for n in range(301)]
    costs = driver.compute_costs(samples, [100, 300])
    assert [cost.milliseconds for cost in costs] == [2.0, 2.0]
    assert [cost.cpu_milliseconds for cost in costs] == [1.1, 1.5]
