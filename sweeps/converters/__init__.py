"""The menu of formats that `convert` reads: the files of other tools."""

from __future__ import annotations

from sweeps.menu import Menu

CONVERTERS = Menu(
    "format",
    {
        "wandb": "sweeps.converters.wandb:Wandb",
        "katib": "sweeps.converters.katib:Katib",
        "determined": "sweeps.converters.determined:Determined",
        "hydra": "sweeps.converters.hydra:Hydra",
    },
)
