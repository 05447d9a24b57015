"""What happens between two batches: a state is saved where it is time, and training may stop."""

from __future__ import annotations

import math
import time

from sweeps.training.behind import Behind
from sweeps.training.best_checkpoint import BestCheckpointing
from sweeps.training.channel import Channel
from sweeps.training.latest_checkpoint import LatestCheckpointing
from sweeps.training.reporting import Reporting


class Pauses:
    """Looks after a trial in the middle of its epochs.

    Args:
        channel: Tells whether to stop.
        best: Tells whether ``checkpoint.save_freq`` asks for a save.
        saving: Saves the state.
        reporting: Is told that training stops, and knows whether an answer has ended it.
        behind: Does the writing.
        save_every: Seconds since the last state after which the next one is saved; None never.
    """

    def __init__(
        self,
        *,
        channel: Channel,
        best: BestCheckpointing,
        saving: LatestCheckpointing,
        reporting: Reporting,
        behind: Behind,
        save_every: float | None = None,
    ) -> None:
        self._channel = channel
        self._best = best
        self._saving = saving
        self._reporting = reporting
        self._behind = behind
        self._save_every = math.inf if save_every is None else save_every

    def pause(self, epoch: int, batch: int) -> bool:
        """Save the state if it is time, or if training is to stop.

        Args:
            epoch: Finished epochs.
            batch: Finished batches of the next one.

        Returns:
            Whether training ends here.
        """
        if self._behind.is_busy and not self._is_time():
            return False
        if self.settle():
            return True
        is_stopped = self._channel.progress() == "stop"
        if is_stopped or self._is_time():
            self._saving.save_batch(epoch, batch)
        if is_stopped:
            self._reporting.state = "interrupted"
        return is_stopped

    def settle(self) -> bool:
        """Wait for what is still written; True where the answer to it ends the training."""
        self._behind.settle()
        return bool(self._reporting.state)

    def is_due(self) -> bool:
        """Tell whether a checkpoint by ``save_freq`` was due just now: the state is, too."""
        return self._best.is_due

    def _is_time(self) -> bool:
        since = time.monotonic() - self._saving.saved_at
        return self.is_due() or since >= self._save_every
