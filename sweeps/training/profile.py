"""What decides whether a resumed trial comes to the same bits: saved with each latest state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from sweeps.spec.fingerprint import find_versions
from sweeps.training.data import Data


def describe_profile(data: Data, *, own_fit: bool) -> dict[str, Any]:
    """Describe how this attempt trains, as JSON values.

    Args:
        data: The splits.
        own_fit: Whether a HyperModel's own ``fit`` trains.
    """
    is_dataset = data.train.dataset is not None
    return {
        "versions": find_versions(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "loop": "own fit" if own_fit else "dataset" if is_dataset else "arrays",
    }


def explain_approximate(saved: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """Say why an attempt that continues may differ in its last bits; empty where it is exact.

    Args:
        saved: Profile of the attempt that saved the state; None where it recorded none.
        now: Profile of the attempt that continues from it.
    """
    return "; ".join(_list_reasons(saved, now))


def _list_reasons(saved: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Iterator[str]:
    if now["loop"] == "dataset":
        yield "the training data is a dataset, whose order and random numbers are its own"
    if now["loop"] == "own fit":
        yield "the HyperModel has its own fit, whose order and random numbers are its own"
    if saved is None:
        yield "the attempt before did not record its versions and threads"
        return
    if saved["threads"] != now["threads"]:
        yield f"threads: {saved['threads']} -> {now['threads']}"
    before, after = saved["versions"], now["versions"]
    for package in sorted({*before, *after}):
        if before.get(package) != after.get(package):
            yield f"{package}: {before.get(package)} -> {after.get(package)}"
