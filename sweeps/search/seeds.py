"""Seeds that depend on what they are for, never on when they are drawn."""

from __future__ import annotations

import hashlib
import json


def derive_seed(sweep_seed: int, *parts: int | str) -> int:
    """Derive a seed for one purpose from the sweep's seed.

    The same arguments give the same seed on every machine and Python version, which `hash` does
    not promise: a resumed sweep proposes what the uninterrupted one would have proposed.

    Args:
        sweep_seed: `seed` of the spec.
        parts: What the seed is for, such as ``"propose", 7``. ``7`` and ``"7"`` differ.

    Returns:
        An integer from 0 to 2**32 - 1, as NumPy's generators take it.
    """
    text = json.dumps([sweep_seed, *parts])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
