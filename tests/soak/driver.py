"""The command line of sweeps with faults in it, and notes of what the study took.

Started as ``python -m tests.soak.driver PLAN ARGUMENTS...``, where the plan is JSON.
"""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import sys
import threading
from collections import deque
from typing import Any

from sweeps.checkpoints.store import BestStore
from sweeps.cli.app import run_command_line
from sweeps.engines.local import LocalEngine
from sweeps.search.journal import JournalBackend
from sweeps.search.study import Study
from sweeps.search.trials import TrialFinishedError, TrialOutcome
from sweeps.worker import disk, disk_space, fork_server
from tests.soak.notes import Notes, open_notes
from tests.soak.stub_training import replace_keras

# The fork server has a session of its own, and Linux may share its time among sessions first.
_STAY_BEHIND = """\
try:
    with open("/proc/self/autogroup", "w") as file:
        file.write("10")
except OSError:
    pass
"""


def main() -> int:
    """Run one command with the faults of a plan."""
    plan, arguments = json.loads(sys.argv[1]), sys.argv[2:]
    if plan["stub"]:
        replace_keras()
    if os.getpriority(os.PRIO_PROCESS, 0) > 0:
        fork_server._START = _STAY_BEHIND + fork_server._START
    notes = open_notes()
    draw = random.Random(plan["seed"])
    disk_space.LOOK_SECONDS = 0.05
    if plan["mistake"]:
        MISTAKES[plan["mistake"]]()
    unsynced: deque[dict[str, Any]] = deque()
    _note_study(notes, unsynced, draw)
    _note_ends(notes)
    _note_syncs(notes, unsynced)
    _fill_disk(draw, plan["full_disk"])
    if plan["die_at"]:
        _die_at(plan["die_at"])
    if plan["kill_server_after"]:
        _kill_server(plan["kill_server_after"])
    return run_command_line(arguments)


def _drop_reports() -> None:
    report, draw = Study.report, random.Random(0)

    def dropping(self: Study, *arguments: Any, **options: Any) -> bool:
        return draw.random() > 0.2 and report(self, *arguments, **options)

    Study.report = dropping  # type: ignore[method-assign]


def _change_reports() -> None:
    report = Study.report

    def changing(self: Study, number: int, epoch: int, value: float, **options: Any) -> bool:
        return report(self, number, epoch, value + 0.5 * (epoch == 2), **options)

    Study.report = changing  # type: ignore[method-assign]


def _forget_attempts() -> None:
    Study.set_attempt = lambda *_, **__: None  # type: ignore[method-assign]


def _delete_the_leaders() -> None:
    collect = disk.collect_checkpoints

    def deleting(paths: Any, spec: Any, trials: Any, leading: set[int], *sizes: Any) -> None:
        collect(paths, spec, trials, leading, *sizes)
        for number in leading:
            BestStore(paths.trial(number)).remove_others(None)

    disk.collect_checkpoints = deleting  # type: ignore[assignment]


def _forget_syncs() -> None:
    JournalBackend.sync = lambda self: None  # type: ignore[method-assign]
    write = JournalBackend._write_once
    held: list[bytes] = []

    def holding(self: JournalBackend, descriptor: int, content: bytes) -> None:
        """Keep records back, as a buffer does."""
        held.append(content)
        if len(held) == 20:
            write(self, descriptor, b"".join(held))
            held.clear()

    JournalBackend._write_once = holding  # type: ignore[method-assign]
    JournalBackend._read_foreign = lambda *_: None  # type: ignore[method-assign]


MISTAKES = {
    "drop reports": _drop_reports,
    "change reports": _change_reports,
    "forget attempts": _forget_attempts,
    "delete the leader's checkpoint": _delete_the_leaders,
    "keep records back": _forget_syncs,
}
"""Mistakes that the package might have: what proves that the checker sees them."""


