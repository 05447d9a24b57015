"""Reports every epoch to the supervisor and does what it answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from sweeps.causes import Cause
from sweeps.errors import OptionError
from sweeps.training.behind import Behind
from sweeps.training.channel import Channel
from sweeps.training.repetitions import Repetition


class ValidationHeartbeat(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets the supervisor hear of a model that Keras validates, about once a second.

    Its hooks are those at the beginning of a batch: Keras calls them in the thread that trains,
    while one at the end would keep `fit` from computing ahead.

    Args:
        channel: The other end. What it answers counts where a state can be saved only.
        seconds: From one message to the next.
    """

    def __init__(self, channel: Channel, *, seconds: float = 1.0) -> None:
        super().__init__()
        self._channel = channel
        self._seconds = seconds
        self._next = 0.0

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Tell that the batches before this one are done, unless that was told just now."""
        if (now := time.monotonic()) >= self._next:
            self._channel.progress()
            self._next = now + self._seconds


class Heartbeat(ValidationHeartbeat):
    """Lets the supervisor hear of a training that never pauses: a HyperModel's own."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tell the same while the model is trained."""
        self.on_test_batch_begin(batch, logs)


class Reporting(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells the objective's value after every epoch; stops where the answer says so.

    It comes last: what it reports is durable already. It never raises to stop a trial, since other
    callbacks' `on_train_end` would then be skipped.

    Args:
        channel: The other end.
        metric: The objective's metric.
        repetition: Which training of the trial this is: epochs and values of the others come first.
        best: Gives the trial's best value so far.
        validation_freq: How often epochs are validated; between them the metric may be missing.
            0 where that is unknown.
        monitor: Another metric that has to be there; None where there is none.
        behind: Does the reporting, after the epoch is durable.

    Attributes:
        state: How the trial ended by an answer: ``pruned`` or ``interrupted``, ``failed`` where it
            diverged; empty where nothing ended it.
        reason: Why it diverged.
        epoch: Finished epochs.
    """

    def __init__(  # noqa: PLR0913 - the last three by keyword
        self,
        channel: Channel,
        metric: str,
        repetition: Repetition,
        best: Callable[[], float | None],
        *,
        validation_freq: int = 1,
        monitor: str | None = None,
        behind: Behind | None = None,
    ) -> None:
        super().__init__()
        self._behind = behind or Behind(at_once=True)
        self._channel = channel
        self._metric = metric
        self._monitor = monitor or metric
        self.repetition = repetition
        self._best = best
        self._validation_freq = validation_freq
        self.state = ""
        self.reason = ""
        self.epoch = 0

    def catch_up(self, history: Sequence[Mapping[str, float]]) -> None:
        """Tell the epochs of earlier attempts again, in case the last one never arrived."""
        for row in history:
            self._tell(int(row["epoch"]), row)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report the finished epoch."""
        self._behind.submit(lambda: self._tell(epoch + 1, logs or {}))
        self._behind.start()
        if self.state:
            self.model.stop_training = True

    def _tell(self, epoch: int, logs: Mapping[str, float]) -> None:
        self.epoch = epoch
        self.state = ""
        value = logs.get(self._metric)
        self._check_metrics(epoch, logs)
        if broken := _find_non_finite(logs, self._metric):
            self.state, self.reason = "failed", _explain_divergence(broken, logs[broken], epoch)
            return
        mean = None if value is None else self.repetition.average(value)
        total = self.repetition.first_epoch + epoch
        action = self._channel.report(total, mean, self._best())
        self.state = {"continue": "", "prune": "pruned", "stop": "interrupted"}[action]

    def _check_metrics(self, epoch: int, logs: Mapping[str, float]) -> None:
        freq = self._validation_freq
        if not freq or epoch % freq:
            return
        keys = {"objective.metric": self._metric, "checkpoint.monitor": self._monitor}
        for key, metric in keys.items():
            if logs.get(metric) is None:
                raise OptionError(
                    f"metric {metric!r} is not in the logs (have: {', '.join(logs)}). "
                    f"Set {key} to one of these."
                )


def _find_non_finite(logs: Mapping[str, float], metric: str) -> str | None:
    for name in ("loss", metric):
        if name in logs and not math.isfinite(logs[name]):
            return name
    return None


def _explain_divergence(name: str, value: float, epoch: int) -> str:
    return Cause.DIVERGED.explain(f"{name} is {value} after epoch {epoch}: training diverged.")
