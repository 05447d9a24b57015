"""What tests compare of the states from which trials continue."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator

import ml_dtypes  # noqa: F401 - gives NumPy the name bfloat16
import numpy as np

from sweeps.checkpoints.store import LatestState


def hash_state(latest: LatestState) -> str:
    """Compute one digest of all variables of a state, in whichever of its files they lie."""
    sha = hashlib.sha256()
    for name, value in iter_values(latest):
        sha.update(name.encode() + value)
    return sha.hexdigest()


def iter_values(latest: LatestState) -> Iterator[tuple[str, bytes]]:
    """Give each variable as it is described in the state, and its bytes."""
    described = latest.state["variables"]
    offsets = latest.state.get("model", {}).get("offsets", [None] * len(described))
    arrays = latest.arrays.read_bytes()
    model = latest.model.read_bytes() if latest.model else b""
    for name, offset in zip(described, offsets, strict=True):
        found = re.fullmatch(r".* (\w+)(\[.*\])", name)
        assert found is not None
        size = np.dtype(found[1]).itemsize * math.prod(json.loads(found[2]))
        content = arrays if offset is None else model[offset:]
        assert len(content) >= size
        yield name, content[:size]
        arrays = arrays[size:] if offset is None else arrays
    assert not arrays
