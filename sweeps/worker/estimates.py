"""What a sweep will need at most, before anything is trained: configurations, disk and time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sweeps.spec.builds import MeasuredEpoch, count_most_epochs
from sweeps.spec.counting import count_configurations
from sweeps.spec.known_space import KnownSpace
from sweeps.spec.model import SweepSpec, count_kept
from sweeps.worker.discovery import Discovery
from sweeps.worker.disk import count_latest
from sweeps.worker.limits import divide_cores

_LATEST_STATES = 3
"""States from which a running trial could continue: the last two, and the one being written."""


@dataclass(frozen=True)
class Estimate:
    """What a sweep will need at most.

    Attributes:
        num_configurations: Configurations of the known space, constraints aside; None means
            infinitely many.
        num_trials: Trials that will be trained.
        workers: How many at a time.
        disk_bytes: Disk while it runs and at its end, all models being the largest; None where
            their size is not known.
        seconds: Time where nothing is pruned and all models are the default one; None where no
            epoch could be measured.
        epoch: What the time was calculated from.
    """

    num_configurations: int | None
    num_trials: int
    workers: int
    disk_bytes: int | None = None
    seconds: float | None = None
    epoch: MeasuredEpoch | None = None


def estimate(
    spec: SweepSpec,
    discovery: Discovery,
    epoch: MeasuredEpoch | None,
    *,
    cores: int | None = None,
    memory_slots: int | None = None,
) -> Estimate:
    """Estimate disk and time of a sweep.

    Args:
        spec: What the user asked for.
        discovery: What is known of the space and the models.
        epoch: How long an epoch takes, where it was measured.
        cores: Cores of the machine; None asks it.
        memory_slots: How many trials its memory holds; None where that is not known.
    """
    count = count_configurations(discovery.space.parameters)
    num_trials = spec.limits.trials
    if spec.sampler.name == "grid" and count is not None:
        num_trials = min(num_trials, count)
    threads = spec.resources.threads
    workers = divide_cores(
        spec.limits.workers, num_trials, cores, threads=threads, memory_slots=memory_slots
    ).workers
    disk_bytes = _estimate_disk(spec, discovery, num_trials, workers)
    seconds = None
    if epoch is not None:
        seconds = _estimate_seconds(spec, discovery.space, epoch, -(-num_trials // workers))
    return Estimate(count, num_trials, workers, disk_bytes, seconds, epoch)


def _estimate_disk(
    spec: SweepSpec, discovery: Discovery, num_trials: int, workers: int
) -> int | None:
    size = None if discovery.largest is None else discovery.largest.checkpoint_bytes
    if size is None:
        return None
    each = count_kept(spec) or count_most_epochs(spec, discovery.space.parameters)
    kept = min(num_trials, spec.keep.best or num_trials)
    latest = min(kept, count_latest(spec))
    bundle = len(spec.export.formats)
    found = size * (kept * each + latest + workers * _LATEST_STATES + bundle)
    return found if spec.keep.max_disk is None else min(found, spec.keep.max_disk)


def _estimate_seconds(
    spec: SweepSpec, space: KnownSpace, epoch: MeasuredEpoch, rounds: int
) -> float:
    trial = epoch.start_seconds + epoch.seconds * count_most_epochs(spec, space.parameters)
    return min(rounds * trial, spec.limits.timeout or math.inf)
