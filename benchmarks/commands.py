"""Commands that are measured: each in a session of its own, timed from its start to its exit."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

GRACE_SECONDS = 5.0


@dataclass
class Ran:
    """What a command did.

    Attributes:
        wall_seconds: From its start to its exit.
        cpu_seconds: Processor time of it and of its descendants that were waited for.
        status: Exit status; negative where a signal ended it.
        lines: What it printed, each line with the seconds since the start.
        started: When it was started, in seconds since 1970.
    """

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    status: int = 0
    lines: list[tuple[float, str]] = field(default_factory=list)
    started: float = 0.0

    def find_time(self, text: str) -> float | None:
        """Find when the first line that contains `text` was printed, in seconds."""
        return next((seconds for seconds, line in self.lines if text in line), None)


def run_command(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    is_done: Callable[[], bool] = lambda: False,
    timeout_seconds: float = float("inf"),
) -> Ran:
    """Run a command to its end, and no longer.

    Args:
        command: Program and arguments.
        cwd: Where it runs.
        env: Variables beside those of this process.
        is_done: Asked again and again; the command is ended once it is true.
        timeout_seconds: After which it is ended in any case.
    """
    ran = Ran(started=time.time())
    began = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    reader = threading.Thread(target=_read_lines, args=(process, began, ran.lines), daemon=True)
    reader.start()
    watcher = threading.Thread(
        target=_watch, args=(process, is_done, began + timeout_seconds), daemon=True
    )
    watcher.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
        ran.wall_seconds = time.perf_counter() - began
        process.returncode = ran.status = os.waitstatus_to_exitcode(status)
        ran.cpu_seconds = usage.ru_utime + usage.ru_stime
    finally:
        _end_group(process.pid)
        reader.join(GRACE_SECONDS)
    return ran


def check_ran(ran: Ran, name: str) -> Ran:
    """Refuse a command that failed.

    Raises:
        RuntimeError: With the end of what it printed.
    """
    if ran.status:
        told = "\n".join(line for _, line in ran.lines[-30:])
        raise RuntimeError(f"{name} ended with status {ran.status}:\n{told}")
    return ran


def _read_lines(
    process: subprocess.Popen[str], began: float, lines: list[tuple[float, str]]
) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        for line in stream:
            lines.append((time.perf_counter() - began, line.rstrip("\n")))  # noqa: PERF401


def _watch(process: subprocess.Popen[str], is_done: Callable[[], bool], deadline: float) -> None:
    """End the command by SIGTERM, and by SIGKILL where it does not go."""
    while process.returncode is None and time.perf_counter() < deadline and not is_done():
        time.sleep(0.1)
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    ends = time.perf_counter() + GRACE_SECONDS
    while process.returncode is None and time.perf_counter() < ends:
        time.sleep(0.1)
    _end_group(process.pid)


def _end_group(group: int) -> None:
    """Kill what is left of the command's session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
