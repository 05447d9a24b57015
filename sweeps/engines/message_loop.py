"""Answers what all tasks ask, in one thread.

With a thread for each task they would wait for each other's interpreter at every system call. One
thread takes all questions that have come, answers them, has what the answers rest on written to
disk together, and sends them.
"""

from __future__ import annotations

import contextlib
import enum
import json
import math
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from sweeps.engines.clock import Clock
from sweeps.worker.messages import LONGEST_LINE, Ask, Message, encode_line

_CHUNK_BYTES = 1 << 16
_LONGEST_WAIT_SECONDS = 3600.0
_LOOK_SECONDS = 1.0


class Ending(enum.Enum):
    """How a conversation ends without a last message."""

    SILENCE = "the task has closed its line, or what came was no message"
    TIME_UP = "its clock has run out"


class Conversation:
    """What one task asks, and what it is told.

    Args:
        connection: The task's socket.
        answer: Gives the answer to a question.
        commit: Called after answers were given and before they are sent, once for all tasks that
            have the same.
        clock: The task's time, which starts when its questions can be answered.

    Attributes:
        end: The task's message that it has ended, or an `Ending`; or what an answer raised.
    """

    def __init__(
        self, connection: socket.socket, answer: Ask, commit: Callable[[], None], clock: Clock
    ) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.answer = answer
        self.commit = commit
        self.clock = clock
        self.end: Future[Message | Ending] = Future()
        self._received = bytearray()
        self._unsent = b""

    def receive(self) -> Iterator[Message]:
        """Read what has come, and give the messages that are complete.

        Raises:
            EOFError: The other end has closed or died, or sends what is no message.
        """
        try:
            content = self.connection.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        self._received += content
        if not content or len(self._received) > LONGEST_LINE:
            raise EOFError
        if b"\n" in content:
            *lines, self._received = self._received.split(b"\n")
            for line in lines:
                yield _decode(line)

    def send(self, line: bytes) -> None:
        """Send a line as far as the other end takes it; the rest waits for `send_rest`."""
        self._unsent += line
        self.send_rest()

    def send_rest(self) -> None:
        """Send what was left. Where the other end has died, the next look at it tells so."""
        try:
            self._unsent = self._unsent[self.connection.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""

    def close(self) -> None:
        """Close our end; the other one sees it at once, whoever has a copy of it."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    @property
    def wanted_events(self) -> int:
        """What to wait for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)