def _note_study(notes: Notes, unsynced: deque[dict[str, Any]], draw: random.Random) -> None:
    """Note what the study took; what it does not sync by itself, once that is on disk."""
    ask, tell, report, begin = Study.ask, Study.tell, Study.report, Study.set_attempt

    def noting_ask(self: Study) -> Any:
        asked = ask(self)
        unsynced.append({"kind": "ask", "number": asked.number, "values": dict(asked.values)})
        return asked

    def noting_begin(self: Study, number: int, attempt: int, **options: Any) -> None:
        begin(self, number, attempt, **options)
        notes.add("attempt", number=number, attempt=attempt)

    def noting_report(self: Study, number: int, epoch: int, value: float, **options: Any) -> bool:
        answer = report(self, number, epoch, value, **options)
        unsynced.append({"kind": "taken", "number": number, "epoch": epoch, "value": value})
        return answer

    def noting_tell(self: Study, number: int, outcome: TrialOutcome, **options: Any) -> None:
        tell(self, number, outcome, **options)
        told = {"state": outcome.state, "value": outcome.value, "cause": outcome.cause}
        notes.add("tell", number=number, **told)
        if draw.random() < 0.1:
            tell_late(self, number)

    def tell_late(self: Study, number: int) -> None:
        """Come with the results of an attempt that nobody waits for any more."""
        for late in (
            lambda: report(self, number, 99, 123.0),
            lambda: tell(self, number, TrialOutcome("complete", 123.0)),
            lambda: begin(self, number, 99),
        ):
            try:
                late()
            except TrialFinishedError:
                notes.add("refused", number=number)
            else:
                notes.add("taken late", number=number)

    Study.ask = noting_ask  # type: ignore[method-assign]
    Study.tell = noting_tell  # type: ignore[method-assign]
    Study.report = noting_report  # type: ignore[method-assign]
    Study.set_attempt = noting_begin  # type: ignore[method-assign]


def _note_ends(notes: Notes) -> None:
    run_task = LocalEngine.run_task

    def noting(self: LocalEngine, request: Any, *arguments: Any, **options: Any) -> Any:
        result = run_task(self, request, *arguments, **options)
        if request["task"] == "trial":
            notes.add("gone", number=request["number"])
        return result

    LocalEngine.run_task = noting  # type: ignore[method-assign]


def _note_syncs(notes: Notes, unsynced: deque[dict[str, Any]]) -> None:
    """Write down how much of the journal is on disk, for whoever plays a loss of power."""
    path, sync, lock = notes.path.with_name("synced"), JournalBackend.sync, threading.Lock()
    synced = 0

    def noting(self: JournalBackend) -> None:
        nonlocal synced
        ready = [unsynced.popleft() for _ in range(len(unsynced))]
        size = self._size
        sync(self)
        with lock:
            if size > synced:
                synced = size
                path.write_text(f"{size}\n")
        for note in ready:
            notes.add(**note)

    JournalBackend.sync = noting  # type: ignore[method-assign]


def _fill_disk(draw: random.Random, chance: float) -> None:
    """Let writes fail as on a full disk, in the journal after a part of the bytes."""
    write, fsync, replace = os.write, os.fsync, os.replace

    def failing_write(descriptor: int, content: Any) -> int:
        if b'"crc"' in bytes(content) and draw.random() < chance:
            return write(descriptor, content[: draw.randrange(len(content))])
        return write(descriptor, content)

    def failing_fsync(descriptor: int) -> None:
        if draw.random() < chance / 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    def failing_replace(*arguments: Any, **options: Any) -> None:
        if draw.random() < chance:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(*arguments, **options)

    os.write, os.fsync = failing_write, failing_fsync  # type: ignore[assignment]
    os.replace = failing_replace  # type: ignore[assignment]


def _die_at(operation: int) -> None:
    """Kill this process at one of its operations on the disk."""
    left = iter(range(operation, -1, -1))

    def count(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if next(left, 1) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    for name in ("write", "fsync", "replace", "rename", "unlink"):
        setattr(os, name, count(getattr(os, name)))


def _kill_server(seconds: float) -> None:
    """Kill the fork server after a while; the one that holds the data goes with it."""
    start = fork_server.ForkServer.__init__

    def starting(self: Any, *parts: Any) -> None:
        start(self, *parts)
        if parts:
            return
        timer = threading.Timer(seconds, self._process.kill)  # does nothing once it was reaped
        timer.daemon = True
        timer.start()

    fork_server.ForkServer.__init__ = starting  # type: ignore[method-assign]


if __name__ == "__main__":
    raise SystemExit(main())
