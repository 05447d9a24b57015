"""What decides whether a resumed trial comes to the same bits: saved with each latest state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from sweeps.spec.fingerprint import find_versions
from sweeps.training.data import Data


def describe_profile(data: Data, *, own_fit: bool, num_changes: int = 0) -> dict[str, Any]:
    """Describe how this attempt trains, as JSON values.

    Args:
        data: The splits.
        own_fit: Whether a HyperModel's own ``fit`` trains.
        num_changes: How many changes of the sweep had been accepted when the attempt began.
    """
    is_dataset = data.train.dataset is not None
    is_validated_by_dataset = data.validation is not None and data.validation.dataset is not None
    return {
        "versions": find_versions(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "loop": "own fit" if own_fit else "dataset" if is_dataset else "arrays",
        "validation": "dataset" if is_validated_by_dataset else "arrays",
        "accepted_changes": num_changes,
        "approximate": [],
    }


def list_reasons(
    saved: Mapping[str, Any] | None, now: Mapping[str, Any], changes: Sequence[str] = ()
) -> list[str]:
    """Say why a trial that continues may differ in its last bits; nothing where it is exact.

    A trial that was continued approximately once stays so in all its later attempts.

    Args:
        saved: Profile of the attempt that saved the state; None where it recorded none.
        now: Profile of the attempt that continues from it.
        changes: All changes of the sweep that were accepted so far.
    """
    return list(dict.fromkeys(_iter_reasons(saved, now, changes)))


def _iter_reasons(
    saved: Mapping[str, Any] | None, now: Mapping[str, Any], changes: Sequence[str]
) -> Iterator[str]:
    if saved is not None:
        yield from saved.get("approximate", ())
    if now["loop"] == "dataset":
        yield "the training data is a dataset, whose order and random numbers are its own"
    if now["loop"] == "own fit":
        yield "the HyperModel has its own fit, whose order and random numbers are its own"
    if now["validation"] == "dataset":
        yield "the validation data is a dataset, whose order is its own: values may differ"
    if saved is None:
        yield "the attempt before did not record its versions and threads"
        return
    if saved["threads"] != now["threads"]:
        yield f"threads: {saved['threads']} -> {now['threads']}"
    before, after = saved["versions"], now["versions"]
    for package in sorted({*before, *after}):
        if before.get(package) != after.get(package):
            yield f"{package}: {before.get(package)} -> {after.get(package)}"
    yield from changes[saved.get("accepted_changes", 0) :]
