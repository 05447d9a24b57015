"""What a task does, in a forked child or, for a debugger, in the driver's own process.

``trial`` trains one trial. Before the first one, ``inspect`` looks at model and data, ``discover``
at the parameters that the code declares, and ``measure`` times an epoch; ``inspect_data`` looks at
the data again before a sweep goes on. ``export`` writes and scores a trial's model, ``ensemble``
the mean of several, and ``retrain`` one that is trained again on all data. A task gets a folder and
a number; everything else it asks for.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from sweeps.causes import Cause
from sweeps.durable import is_disk_full, make_dir, read_json
from sweeps.errors import describe_error, describe_traceback
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.spec.model import SweepSpec, spec_from_json
from sweeps.spec.parameters import Parameter, parameter_to_json
from sweeps.training.channel import Action, TrialEnd
from sweeps.worker.messages import Ask, Line, Message, best_to_json
from sweeps.worker.outcomes import explain_error
from sweeps.worker.process_tree import adopt_orphans, kill_descendants
from sweeps.worker.stacks import write_stacks

LOST_SUPERVISOR = 71
_LINE_BUFFERED = 1  # _IOLBF


def main(request: Mapping[str, Any], connection: socket.socket) -> int:
    """Perform a task in a child and give the process's exit status.

    Args:
        request: What to do, as `perform_task` takes it, with the number of ``threads`` and the GPU
            that it may use as ``device``, where that is decided.
        connection: The other end is the supervisor's; where it closes, this process ends.
    """
    from sweeps.training import runtime

    adopt_orphans()
    _watch_supervisor(connection)
    _redirect_output(_open_log(request))
    runtime.prefer_to_be_killed()
    if "device" in request:
        runtime.show_device(request["device"])
    runtime.set_threads(request["threads"])
    if request["task"] == "discover":
        runtime.limit_memory()
    line, turn, pid = Line(connection), threading.Lock(), os.getpid()

    def ask(message: Message) -> Message:
        if os.getpid() != pid:  # a fork by the model's code has come back from there as well
            os._exit(LOST_SUPERVISOR)
        with turn:  # who writes checkpoints behind the training asks too
            return _ask(line, message)

    end = perform_task(request, ask)
    with contextlib.suppress(OSError, ValueError):  # the disk may be full, or the file closed
        sys.stdout.flush()
        sys.stderr.flush()
    ask({"kind": "end", **end})
    return 0


def perform_task(request: Mapping[str, Any], ask: Ask) -> Message:
    """Do what was requested.

    Args:
        request: ``task`` with what it needs: ``folder``, ``number``, ``destination``.
        ask: Sends a message to the supervisor and gives its answer.

    Returns:
        The result, as plain values. An exception of the user's code is a result too.
    """
    return _TASKS[request["task"]](request, ask)


def _perform_trial(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.training.model_size import InfeasibleModelError
    from sweeps.training.train import Attempt, train_trial

    paths, number = SweepPaths(Path(request["folder"])), request["number"]
    spec = _read_spec(paths)
    begin = ask({"kind": "begin"})
    changes = tuple(begin["accepted_changes"])
    attempt = Attempt(
        number,
        begin["attempt"],
        begin["values"],
        spec.seed,
        changes,
        origin=begin["origin"],
        epochs=begin["epochs"],
        batch_divisor=begin["batch_divisor"],
    )
    stamp = {"attempt": attempt.attempt}
    try:
        channel = _AskingChannel(lambda message: ask(message | stamp))
        end = train_trial(spec, paths.trial(number), attempt, channel)
    except InfeasibleModelError as error:
        reason = Cause.INFEASIBLE.explain(str(error))
        end = TrialEnd("pruned", cause=Cause.INFEASIBLE, reason=reason, violation=error.violation)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a trial's edge: a recorded failure
        end = explain_error(error)
        with contextlib.suppress(OSError):  # a full disk cannot take it
            sys.stderr.write(end.traceback)
    return {**asdict(end), "best": best_to_json(end.best), **stamp}


def _perform_inspection(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.training.inspect import inspect_sweep

    del request
    begin = ask({"kind": "begin"})
    return asdict(inspect_sweep(spec_from_json(begin["spec"]), begin["values"]))


def _perform_data_inspection(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.training.inspect import inspect_data

    del request
    return asdict(inspect_data(spec_from_json(ask({"kind": "begin"})["spec"])))


def _perform_discovery(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.spec.builds import build_to_json
    from sweeps.training.discover import BuildingModels, Request

    del request
    models = BuildingModels(spec_from_json(ask({"kind": "begin"})["spec"]))
    build = None
    while (wanted := ask({"kind": "built", "build": build})["request"]) is not None:
        build = build_to_json(models.build(Request(**wanted)))
    return {}


def _perform_measurement(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.training.measure import measure_epoch

    del request
    begin = ask({"kind": "begin"})
    try:
        measured = measure_epoch(spec_from_json(begin["spec"]), begin["values"])
    except Exception as error:  # noqa: BLE001 - an estimate that is missing costs nothing
        return {"epoch": None, "reason": describe_error(error)}
    return {"epoch": measured and asdict(measured)}


def _perform_export(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.training.evaluate import export_model

    del ask
    paths, bundle = SweepPaths(Path(request["folder"])), BundlePaths(Path(request["destination"]))
    trial = paths.trial(request["number"])
    return _tell_failure(
        lambda: export_model(_read_spec(paths), trial, read_json(trial.params), bundle)
    )


def _perform_ensemble(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.training.ensemble import export_ensemble

    del ask
    paths, bundle = SweepPaths(Path(request["folder"])), BundlePaths(Path(request["destination"]))
    return _tell_failure(
        lambda: export_ensemble(_read_spec(paths), paths, request["members"], bundle)
    )


def _perform_retraining(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.training.retrain import export_retrained

    del ask
    paths, bundle = SweepPaths(Path(request["folder"])), BundlePaths(Path(request["destination"]))
    number, divisor = request["number"], request["divisor"]
    trial = paths.trial(number)
    return _tell_failure(
        lambda: export_retrained(
            _read_spec(paths), trial, number, read_json(trial.params), bundle, divisor=divisor
        )
    )


def _tell_failure(write: Callable[[], Message]) -> Message:
    """Give what writing a model gives; an error is a result."""
    try:
        return write()
    except Exception as error:  # noqa: BLE001 - told to the driver, which raises it again
        if is_disk_full(error):
            return {"error": describe_error(error), "cause": Cause.DISK_FULL}
        sys.stderr.write(text := describe_traceback(error))
        return {"error": describe_error(error), "traceback": text}


_TASKS: dict[str, Callable[[Mapping[str, Any], Ask], Message]] = {
    "trial": _perform_trial,
    "inspect": _perform_inspection,
    "inspect_data": _perform_data_inspection,
    "discover": _perform_discovery,
    "measure": _perform_measurement,
    "export": _perform_export,
    "ensemble": _perform_ensemble,
    "retrain": _perform_retraining,
}


class _AskingChannel:
    """A trial's channel, as messages."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def suggest(self, parameter: Parameter) -> Any:
        answer = self._ask({"kind": "suggest", "parameter": parameter_to_json(parameter)})
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["value"]

    def record_values(self, values: Mapping[str, Any]) -> int | None:
        answer = self._ask({"kind": "values", "values": dict(values)})
        same_as: int | None = answer["same_as"]
        return same_as

    def tell_resume(self, reasons: Sequence[str]) -> None:
        self._ask({"kind": "resume", "reasons": list(reasons)})

    def tell_batch(self, size: int, gradient_accumulation_steps: int, fixed: str) -> None:
        self._ask(
            {
                "kind": "batch",
                "batch_size": size,
                "gradient_accumulation_steps": gradient_accumulation_steps,
                "fixed": fixed,
            }
        )

    def tell_loop(self, loop: str, reason: str) -> None:
        self._ask({"kind": "loop", "loop": loop, "loop_reason": reason})

    def progress(self) -> Action:
        action: Action = self._ask({"kind": "progress"})["action"]
        return action

    def report(self, epoch: int, value: float | None, best: float | None) -> Action:
        answer = self._ask({"kind": "report", "epoch": epoch, "value": value, "best": best})
        action: Action = answer["action"]
        return action


