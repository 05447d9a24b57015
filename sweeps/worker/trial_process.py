"""What a task does, in a forked child or, for a debugger, in the driver's own process.

``trial`` trains one trial. Before the first one, ``inspect`` looks at model and data, ``discover``
at the parameters that the code declares, and ``measure`` times an epoch. ``export`` writes and
scores the leader's model. A task gets a folder and a number; everything else it asks for.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sweeps.durable import DISK_FULL, describe_full_disk, is_disk_full, make_dir, read_json
from sweeps.errors import describe_error
from sweeps.paths import SweepPaths
from sweeps.spec.model import SweepSpec, spec_from_json
from sweeps.spec.parameters import Parameter, parameter_to_json
from sweeps.training.channel import Action, TrialEnd
from sweeps.worker.messages import Ask, Line, Message, best_to_json

LOST_SUPERVISOR = 71


def main(request: Mapping[str, Any], connection: socket.socket) -> int:
    """Perform a task in a child and give the process's exit status.

    Args:
        request: What to do, as `perform_task` takes it, with the number of ``threads``.
        connection: The other end is the supervisor's; where it closes, this process ends.
    """
    from sweeps.training.runtime import limit_memory, set_threads

    _watch_supervisor(connection)
    log = _find_log(request)
    if log:
        make_dir(log.parent)
    _redirect_output(log or Path(os.devnull))
    set_threads(request["threads"])
    if request["task"] == "discover":
        limit_memory()
    line = Line(connection)
    end = perform_task(request, lambda message: _ask(line, message))
    with contextlib.suppress(OSError):  # the log's disk may be full
        sys.stdout.flush()
        sys.stderr.flush()
    _ask(line, {"kind": "end", **end})
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
    attempt = Attempt(number, begin["attempt"], begin["values"], spec.seed)
    try:
        end = train_trial(spec, paths.trial(number), attempt, _AskingChannel(ask))
    except InfeasibleModelError as error:
        end = TrialEnd("failed", cause="infeasible", reason=str(error), violation=error.violation)
    except SystemExit as error:
        reason = f"the model's code called sys.exit({error.code!r}). Raise an exception instead."
        end = TrialEnd("failed", cause="exit", reason=reason, traceback=traceback.format_exc())
    except Exception as error:  # noqa: BLE001 - a trial's edge: it becomes a recorded failure
        end = _explain_error(error, paths)
    return {**asdict(end), "best": best_to_json(end.best)}


def _explain_error(error: Exception, paths: SweepPaths) -> TrialEnd:
    if is_disk_full(error):  # then the log cannot be written either
        return TrialEnd("interrupted", cause=DISK_FULL, reason=describe_full_disk(paths.root))
    traceback.print_exc()
    text = traceback.format_exc()
    return TrialEnd("failed", cause="error", reason=describe_error(error), traceback=text)


def _perform_inspection(request: Mapping[str, Any], ask: Ask) -> Message:
    from sweeps.training.inspect import inspect_sweep

    del request
    begin = ask({"kind": "begin"})
    found = inspect_sweep(spec_from_json(begin["spec"]), begin["values"])
    return {**asdict(found), "declared": [parameter_to_json(each) for each in found.declared]}


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
    paths = SweepPaths(Path(request["folder"]))
    trial = paths.trial(request["number"])
    try:
        return export_model(
            _read_spec(paths), trial, read_json(trial.params), Path(request["destination"])
        )
    except Exception as error:  # noqa: BLE001 - told to the driver, which raises it again
        traceback.print_exc()
        return {"error": describe_error(error), "traceback": traceback.format_exc()}


_TASKS: dict[str, Callable[[Mapping[str, Any], Ask], Message]] = {
    "trial": _perform_trial,
    "inspect": _perform_inspection,
    "discover": _perform_discovery,
    "measure": _perform_measurement,
    "export": _perform_export,
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
        os._exit(LOST_SUPERVISOR)
    return answer


def _redirect_output(log: Path) -> None:
    """Send what this process prints, in Python or in C, to its own log."""
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _watch_supervisor(connection: socket.socket) -> None:
    """End this process as soon as the other end closes, even in the middle of an operation."""
    poll = select.poll()
    # POLLHUP is always reported; POLLRDHUP, where there is one, comes with a half-closed socket.
    poll.register(connection.fileno(), getattr(select, "POLLRDHUP", 0))

    def wait() -> None:
        poll.poll()
        os._exit(LOST_SUPERVISOR)

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()
