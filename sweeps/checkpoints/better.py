"""Which of two objective values is better: the only comparison of this project."""

from __future__ import annotations

import math
from typing import Literal

Direction = Literal["minimize", "maximize"]


def is_better(value: float, best: float | None, direction: Direction) -> bool:
    """Tell whether `value` beats `best`.

    A value that is not finite never wins, a tie keeps the older one, and any finite value beats
    having none.

    Args:
        value: The new value.
        best: The best so far; None where there is none.
        direction: ``minimize`` or ``maximize``.
    """
    if not math.isfinite(value):
        return False
    if best is None:
        return True
    return value < best if direction == "minimize" else value > best
