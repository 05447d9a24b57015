"""Tests of `sweeps.engines.message_loop`: tasks are played at the other end of a socket."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from sweeps.engines.clock import Clock
from sweeps.engines.message_loop import Conversation, Ending, MessageLoop
from sweeps.worker.messages import Ask, Line, do_nothing
from sweeps.worker.run_task import UNLIMITED, TaskLimits

SECONDS = 10.0
"""How long a test waits for what has to come."""
REPORT = {"kind": "report"}
END = {"kind": "end"}


class Task(NamedTuple):
    """A task that is played: its conversation, and its end of the socket, also as a line."""

    talk: Conversation
    socket: socket.socket
    line: Line


class Tasks:
    """Begins conversations whose other ends the test has."""

    def __init__(self, loop: MessageLoop) -> None:
        self.loop = loop
        self._all: list[Task] = []

    def begin(
        self,
        answer: Ask = lambda _: {},
        commit: Callable[[], None] = do_nothing,
        limits: TaskLimits = UNLIMITED,
    ) -> Task:
        """Begin a conversation."""
        ours, theirs = socket.socketpair()
        theirs.settimeout(SECONDS)
        talk = Conversation(ours, answer, commit, Clock(limits))
        task = Task(talk, theirs, Line(theirs))
        self._all.append(task)
        self.loop.begin(talk)
        return task

    def close(self) -> None:
        """Close all sockets."""
        for task in self._all:
            task.talk.close()
            task.line.close()


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """Give a loop with nothing to do."""
    loop = MessageLoop()
    tasks = Tasks(loop)
    yield tasks
    loop.close()
    tasks.close()


def test_questions_are_answered_until_the_end(tasks: Tasks) -> None:
    """Each one in its order, those of several tasks beside each other."""
    begun = [tasks.begin(lambda message, i=i: {"task": i, **message}) for i in range(3)]  # type: ignore[misc]
    for number in range(5):
        for task in begun:
            task.line.send({**REPORT, "epoch": number})
        for i, task in enumerate(begun):
            assert task.line.receive() == {"task": i, **REPORT, "epoch": number}
    begun[1].line.send({**END, "value": 0.5})
    assert begun[1].talk.end.result(SECONDS) == {**END, "value": 0.5}
    assert not begun[0].talk.end.done()


def test_answer_is_sent_once_it_is_committed(tasks: Tasks) -> None:
    """What a task is told rests on what is on disk by then."""
    told: list[str] = []

    def commit() -> None:
        told.append("told too early" if is_answered(task) else "commit")

    task = tasks.begin(commit=commit)
    for _ in range(3):
        task.line.send(REPORT)
        assert task.line.receive() == {}
    assert told == ["commit"] * 3


def test_questions_that_came_together_are_committed_together(tasks: Tasks) -> None:
    """All are answered before the commit that serves them all."""
    told: list[str] = []
    may_go_on, has_begun = threading.Event(), threading.Event()

    def answer(message: Any) -> dict[str, Any]:
        told.append("answer")
        has_begun.set()
        assert may_go_on.wait(SECONDS)
        return {}

    def commit() -> None:
        told.append("commit")

    begun = [tasks.begin(answer, commit) for _ in range(4)]
    begun[0].line.send(REPORT)
    assert has_begun.wait(SECONDS)
    for task in begun[1:]:
        task.line.send(REPORT)
    may_go_on.set()
    for task in begun:
        assert task.line.receive() == {}
    assert told == ["answer", "commit", *["answer"] * 3, "commit"]


def is_answered(task: Task) -> bool:
    """Tell whether there is something for a task to read."""
    return bool(select.select([task.socket], [], [], 0)[0])


def test_what_cannot_be_committed_is_not_told(tasks: Tasks) -> None:
    """Who waits for the task hears of it."""

    def commit() -> None:
        raise OSError("the disk is gone")

    task = tasks.begin(commit=commit)
    task.line.send(REPORT)
    with pytest.raises(OSError, match="the disk is gone"):
        task.talk.end.result(SECONDS)
    assert not is_answered(task)


@pytest.mark.parametrize(
    ("answer", "error"), [(lambda _: {}["missing"], KeyError), (lambda _: {"no": {1}}, TypeError)]
)
def test_what_an_answer_raises_ends_its_task_only(
    tasks: Tasks, answer: Ask, error: type[Exception]
) -> None:
    """The supervisor of that trial gets it; others are answered as before."""
    failing, other = tasks.begin(answer), tasks.begin()
    failing.line.send(REPORT)
    with pytest.raises(error):
        failing.talk.end.result(SECONDS)
    other.line.send(REPORT)
    assert other.line.receive() == {}


@pytest.mark.parametrize(
    "content", [b"", b'{"kind": "rep', b"not JSON\n", b"[1, 2]\n", b"{}\n", b"\xff\n"]
)
def test_closed_line_and_what_is_no_message_are_silence(tasks: Tasks, content: bytes) -> None:
    """A task that died in mid-line, or whose code wrote to the socket, has not ended by itself."""
    task = tasks.begin()
    task.socket.sendall(content)
    if not content.endswith(b"\n"):
        task.line.close()
    assert task.talk.end.result(SECONDS) is Ending.SILENCE


def test_message_without_end_is_given_up(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is not filled with what is no message."""
    monkeypatch.setattr("sweeps.engines.message_loop.LONGEST_LINE", 1000)
    task = tasks.begin()
    task.socket.sendall(b"x" * 1001)
    assert task.talk.end.result(SECONDS) is Ending.SILENCE