class MessageLoop:
    """Holds the conversations with all tasks that run. Its methods may be called from any thread.

    The thread starts with the first conversation.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._conversations: set[Conversation] = set()
        self._next_look = math.inf
        self._round_seconds = 0.0
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._is_over = False

    def begin(self, conversation: Conversation) -> None:
        """Begin to answer a task. `leave` it before its connection is closed.

        Raises:
            RuntimeError: The loop has been closed, or has failed.
        """
        if not self._have_done(lambda: self._join(conversation)):
            raise RuntimeError("the thread that answers tasks has ended")

    def leave(self, conversation: Conversation) -> None:
        """Answer no more of what a task asks; returns when no answer is being given any more."""
        has_left = threading.Event()

        def leave() -> None:
            self._drop(conversation)
            has_left.set()

        if not conversation.end.done() and self._have_done(leave):
            while not has_left.wait(_LOOK_SECONDS) and self._thread and self._thread.is_alive():
                pass

    def close(self) -> None:
        """End the thread; whatever is still talked about ends in silence. Twice is no mistake."""
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
            if self._thread:
                self._waker.send(b"\0")
        if self._thread and self._thread.is_alive():  # else it was interrupted as it began
            self._thread.join()
        self._selector.close()
        self._waker.close()
        self._woken.close()

    def _have_done(self, job: Callable[[], None]) -> bool:
        """Have the thread do something; False where there is no thread any more."""
        with self._lock:
            if self._is_closing or self._is_over:
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="message-loop", daemon=True)
                self._thread.start()
            self._jobs.append(job)
            self._waker.send(b"\0")
        return True

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            while not self._is_closing:
                self._serve_once()
        except BaseException as error:  # noqa: BLE001 - a mistake in here: raised for every task
            failure = error
        with self._lock:
            self._is_over = True
        self._do_jobs()
        for conversation in list(self._conversations):  # nobody shall wait for ever
            if failure:
                self._fail(conversation, failure)
            else:
                self._end(conversation, Ending.SILENCE)

    def _serve_once(self) -> None:
        """Wait until something has come, and answer it."""
        waiting = self._selector.select(0)
        for key, _ in waiting:
            if key.data:  # it asked while others were answered
                key.data.clock.stand_still(self._round_seconds)
        left = max(0.0, min(self._next_look - time.monotonic(), _LONGEST_WAIT_SECONDS))
        ready = waiting or self._selector.select(left)
        began = time.monotonic()
        if began >= self._next_look:
            # What has come already is read even where the time is up.
            self._look_at_clocks({key.data for key, _ in ready})
        answered = [each for key, events in ready for each in self._handle(key.data, events)]
        self._send(answered)
        self._round_seconds = time.monotonic() - began
        for conversation in {conversation for conversation, _ in answered}:
            conversation.clock.stand_still(self._round_seconds)
            conversation.clock.hear()

    def _handle(
        self, conversation: Conversation | None, events: int
    ) -> list[tuple[Conversation, bytes]]:
        """Do what a ready socket is there for; gives the answers that are to be sent."""
        if conversation is None:
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(_CHUNK_BYTES)
            self._do_jobs()
            return []
        if conversation not in self._conversations:  # it has been left a moment ago
            return []
        if events & selectors.EVENT_WRITE:
            conversation.send_rest()
            self._wait_for(conversation)
        return self._answer(conversation) if events & selectors.EVENT_READ else []

    def _answer(self, conversation: Conversation) -> list[tuple[Conversation, bytes]]:
        answered = []
        try:
            for message in conversation.receive():
                if message["kind"] == "end":
                    self._end(conversation, message)
                    break
                answered.append((conversation, encode_line(conversation.answer(message))))
        except EOFError:
            self._end(conversation, Ending.SILENCE)
        except BaseException as error:  # noqa: BLE001 - raised where the end is waited for
            self._fail(conversation, error)
        return answered

    def _send(self, answered: list[tuple[Conversation, bytes]]) -> None:
        failed: dict[Callable[[], None], BaseException] = {}
        for commit in dict.fromkeys(conversation.commit for conversation, _ in answered):
            try:
                commit()
            except BaseException as error:  # noqa: BLE001 - raised where the end is waited for
                failed[commit] = error
        for conversation, line in answered:
            if conversation not in self._conversations:  # it has ended meanwhile
                continue
            if conversation.commit in failed:
                self._fail(conversation, failed[conversation.commit])
            else:
                conversation.send(line)
                self._wait_for(conversation)

    def _look_at_clocks(self, ready: set[Conversation | None]) -> None:
        self._next_look = math.inf
        for conversation in list(self._conversations):
            if conversation.clock.seconds_left <= 0 and conversation not in ready:
                self._end(conversation, Ending.TIME_UP)
            else:
                self._plan_look(conversation.clock)

    def _plan_look(self, clock: Clock) -> None:
        seconds = max(0.0, min(clock.seconds_left, clock.look_seconds))
        self._next_look = min(self._next_look, time.monotonic() + seconds)

    def _do_jobs(self) -> None:
        while self._jobs:
            self._jobs.popleft()()

    def _join(self, conversation: Conversation) -> None:
        try:
            self._selector.register(conversation.connection, selectors.EVENT_READ, conversation)
        except (KeyError, ValueError, OSError) as error:
            conversation.end.set_exception(error)  # who began it was cut short, and closed it
            return
        self._conversations.add(conversation)
        conversation.clock.start()
        self._plan_look(conversation.clock)

    def _wait_for(self, conversation: Conversation) -> None:
        events = conversation.wanted_events
        if self._selector.get_key(conversation.connection).events != events:
            self._selector.modify(conversation.connection, events, conversation)

    def _drop(self, conversation: Conversation) -> None:
        if conversation in self._conversations:
            self._conversations.remove(conversation)
            self._selector.unregister(conversation.connection)

    def _end(self, conversation: Conversation, end: Message | Ending) -> None:
        self._drop(conversation)
        conversation.end.set_result(end)

    def _fail(self, conversation: Conversation, error: BaseException) -> None:
        self._drop(conversation)
        conversation.end.set_exception(error)


def _decode(line: bytearray) -> Message:
    """Read one line.

    Raises:
        EOFError: It is no message: the model's code has written to the socket.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or "kind" not in message:
        raise EOFError
    return message
