"""How often TPE proposes a model that is refused as too large, by how refusals are told to it.

Run from the repository: ``python benchmarks/infeasible.py``. No model is trained: a model is its
number of weights, and its value grows with it up to the limit.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from sweeps.paths import SweepPaths
from sweeps.search.study import open_study
from sweeps.search.trials import TrialOutcome
from sweeps.spec.model import Choice, Objective, SweepSpec
from sweeps.spec.parameters import Parameter

SPACE = (
    Parameter("layers", "int", low=1, high=6),
    Parameter("units", "int", low=16, high=1024, scale="log"),
    Parameter("kernel", "int", low=1, high=7, step=2),
    Parameter("rate", "float", low=1e-5, high=1e-1, scale="log"),
)
SEEDS = range(6)
WAYS = ("failed", "pruned", "tell_infeasible")


def main() -> None:
    """Print refusals until enough models fit, for a wide and for a narrow limit."""
    for limit, wanted, most in ((2e5, 40, 2000), (2e3, 20, 600)):
        for way in WAYS:
            refused = [count_refusals(limit, wanted, most, way, seed) for seed in SEEDS]
            mean = statistics.fmean(refused)
            print(f"limit {limit:g}, {wanted} that fit, told as {way}: {mean:.0f} {refused}")


def count_refusals(limit: float, wanted: int, most: int, way: str, seed: int) -> int:
    """Count proposals over the limit until `wanted` are not, at most `most`."""
    spec = SweepSpec(
        name="infeasible",
        model="model.py:build",
        data="model.py:load",
        objective=Objective(metric="val_accuracy", direction="maximize"),
        parameters=SPACE,
        pruner=Choice(name="none"),
        seed=seed,
    )
    refused = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        open_study(SweepPaths(Path(folder)), spec, sweep_id="benchmark") as study,
    ):
        while study.num_trials - refused < wanted and refused < most:
            asked = study.ask()
            over = measure(asked.values) / limit - 1
            if over <= 0:
                study.tell(asked.number, TrialOutcome("complete", score(asked.values)))
                continue
            refused += 1
            if way == "tell_infeasible":
                study.tell_infeasible(asked.number, over, "too large")
            else:
                study.tell(asked.number, TrialOutcome(way, cause="infeasible"))  # type: ignore[arg-type]
    return refused


def measure(values: Mapping[str, Any]) -> float:
    """Count the weights of a model."""
    return float(values["layers"] * values["units"] ** 2 * values["kernel"])


def score(values: Mapping[str, Any]) -> float:
    """Larger models are better, at the right learning rate and depth."""
    off = 0.5 * abs(math.log10(values["rate"]) + 3) + 0.1 * abs(values["layers"] - 3)
    return math.log10(measure(values)) - off


if __name__ == "__main__":
    main()