def test_large_messages_pass_both_ways_in_parts(tasks: Tasks) -> None:
    """They may be larger than what a socket takes at once, and others need not wait for that."""
    message = {"kind": "q", "text": "x" * 5_000_000}
    task, other = tasks.begin(lambda asked: asked), tasks.begin()
    task.line.send(message)
    other.line.send(REPORT)
    assert other.line.receive() == {}, "the first answer is waiting to be read"
    assert task.line.receive() == message


def test_half_a_message_is_no_sign_of_life(tasks: Tasks) -> None:
    """A task that hangs in the middle of one is given up, and does not keep others waiting."""
    task, other = tasks.begin(limits=TaskLimits(stall_seconds=0.2)), tasks.begin()
    task.socket.sendall(b'{"kind": ')
    other.line.send(REPORT)
    assert other.line.receive() == {}
    assert task.talk.end.result(SECONDS) is Ending.TIME_UP


def test_time_limit_leaves_out_what_the_driver_takes_to_answer(tasks: Tasks) -> None:
    """A trial whose report waits for disk space has not used its own time, nor been silent.

    Neither has another one that asks meanwhile, or begins.
    """
    limits = TaskLimits(1.0, 0.5)
    has_begun = threading.Event()

    def answer(message: Any) -> dict[str, Any]:
        has_begun.set()
        time.sleep(1.2)
        return {}

    slow, asking = tasks.begin(answer, limits=limits), tasks.begin(limits=limits)
    slow.line.send(REPORT)
    assert has_begun.wait(SECONDS)
    beginning = tasks.begin(limits=limits)
    asking.line.send(REPORT)
    for task in (slow, asking):
        assert task.line.receive() == {}
    time.sleep(0.1)  # they still have something to do
    for task in (slow, asking, beginning):
        task.line.send(END)
        assert task.talk.end.result(SECONDS) == END


def test_task_that_hangs_is_given_up_while_others_are_answered_slowly(tasks: Tasks) -> None:
    """Its clock stands still for nobody else's question."""

    def answer(message: Any) -> dict[str, Any]:
        time.sleep(0.1)
        return {}

    talking, hanging = tasks.begin(answer), tasks.begin(limits=TaskLimits(stall_seconds=0.25))
    began = time.monotonic()
    while not hanging.talk.end.done() and time.monotonic() < began + SECONDS:
        talking.line.send(REPORT)
        assert talking.line.receive() == {}
    assert hanging.talk.end.result(SECONDS) is Ending.TIME_UP


def test_message_that_came_in_time_is_read_after_it(tasks: Tasks) -> None:
    """A driver that was suspended does not blame the trial for the time it slept."""
    has_begun = threading.Event()

    def answer(message: Any) -> dict[str, Any]:
        has_begun.set()
        time.sleep(0.3)
        return {}

    task, other = tasks.begin(limits=TaskLimits(stall_seconds=0.1)), tasks.begin(answer)
    other.line.send(REPORT)
    assert has_begun.wait(SECONDS)
    task.line.send(END)
    assert task.talk.end.result(SECONDS) == END


def test_who_leaves_is_answered_no_more(tasks: Tasks) -> None:
    """`leave` waits for the answer that is being given: what it writes to may be closed then."""
    has_begun = threading.Event()
    told: list[str] = []

    def answer(message: Any) -> dict[str, Any]:
        has_begun.set()
        time.sleep(0.3)
        told.append("answered")
        return {}

    task = tasks.begin(answer)
    task.line.send(REPORT)
    assert has_begun.wait(SECONDS)
    tasks.loop.leave(task.talk)
    assert told == ["answered"]
    task.line.send(REPORT)
    time.sleep(0.1)
    assert told == ["answered"]


def test_loop_that_fails_lets_nobody_wait(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in the loop itself ends every task, and those that would begin."""
    task = tasks.begin()
    monkeypatch.setattr(tasks.loop, "_send", lambda _: 1 / 0)
    task.line.send(REPORT)
    with pytest.raises(ZeroDivisionError):
        task.talk.end.result(SECONDS)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(RuntimeError, match="thread that answers tasks has ended"):
        tasks.loop.begin(Conversation(ours, lambda _: {}, do_nothing, Clock(UNLIMITED)))


def test_end_of_the_loop_is_the_end_of_all_that_is_said(tasks: Tasks) -> None:
    """Nobody waits for a task that is answered no more."""
    task = tasks.begin()
    tasks.loop.close()
    assert task.talk.end.result(SECONDS) is Ending.SILENCE


def test_conversation_that_was_closed_before_it_began_harms_no_other(tasks: Tasks) -> None:
    """Ctrl-C may close a connection before the loop has it."""
    ours, theirs = socket.socketpair()
    closed = Conversation(ours, lambda _: {}, do_nothing, Clock(UNLIMITED))
    closed.close()
    theirs.close()
    tasks.loop.begin(closed)
    with pytest.raises(ValueError, match="Invalid file descriptor"):
        closed.end.result(SECONDS)
    task = tasks.begin()
    task.line.send(REPORT)
    assert task.line.receive() == {}


def test_loop_whose_thread_never_began_lets_nobody_wait(tasks: Tasks) -> None:
    """A signal came as it was started: who leaves and who closes are not to wait for it."""
    tasks.loop._thread = threading.Thread(target=time.sleep)
    task = tasks.begin()
    tasks.loop.leave(task.talk)
    tasks.loop.close()
    assert not task.talk.end.done()
