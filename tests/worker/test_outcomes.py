"""Tests of `sweeps.worker.outcomes`."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sweeps.causes import Cause
from sweeps.worker.outcomes import (
    Death,
    Evidence,
    explain_death,
    explain_error,
    identify_error,
    read_log_end,
)


@pytest.mark.parametrize(
    ("status", "cause", "reason"),
    [
        (-9, "killed", "killed by SIGKILL, and not by this sweep."),
        (-11, "crashed", "crashed with SIGSEGV."),
        (-6, "crashed", "crashed with SIGABRT."),
        (-100, "crashed", "crashed with signal 100."),
        (3, "exit", "the process ended itself with status 3, by os._exit."),
        (0, "exit", "the process ended itself with status 0, by os._exit."),
    ],
)
def test_explain_death_says_what_ended_the_process(status: int, cause: str, reason: str) -> None:
    """Each way to die is a failure of that trial, with its signal or status by name."""
    end = explain_death(Death(status))
    assert (end.state, end.cause) == ("failed", cause)
    assert end.reason.startswith(reason)
    assert len(end.reason) > len(reason), "and what to do about it"


def test_explain_death_of_a_server_is_no_failure_of_the_trial() -> None:
    """A trial that was lost with its server is continued."""
    end = explain_death(Death(None))
    assert (end.state, end.cause) == ("interrupted", "lost")
    assert end.reason.startswith("the process that forks trials died")


def test_explain_death_timeout_wins_over_the_signal_it_was_killed_with() -> None:
    """Our own kill is a timeout and says which limit to raise."""
    end = explain_death(Death(-9, Cause.TIMEOUT), timeout_seconds=90.0)
    assert (end.state, end.cause) == ("failed", "timeout")
    assert end.reason == (
        "not finished after 90 s and killed. "
        "Raise limits.trial_timeout, or narrow what makes trials slow."
    )


@pytest.mark.parametrize(
    ("death", "told"),
    [
        (Death(-11), "crashed with SIGSEGV (at /mine/model.py:7, in build). The end"),
        (Death(-9, Cause.TIMEOUT), "not finished after 9 s and killed (at /mine/model.py:7, in "),
        (
            Death(-9, Cause.NO_PROGRESS, "nothing was heard of it, and it was killed."),
            "nothing was heard of it, and it was killed (at /mine/model.py:7, in build). Look",
        ),
    ],
)
def test_explain_death_tells_the_users_line_where_the_log_ends_with_a_stack(
    death: Death, told: str
) -> None:
    """Where it crashed or hung is what a person needs first."""
    log = (
        "Current thread 0x00007f0 (most recent call first):\n"
        f'  File "{os.__file__}", line 1 in wait\n  File "/mine/model.py", line 7 in build\n'
    )
    end = explain_death(death, timeout_seconds=9, evidence=Evidence(log))
    assert end.reason.startswith(told)
    assert identify_error(end.reason) == identify_error(told)


def test_explain_death_who_kills_says_why() -> None:
    """A watch that kills for memory gives the figures; the advice is added."""
    end = explain_death(Death(-9, Cause.OUT_OF_MEMORY, "it used 3 GB of 2 GB."))
    assert (end.state, end.cause) == ("failed", "out of memory")
    assert end.reason.startswith("it used 3 GB of 2 GB. Use fewer workers")


def test_explain_death_knows_the_kernels_kill_for_memory() -> None:
    """SIGKILL while the kernel counted a kill for memory is one; without the count it is not."""
    assert explain_death(Death(-9), evidence=Evidence(is_oom_kill=True)).cause == "out of memory"
    assert explain_death(Death(-11), evidence=Evidence(is_oom_kill=True)).cause == "crashed"


def test_explain_death_knows_bad_alloc_by_the_end_of_the_log() -> None:
    """C++ aborts where memory is refused, which only its last words tell."""
    log = "terminate called after throwing an instance of 'std::bad_alloc'\n  what(): ..."
    assert explain_death(Death(-6), evidence=Evidence(log)).cause == "out of memory"
    assert explain_death(Death(-6), evidence=Evidence("terminate called")).cause == "crashed"


def test_read_log_end_reads_what_this_attempt_printed(tmp_path: Path) -> None:
    """What an earlier attempt printed explains nothing, and a long log is read from its end."""
    log = tmp_path / "log.txt"
    log.write_text("std::bad_alloc\nnew")
    assert read_log_end(log, 15) == "new"
    log.write_text("x" * 100_000 + "end")
    assert read_log_end(log).endswith("xend")
    assert len(read_log_end(log)) < 20_000
    assert read_log_end(tmp_path / "none") == ""


class ResourceExhaustedError(Exception):
    """Has the name of TensorFlow's own, which is not imported here."""


class InternalError(Exception):
    """Stands for one of TensorFlow's."""


InternalError.__module__ = "tensorflow.python.framework.errors_impl"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("{{function_node}} OOM when allocating tensor on GPU:0"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUDA runtime: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        InternalError("Failed copying input tensor: Dst tensor is not initialized."),
        InternalError("Failed to create cuDNN handle: CUDNN_STATUS_ALLOC_FAILED"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
)
def test_explain_error_recognizes_memory_of_host_and_gpu(error: Exception) -> None:
    """Whatever tells that memory is used up has that cause, also where it is wrapped."""
    assert explain_error(error).cause == "out of memory"
    wrapped = ValueError("in my code")
    wrapped.__cause__ = error
    assert explain_error(wrapped).cause == "out of memory"


def test_explain_error_does_not_take_words_of_users_for_memory() -> None:
    """A user's own text proves nothing."""
    assert explain_error(ValueError("ran out of memory slots")).cause == "error"
    assert explain_error(RuntimeError("no such layer")).cause == "error"


def test_explain_error_tells_the_users_last_line() -> None:
    """What was raised in a library is told with the line of the user that called it."""
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int(Path("seven").name)
    end = explain_error(raised.value)
    assert f"(at {__file__}:" in end.reason
    assert ", in test_explain_error_tells_the_users_last_line)." in end.reason
    assert "Traceback" in end.traceback


def test_explain_error_names_the_argument_of_sys_exit() -> None:
    """sys.exit is a cause of its own."""
    end = explain_error(SystemExit(3))
    assert (end.state, end.cause) == ("failed", "exit")
    assert end.reason.startswith("the model's code called sys.exit(3)")


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("ValueError: shape (3, 4)", "ValueError: shape (17, 4)", True),
        ("ValueError: object at 0x7f00a1", "ValueError: object at 0xdeadbe", True),
        ("ValueError: no (at a.py:3, in build).", "ValueError: no (at b.py:9, in call).", True),
        ("ValueError: no", "TypeError: no", False),
        ("ValueError: no", "ValueError: yes", False),
    ],
)
def test_identify_error_goes_by_type_and_message(one: str, other: str, are_same: bool) -> None:
    """Numbers, addresses and places differ between trials that make the same mistake."""
    assert (identify_error(one) == identify_error(other)) is are_same
