"""Settings of the TensorFlow runtime, made before its first operation."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import tensorflow as tf

_LEAST_FREE_BYTES = 1 << 30
_LOOK_SECONDS = 0.01


def list_operations() -> None:
    """Let TensorFlow list its operations here, and not once in each process that is forked.

    It does so, for some 10 ms, when a name is looked up for the first time that is no operation's,
    as that of every traced function is. Nothing is computed.
    """
    with contextlib.suppress(ImportError):  # inner parts of TensorFlow may move
        from tensorflow.python.framework import op_def_registry

        op_def_registry.get("NoSuchOperation")


def set_threads(threads: int) -> None:
    """Let one operation use so many CPU threads. The count is part of a trial's identity.

    Weights differ in their last bits between thread counts, so it is never left to chance.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def show_device(name: str) -> None:
    """Let this process, and what it starts, see one GPU; none where the name is empty.

    Has to come before the first question for devices: CUDA and TensorFlow look only then.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = name


def prefer_to_be_killed() -> None:
    """Let the kernel, where memory is short, choose this process before driver and fork server."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def limit_memory() -> None:
    """Let this process fail rather than the machine run out of memory.

    For building models that may be larger than any that is trained: a refused allocation costs one
    build, the kernel's choice of what to kill could cost the sweep.
    """
    free = int(0.8 * _read_kilobytes(Path("/proc/meminfo"), "MemAvailable:") * 1024)
    used = _read_kilobytes(Path("/proc/self/status"), "VmSize:") * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + max(free, _LEAST_FREE_BYTES)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


class PeakMemory:
    """Watches what this process holds for itself, beyond what it held at the beginning.

    Attributes:
        num_bytes: The most that was seen so far; 0 where the system does not tell.
    """

    def __init__(self) -> None:
        self._status = Path("/proc/self/status")
        self._over = threading.Event()
        self._first = self._read() if self._status.exists() else 0
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)
        self.num_bytes = 0

    def __enter__(self) -> Self:
        if self._status.exists():
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while True:
            is_over = self._over.wait(_LOOK_SECONDS)
            self.num_bytes = max(self.num_bytes, self._read() - self._first)
            if is_over:
                return

    def _read(self) -> int:
        return _read_kilobytes(self._status, "RssAnon:") * 1024


def _read_kilobytes(path: Path, name: str) -> int:
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