def _read_spec(paths: SweepPaths) -> SweepSpec:
    return spec_from_json(read_json(paths.spec)["spec"])


def _find_log(request: Mapping[str, Any]) -> Path | None:
    if "number" not in request:
        return None
    return SweepPaths(Path(request["folder"])).trial(request["number"]).log


def _ask(line: Line, message: Message) -> Message:
    try:
        line.send(message)
        answer = line.receive()
    except OSError:
        answer = None
    if answer is None:
        _give_up()
    return answer


def _open_log(request: Mapping[str, Any]) -> int:
    """Open the trial's log. Where the disk is full the trial begins without: it can say so then."""
    if log := _find_log(request):
        try:
            make_dir(log.parent)
            return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if not is_disk_full(error):
                raise
    return os.open(os.devnull, os.O_WRONLY)


def _redirect_output(descriptor: int) -> None:
    """Send what this process prints, in Python or in C, to its own log, line by line.

    Where it crashes, all lines are there, and the place in Python.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    library = ctypes.CDLL(None)
    library.setvbuf(ctypes.c_void_p.in_dll(library, "stdout"), None, _LINE_BUFFERED, 0)
    write_stacks(2)


def _watch_supervisor(connection: socket.socket) -> None:
    """End this process as soon as the other end closes, even in the middle of an operation."""
    poll = select.poll()
    # POLLHUP is always reported; POLLRDHUP, where there is one, comes with a half-closed socket.
    poll.register(connection.fileno(), getattr(select, "POLLRDHUP", 0))

    def wait() -> None:
        poll.poll()
        _give_up()

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()


def _give_up() -> NoReturn:
    """End this process and everything that it has started: nobody waits for it any more."""
    kill_descendants(os.getpid())
    os._exit(LOST_SUPERVISOR)
