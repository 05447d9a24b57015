"""A fork server that has loaded the data of a sweep: its children inherit it.

It is a child of the fork server that has imported Keras, and never runs an operation either. Where
the data function leaves something behind that no fork survives, the driver is told so, and every
process loads the data for itself as it would without this one.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from sweeps.errors import SweepsError
from sweeps.worker.forking import serve_after
from sweeps.worker.process_tree import list_children


class UnforkableError(SweepsError):
    """What loading the data has left behind would not survive a fork."""


def main(request: Mapping[str, Any], connection: socket.socket) -> int:
    """Load the data, then fork trials until the driver closes the socket.

    Args:
        request: The target of the ``data`` function, and the ``seed`` of the sweep.
        connection: The driver's socket.
    """
    connection.set_inheritable(False)
    _be_quiet()
    serve_after(partial(_load, request["data"], request["seed"]), connection)
    return 0


def _load(target: str, seed: int) -> None:
    from sweeps.training.held_data import has_run_operations, hold_data

    hold_data(target, seed)
    if has_run_operations():
        raise UnforkableError("the data function runs TensorFlow operations")
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise UnforkableError("the data function leaves threads running")
    if list_children(os.getpid()):
        raise UnforkableError("the data function leaves processes running")


def _be_quiet() -> None:
    """Drop what the data function prints: it belongs to no trial."""
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
