"""Names with what there is to say of each, one below the other."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text


def align(pairs: Sequence[tuple[str, Text]]) -> list[RenderableType]:
    """Write names in a column of their own; a long text is left to the terminal to wrap."""
    width = max((len(name) for name, _ in pairs), default=0)
    return [Text.assemble((f"  {name:<{width}}   ", "dim"), text) for name, text in pairs]
