"""Where workers run."""

from __future__ import annotations

from sweeps.menu import Menu

ENGINES = Menu(
    "engine",
    {
        "local": "sweeps.engines.local:LocalEngine",
        "inline": "sweeps.engines.inline:InlineEngine",
    },
)
