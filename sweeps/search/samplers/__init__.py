"""The menu of samplers: what proposes the parameters of the next trial."""

from __future__ import annotations

from sweeps.menu import Menu

SAMPLERS = Menu(
    "sampler",
    {
        "tpe": "sweeps.search.samplers.tpe:Tpe",
        "random": "sweeps.search.samplers.random:Random",
        "grid": "sweeps.search.samplers.grid:Grid",
        "qmc": "sweeps.search.samplers.qmc:Qmc",
        "cmaes": "sweeps.search.samplers.cmaes:Cmaes",
        "gp": "sweeps.search.samplers.gp:Gp",
        "nsga2": "sweeps.search.samplers.nsga2:Nsga2",
    },
)
