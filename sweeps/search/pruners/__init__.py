"""The menu of pruners: what stops a weak trial early."""

from __future__ import annotations

from sweeps.menu import Menu

PRUNERS = Menu(
    "pruner",
    {
        "none": "sweeps.search.pruners.none:NonePruner",
        "median": "sweeps.search.pruners.median:Median",
        "percentile": "sweeps.search.pruners.percentile:Percentile",
        "asha": "sweeps.search.pruners.asha:Asha",
        "hyperband": "sweeps.search.pruners.hyperband:Hyperband",
        "patient": "sweeps.search.pruners.patient:Patient",
        "threshold": "sweeps.search.pruners.threshold:Threshold",
        "wilcoxon": "sweeps.search.pruners.wilcoxon:Wilcoxon",
    },
)
