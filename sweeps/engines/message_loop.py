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
_LONG_SECONDS = 1.0
"""Where answers took so long, other tasks may have waited for their own as well."""


class Ending(enum.Enum):
    """How a conversation ends without a last message."""

    SILENCE = "the task has closed its line, or what came was no message"
    TIME_UP = "its clock has run out"


class Conversation:
    """What one task asks, and what it is told. Only the loop's thread touches the connection.

    Args:
        connection: The task's socket.
        answer: Gives the answer to a question.
        commit: Called after answers were given and before they are sent.
        clock: The task's time.

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

    def send(self, message: Message) -> None:
        """Send a message as far as the other end takes it; the rest waits for `send_rest`."""
        self._unsent += encode_line(message)
        self.send_rest()

    def send_rest(self) -> None:
        """Send what was left. Where the other end has died, the next look at it tells so."""
        try:
            self._unsent = self._unsent[self.connection.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""

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
        self._jobs: deque[Callable[[], None]] = deque()
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._is_closed = False

    def begin(
        self, connection: socket.socket, answer: Ask, commit: Callable[[], None], clock: Clock
    ) -> Conversation:
        """Begin to answer a task. Whoever began it closes the connection once it has ended."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="message-loop", daemon=True)
                self._thread.start()
        conversation = Conversation(connection, answer, commit, clock)
        self._have_done(lambda: self._join(conversation))
        return conversation

    def leave(self, conversation: Conversation) -> None:
        """Answer no more of what a task asks; returns when no answer is being given any more."""
        if conversation.end.done():
            return
        has_left = threading.Event()

        def leave() -> None:
            self._drop(conversation)
            has_left.set()

        self._have_done(leave)
        has_left.wait()

    def close(self) -> None:
        """End the thread; what is still being talked about is silence. Twice is no mistake."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._thread:
            self._waker.send(b"\0")
            self._thread.join()
        self._selector.close()
        self._waker.close()
        self._woken.close()

    def _have_done(self, job: Callable[[], None]) -> None:
        if self._failure:
            raise RuntimeError("the thread that answers tasks has failed") from self._failure
        self._jobs.append(job)
        self._waker.send(b"\0")

    def _run(self) -> None:
        try:
            while not self._is_closed:
                self._serve_once()
            for conversation in list(self._conversations):
                self._end(conversation, Ending.SILENCE)
        except BaseException as error:
            self._failure = error
            for conversation in list(self._conversations):
                self._fail(conversation, error)
            while self._jobs:  # nobody shall wait for ever
                self._jobs.popleft()()
            raise

    def _serve_once(self) -> None:
        """Wait until something has come, and answer it."""
        wait = max(0.0, min(self._next_look - time.monotonic(), _LONGEST_WAIT_SECONDS))
        ready = self._selector.select(wait)
        if time.monotonic() >= self._next_look:
            # What has come already is read even where the time is up.
            self._look_at_clocks({key.data for key, _ in ready})
        began = time.monotonic()
        answered = [each for key, events in ready for each in self._handle(key.data, events)]
        self._send(answered)
        self._adjust_clocks({conversation for conversation, _ in answered}, began)

    def _handle(
        self, conversation: Conversation | None, events: int
    ) -> list[tuple[Conversation, Message]]:
        """Do what a ready socket is there for; gives the answers that are to be sent."""
        if conversation is None:
            self._do_jobs()
            return []
        if events & selectors.EVENT_WRITE:
            conversation.send_rest()
            self._wait_for(conversation)
        return self._answer(conversation) if events & selectors.EVENT_READ else []

    def _answer(self, conversation: Conversation) -> list[tuple[Conversation, Message]]:
        answered = []
        try:
            for message in conversation.receive():
                if message["kind"] == "end":
                    self._end(conversation, message)
                    return []
                answered.append((conversation, conversation.answer(message)))
        except EOFError:
            self._end(conversation, Ending.SILENCE)
        except BaseException as error:  # noqa: BLE001 - raised where the end is waited for
            self._fail(conversation, error)
        return answered

    def _send(self, answered: list[tuple[Conversation, Message]]) -> None:
        for conversation, message in answered:
            if conversation not in self._conversations:  # it has ended meanwhile
                continue
            try:
                conversation.commit()
                conversation.send(message)
            except BaseException as error:  # noqa: BLE001 - raised where the end is waited for
                self._fail(conversation, error)
            else:
                self._wait_for(conversation)

    def _adjust_clocks(self, answered: set[Conversation], began: float) -> None:
        seconds = time.monotonic() - began
        delayed = self._conversations if seconds >= _LONG_SECONDS else answered
        for conversation in delayed:
            conversation.clock.stand_still(seconds)
        for conversation in answered:
            conversation.clock.hear()

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
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(_CHUNK_BYTES)
        while self._jobs:
            self._jobs.popleft()()

    def _join(self, conversation: Conversation) -> None:
        self._conversations.add(conversation)
        self._selector.register(conversation.connection, selectors.EVENT_READ, conversation)
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
    except ValueError:
        message = None
    if not isinstance(message, dict) or "kind" not in message:
        raise EOFError
    return message
