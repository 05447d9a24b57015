"""How trials end badly, in words: what happened, and what to do about it.

The causes themselves are those of `sweeps.causes`.
"""

from __future__ import annotations

import re
import signal
import sysconfig
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sweeps.causes import Cause
from sweeps.durable import is_disk_full
from sweeps.errors import describe_error, describe_traceback
from sweeps.training.channel import TrialEnd
from sweeps.worker.stacks import find_place

_PLACE = " (at "
_OUT_OF_MEMORY = re.compile(
    r"std::bad_alloc"
    r"|RESOURCE_EXHAUSTED"
    r"|OOM when allocating"
    r"|[Oo]ut of memory"
    r"|Cannot allocate memory"
    r"|(CUDA|CUDNN|CUBLAS|CUSOLVER|CUFFT)\w*(OUT_OF_MEMORY|ALLOC_FAILED)"
    # What TensorFlow says where a tensor does not fit on the GPU to which it is to be copied.
    r"|Dst tensor is not initialized"
)
_OUT_OF_MEMORY_TYPES = ("MemoryError", "ResourceExhaustedError")
_LIBRARIES = tuple(
    Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_PACKAGE = Path(__file__).parents[1]
_COUNTERS = (
    (Path("/sys/fs/cgroup/memory.events"), "oom_kill"),
    (Path("/proc/vmstat"), "oom_kill"),
)
_LOG_BYTES = 16 << 10


@dataclass(frozen=True)
class Death:
    """A trial process that ended without saying how.

    Attributes:
        status: Its exit status, negative for the signal that ended it; None where nobody knows.
        cause: Why we killed it; None where we did not.
        reason: What is known besides: of a process that was killed by us, lost or never started.
    """

    status: int | None
    cause: Cause | None = None
    reason: str = ""


@dataclass(frozen=True)
class Evidence:
    """What was found about the life of a process once it had died.

    Attributes:
        log: The end of what it printed.
        is_oom_kill: The kernel killed something for memory meanwhile.
    """

    log: str = ""
    is_oom_kill: bool = False


def explain_death(
    death: Death,
    *,
    timeout_seconds: float | None = None,
    evidence: Evidence = Evidence(),
) -> TrialEnd:
    """Turn a process's death into the trial's end.

    A process that was lost together with its server is no failure of the trial: the trial is
    interrupted and will be continued.
    """
    if death.cause == Cause.TIMEOUT and not death.reason:
        told = f"not finished after {timeout_seconds:g} s and killed"
        return _fail(Cause.TIMEOUT, f"{told}{_find_place(evidence)}.")
    if death.cause == Cause.NO_PROGRESS:
        return _fail(death.cause, f"{death.reason.rstrip('.')}{_find_place(evidence)}.")
    if death.cause is not None:
        return _fail(death.cause, death.reason)
    if death.status is None:
        reason = death.reason or "the process that forks trials died"
        return TrialEnd("interrupted", cause=Cause.LOST, reason=reason)
    if death.status < 0:
        return _explain_signal(-death.status, evidence)
    return _fail(Cause.EXIT, f"the process ended itself with status {death.status}, by os._exit.")


def _explain_signal(number: int, evidence: Evidence) -> TrialEnd:
    name = signal.Signals(number).name if number in list(signal.Signals) else f"signal {number}"
    if number == signal.SIGKILL and evidence.is_oom_kill:
        return _fail(Cause.OUT_OF_MEMORY, f"killed by the kernel with {name}, for memory.")
    if number == signal.SIGKILL:
        return _fail(Cause.KILLED, f"killed by {name}, and not by this sweep.")
    if found := _OUT_OF_MEMORY.search(evidence.log):
        return _fail(Cause.OUT_OF_MEMORY, f"crashed with {name} after {found[0]!r} in its log.")
    return _fail(Cause.CRASHED, f"crashed with {name}{_find_place(evidence)}.")


def explain_error(error: BaseException) -> TrialEnd:
    """Turn what a trial's code raised into the trial's end."""
    if is_disk_full(error):
        return TrialEnd("interrupted", cause=Cause.DISK_FULL, reason=describe_error(error))
    text = describe_traceback(error)
    if isinstance(error, SystemExit):
        what = f"the model's code called sys.exit({error.code!r}){_describe_place(error)}."
        return _fail(Cause.EXIT, what, text)
    cause = Cause.OUT_OF_MEMORY if is_out_of_memory(error) else Cause.ERROR
    return _fail(cause, f"{describe_error(error).rstrip('.')}{_describe_place(error)}.", text)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception, or one that it came from, says that memory was used up."""
    return any(
        any(base.__name__ in _OUT_OF_MEMORY_TYPES for base in type(each).__mro__)
        or (
            (isinstance(each, RuntimeError | OSError) or _is_of_tensorflow(each))
            and _OUT_OF_MEMORY.search(str(each)) is not None
        )
        for each in _list_causes(error)
    )


def identify_error(reason: str) -> str:
    """Name an error so that the same one of two trials has one name.

    That is type and message, without the place, numbers and addresses.
    """
    text = reason.rpartition(_PLACE)[0] or reason
    return re.sub(r"0x[0-9a-fA-F]+|[0-9]+", "#", text)


def count_oom_kills() -> int:
    """Count the processes that the kernel has killed for memory so far, where it tells."""
    # The one of our cgroup counts every kill in it; the machine's takes ten times as long to read.
    found = next((counter for counter in _COUNTERS if counter[0].exists()), None)
    return _read_counter(*found) if found else 0


def read_log_end(log: Path, start: int = 0) -> str:
    """Read the end of what a process printed, from `start` bytes on at the earliest."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, file.seek(0, 2) - _LOG_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _fail(cause: Cause, what: str, trace: str = "") -> TrialEnd:
    return TrialEnd("failed", cause=cause, reason=cause.explain(what), traceback=trace)


def _describe_place(error: BaseException) -> str:
    """Name the last place in the user's own code; empty where there is none."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)
    ]
    if not frames:
        return ""
    last = frames[-1]
    return _write_place(last.filename, last.lineno, last.name)


def _find_place(evidence: Evidence) -> str:
    """Name the place in the user's code that its log ends with; empty where there is none."""
    place = find_place(evidence.log, _is_users)
    return _write_place(*place) if place else ""


def _write_place(file: str, line: int | None, function: str) -> str:
    return f"{_PLACE}{file}:{line}, in {function})"


def _is_users(filename: str) -> bool:
    path = Path(filename)
    inside = (*_LIBRARIES, _PACKAGE)
    return path.is_absolute() and not any(path.is_relative_to(folder) for folder in inside)


def _is_of_tensorflow(error: BaseException) -> bool:
    return type(error).__module__.startswith("tensorflow.")


def _list_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _read_counter(path: Path, name: str) -> int:
    try:
        content = path.read_bytes()
    except OSError:
        return 0
    found = re.search(rb"^%s (\d+)$" % name.encode(), content, re.MULTILINE)
    return int(found[1]) if found else 0
