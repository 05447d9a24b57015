"""How often TPE proposes a model that is refused as too large, by how refusals are told to it.

Run from the repository: ``python benchmarks/infeasible.py [--quick] [--json FILE]``. No model is
trained: a model is its number of weights, and its value grows with it up to the limit.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import Column, Figures, make_parser
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
CASES = ((2e5, 40, 2000), (2e3, 20, 600))
COLUMNS = (
    Column("limit", "weights allowed", ",.0f"),
    Column("wanted", "models that fit", "d"),
    Column("way", "told as"),
    Column("refused", "refused", ".0f"),
    Column("least", "least", "d"),
    Column("most", "most", "d"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Count refusals until enough models fit, for a wide and for a narrow limit."""
    parser = make_parser(__doc__, "one seed, 5 models that fit the wide limit")
    options = parser.parse_args(arguments)
    seeds, cases = (range(1), CASES[:1]) if options.quick else (SEEDS, CASES)
    figures = Figures("infeasible", COLUMNS, seeds=list(seeds))
    for limit, wanted, most in cases:
        wanted = 5 if options.quick else wanted  # noqa: PLW2901
        for way in WAYS:
            refused = [count_refusals(limit, wanted, most, way, seed) for seed in seeds]
            row = {"limit": limit, "wanted": wanted, "way": way}
            row |= {"refused": statistics.fmean(refused), "least": min(refused)}
            figures.rows.append({**row, "most": max(refused)})
        figures.write(options.json)
    figures.print()


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
