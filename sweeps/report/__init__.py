"""How a sweep is shown: views that watch it run, and what the reading commands print."""

from __future__ import annotations

from sweeps.menu import Menu

VIEWS = Menu(
    "view",
    {
        "live": "sweeps.report.live:open_live_view",
        "plain": "sweeps.report.plain:open_plain_view",
    },
)
