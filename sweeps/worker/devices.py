"""Which GPUs a sweep uses, and which trial gets which one. Nothing here imports TensorFlow.

A trial sees one GPU: ``CUDA_VISIBLE_DEVICES`` is set in its process before anything asks CUDA for
devices. CUDA reads it at its first use and not when TensorFlow is imported, and the fork server,
which has imported TensorFlow, never uses CUDA (nobody could after a fork). `set_visible_devices` of
TensorFlow would do for TensorFlow, but not for what else a trial starts. Memory grows as needed:
``TF_FORCE_GPU_ALLOW_GROWTH``, set by the fork server, is read in the same late way.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sweeps.errors import OptionError
from sweeps.spec.model import Resources
from sweeps.worker.messages import Ask, Message
from sweeps.worker.outcomes import Death
from sweeps.worker.run_task import RunTask

VARIABLE = "CUDA_VISIBLE_DEVICES"
_NODES = Path("/dev")


def choose_devices(
    resources: Resources,
    environment: Mapping[str, str] = os.environ,
    nodes: Path = _NODES,
) -> tuple[str, ...]:
    """Choose the GPUs that a sweep uses, by the names that CUDA_VISIBLE_DEVICES gives them.

    Args:
        resources: What was asked for.
        environment: Where CUDA_VISIBLE_DEVICES narrows what there is.
        nodes: Where the driver puts ``nvidia0`` and so on.

    Raises:
        OptionError: There are fewer, or others.
    """
    found, asked = _find_devices(environment, nodes), resources.gpus
    if asked == "auto":
        return found
    if isinstance(asked, int):
        if asked > len(found):
            raise OptionError(
                f"resources.gpus: got {asked}, but {_count_gpus(found)} visible here. "
                f"Ask for no more, or set {VARIABLE}."
            )
        return found[:asked]
    assert not isinstance(asked, str)
    # A UUID is a name too. Which ones there are is known only where the variable lists them.
    is_listed = VARIABLE in environment or not found
    if any((is_listed or name.isdecimal()) and name not in found for name in asked):
        raise OptionError(
            f"resources.gpus: got {', '.join(asked)}, but {_count_gpus(found)} visible here: "
            f"{', '.join(found) or 'none'}. Name some of these, or set {VARIABLE}."
        )
    return asked


def _find_devices(environment: Mapping[str, str], nodes: Path) -> tuple[str, ...]:
    if VARIABLE not in environment:
        files = nodes.glob("nvidia*") if nodes.is_dir() else ()
        count = sum(re.fullmatch(r"nvidia\d+", path.name) is not None for path in files)
        return tuple(map(str, range(count)))
    names = [name.strip() for name in environment[VARIABLE].split(",")]
    # CUDA ignores all that comes after a name that is none, such as -1.
    end = next((i for i, name in enumerate(names) if name in ("", "-1", "none")), len(names))
    return tuple(names[:end])


def _count_gpus(found: Sequence[str]) -> str:
    return "no GPU is" if not found else "1 GPU is" if len(found) == 1 else f"{len(found)} GPUs are"


class Devices:
    """Lends GPUs to trials: to each the one that fewest others have, never beyond the share.

    Safe to use from several threads.

    Args:
        names: The GPUs; none where trials use the CPU.
        trials_per_device: How many trials share one.
        other: What is lent where there is no GPU: nothing at all, or an empty name, which hides
            those that a process would see.
    """

    def __init__(
        self, names: Sequence[str], trials_per_device: int = 1, *, other: str | None = None
    ) -> None:
        self._other = other
        self._num_trials = dict.fromkeys(names, 0)
        self._share = trials_per_device
        self._changed = threading.Condition()

    @property
    def num_slots(self) -> int | None:
        """How many trials can have a GPU at a time; None where they use none."""
        return len(self._num_trials) * self._share or None

    @contextlib.contextmanager
    def lend(self) -> Iterator[str | None]:
        """Lend a GPU, by its name, for as long as the context lasts; waits until one is free."""
        if not self._num_trials:
            yield self._other
            return
        with self._changed:
            self._changed.wait_for(lambda: min(self._num_trials.values()) < self._share)
            name = min(self._num_trials, key=self._num_trials.__getitem__)
            self._num_trials[name] += 1
        try:
            yield name
        finally:
            with self._changed:
                self._num_trials[name] -= 1
                self._changed.notify()


def open_devices(resources: Resources) -> Devices:
    """Make what lends the GPUs that were asked for.

    Raises:
        OptionError: There are fewer, or others.
    """
    # Where none is found, one may be there all the same, under a name that we do not know.
    other = "" if resources.gpus == 0 else None
    return Devices(choose_devices(resources), resources.trials_per_gpu, other=other)


def lend_to(run_task: RunTask, devices: Devices) -> RunTask:
    """Let each task that is run see the GPU that it was lent, and no other one."""

    def run(request: Mapping[str, Any], answer: Ask, **options: Any) -> Message | Death:
        with devices.lend() as name:
            given = request if name is None else {**request, "device": name}
            return run_task(given, answer, **options)

    return run
