"""The jobs of a clean process: to write a format, and to replay the samples in it."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import shutil
import socket
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from sweeps.bundles.comparing import compare_outputs
from sweeps.bundles.formats import FORMATS
from sweeps.bundles.formats._base import Format
from sweeps.bundles.signature import Signature
from sweeps.errors import describe_error
from sweeps.paths import BundlePaths
from sweeps.training.arrays import read_arrays, to_plain
from sweeps.worker.messages import Line
from sweeps.worker.preloading import import_modules

_LOST_DRIVER = 71


def main(descriptor: int, memory_bytes: int, modules: Sequence[str]) -> None:
    """Do one job after the other until the driver closes its end; called in the new process.

    The working directory is this process's own: where the driver is gone, it is deleted.

    Args:
        descriptor: The socket to the driver.
        memory_bytes: Address space that this process may use; 0 means no limit.
        modules: What to import before the first job.
    """
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    watch = _watch_driver(connection)
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    import_modules(modules)
    line = Line(connection)
    with contextlib.suppress(OSError):  # the driver has gone
        while (job := line.receive()) is not None:
            line.send(perform(job))
    watch.join()  # it ends this process once nothing of it is left on disk


def perform(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do one job; an error is a result.

    Args:
        job: ``do``, ``format`` and ``folder``, the ``signature`` of the manifest, and where the
            model has classes of the user's, the ``custom_module`` that registers them.
    """
    try:
        if job.get("custom_module"):
            import_custom(job["custom_module"])
        member: Format = FORMATS.load(job["format"])
        bundle = BundlePaths(Path(job["folder"]))
        return _JOBS[job["do"]](member, bundle, Signature.from_json(job["signature"]))
    except Exception as error:  # noqa: BLE001 - told to the driver as the reason
        traceback.print_exc()
        return {"error": describe_error(error)}


def import_custom(source: str) -> None:
    """Import the module that registers a model's own classes.

    Args:
        source: Path of a Python file, or the dotted name of a module.
    """
    from sweeps.training.user_code import load_module

    load_module(source)


def _write(member: Format, bundle: BundlePaths, signature: Signature) -> dict[str, Any]:
    member.write(bundle, signature)
    return {}


def _replay(member: Format, bundle: BundlePaths, signature: Signature) -> dict[str, Any]:
    """Replay the samples twice, and tell how far from what is expected and from each other."""
    inputs, expected = read_arrays(bundle.sample_inputs), read_arrays(bundle.sample_outputs)
    replay = member.open(bundle, signature)
    first, second = replay(inputs), replay(inputs)
    plain = {name: to_plain(value) for name, value in first.items()}
    is_half = signature.is_half
    return {
        "difference": asdict(compare_outputs(expected, plain, is_half=is_half)),
        "repeat": asdict(compare_outputs(plain, second, is_half=is_half)),
    }


_JOBS = {"write": _write, "replay": _replay}


def _watch_driver(connection: socket.socket) -> threading.Thread:
    """End this process as soon as the driver's end closes, even in the middle of an operation."""
    poll = select.poll()
    poll.register(connection.fileno(), getattr(select, "POLLRDHUP", 0))

    own = Path.cwd()

    def wait() -> NoReturn:
        poll.poll()
        shutil.rmtree(own, ignore_errors=True)
        os._exit(_LOST_DRIVER)

    watch = threading.Thread(target=wait, name="driver-watch", daemon=True)
    watch.start()
    return watch
