"""The checkpoints of one trial on disk: the best one, and the latest ones it continues from."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sweeps.durable import (
    commit_dir,
    digest_file,
    encode_json,
    make_dir,
    read_json,
    remove_leftovers,
    restore_dirs,
    write_atomic,
    write_json,
)
from sweeps.errors import CheckpointError
from sweeps.paths import TrialPaths, is_file_name

SCHEMA = 1
STATE_SCHEMA = 2
"""Of ``state.json``; since 2 there may be a `model` file beside the arrays."""
_STATE_NAME = re.compile(r"epoch-([0-9]{6,})(?:-batch-([0-9]{6,}))?")
_ARRAYS = "arrays.bin"
_MODEL = "model.keras"
_STATE = "state.json"


@dataclass(frozen=True)
class BestCheckpoint:
    """The best checkpoint of a trial, as recorded beside it.

    Attributes:
        file: Its file name in the trial's folder of checkpoints.
        value: The objective's metric at that epoch.
        epoch: The epoch, 1-based; unfinished where there is a `batch`.
        sha256: Digest of the file.
        repeat: Which of the trial's repeats or folds it comes from, 1-based.
        others: Values of the further objectives at that epoch, by metric.
        monitor: The metric that chose this epoch, where it is not the objective's.
        monitored: Its value at that epoch.
        batch: The batch of the epoch after which it was saved, 1-based; None with
            ``save_freq: epoch``.
        kept: The next best ones, best first, whose files stay beside it.
    """

    file: str
    value: float
    epoch: int
    sha256: str
    repeat: int = 1
    others: dict[str, float] = field(default_factory=dict)
    monitor: str | None = None
    monitored: float | None = None
    batch: int | None = None
    kept: tuple[BestCheckpoint, ...] = ()

    @property
    def rank(self) -> float:
        """The value by which it is the best one: that of the monitored metric."""
        return self.value if self.monitored is None else self.monitored

    @property
    def all_kept(self) -> tuple[BestCheckpoint, ...]:
        """This one and those kept beside it, best first."""
        return (self, *self.kept)


class BestStore:
    """Keeps a trial's best checkpoint: complete, digest-checked, and never without one.

    A new file gets its own name and becomes the best one when ``best.json`` names it. What that no
    longer names is deleted only after that.

    Args:
        trial: Where the trial's files lie.
        keep_older: Leave every file in place, as ``save_best_only: false`` asks.
    """

    def __init__(self, trial: TrialPaths, *, keep_older: bool = False) -> None:
        self._trial = trial
        self._keep_older = keep_older

    def find_best(self) -> BestCheckpoint | None:
        """Read the record of the best checkpoint; None where no epoch has been saved.

        Raises:
            CheckpointError: The record is damaged, or a newer version of this package wrote it.
        """
        path = self._trial.best
        if not path.exists():
            return None
        try:
            record = read_json(path)
            _check_schema(path, record.pop("schema"), SCHEMA)
            best = best_from_json(record)
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            message = f"{path}: the record of the best checkpoint is damaged ({error})."
            raise CheckpointError(
                f"{message} Restore it from a copy, or try again anew."
            ) from error
        return best

    def path(self, name: str) -> Path:
        """Give the place of a checkpoint file."""
        return self._trial.checkpoints / name

    def write(self, name: str, save: Callable[[Path], None]) -> str:
        """Write a checkpoint file without making it the best one; returns its SHA-256."""
        digest = ""

        def save_and_digest(temporary: Path) -> None:
            nonlocal digest
            save(temporary)
            digest = digest_file(temporary)

        make_dir(self._trial.checkpoints)
        write_atomic(self.path(name), save_and_digest)
        return digest

    def commit(self, best: BestCheckpoint) -> None:
        """Record the best one with those beside it, then drop what is not recorded any more."""
        write_json(self._trial.best, {"schema": SCHEMA, **asdict(best)})
        self.remove_others(best)

    def remove_others(self, best: BestCheckpoint | None) -> None:
        """Delete what a killed attempt left, and what `best` does not name unless all are kept."""
        remove_leftovers(self._trial.checkpoints)
        if self._keep_older:
            return
        named = {each.file for each in best.all_kept} if best else set()
        for other in {*self.names()} - named - {self._trial.best.name}:
            self.path(other).unlink()

    def clear(self) -> None:
        """Delete the record and all files: the trial begins anew."""
        self._trial.best.unlink(missing_ok=True)  # first: it never names what is gone
        shutil.rmtree(self._trial.checkpoints, ignore_errors=True)

    def names(self) -> list[str]:
        """List the names in use."""
        if not self._trial.checkpoints.exists():
            return []
        return [path.name for path in self._trial.checkpoints.iterdir()]


def best_from_json(record: Mapping[str, Any]) -> BestCheckpoint:
    """Read the fields that `dataclasses.asdict` gave.

    Raises:
        TypeError: They are not those of a best checkpoint.
        ValueError: A file's name leads out of the trial's folder.
    """
    if not is_file_name(record["file"]):
        raise ValueError(f"got the file name {record['file']!r}, which leaves the folder")
    kept = tuple(best_from_json(each) for each in record.get("kept", ()))
    return BestCheckpoint(**{**record, "kept": kept})


def open_best(trial: TrialPaths) -> Path:
    """Find the file of a trial's best checkpoint and make sure it is what was recorded.

    Raises:
        CheckpointError: There is none, it is gone, or its digest differs.
    """
    best = BestStore(trial).find_best()
    if best is None:
        raise CheckpointError(f"{trial.root}: no checkpoint was saved.")
    path = trial.checkpoints / best.file
    if not path.is_file():
        raise CheckpointError(
            f"{path}: the checkpoint is gone. Restore it, or export another trial."
        )
    if digest_file(path) != best.sha256:
        raise CheckpointError(
            f"{path}: the file is not the one that was saved (its SHA-256 differs from best.json). "
            "Restore it from a copy, or export another trial."
        )
    return path


@dataclass(frozen=True)
class LatestState:
    """A state from which a trial continues.

    Attributes:
        epoch: Finished epochs.
        arrays: File with the weights and the optimizer's variables that `model` does not hold.
        state: What else belongs to it: history, callbacks, names and shapes of the arrays, and with
            a `model` its SHA-256 and where the arrays lie in it.
        batch: Finished batches of the epoch after these; 0 where it has not begun.
    """

    epoch: int
    arrays: Path
    state: dict[str, Any]
    batch: int = 0

    @property
    def model(self) -> Path | None:
        """The file that holds the other variables, where there is one: that epoch's checkpoint."""
        return self.arrays.with_name(_MODEL) if "model" in self.state else None


class LatestStore:
    """Keeps the last two states of a trial, each one folder committed by one rename.

    Args:
        trial: Where the trial's files lie.
    """

    def __init__(self, trial: TrialPaths) -> None:
        self._root = trial.latest

    def commit(
        self,
        epoch: int,
        write_arrays: Callable[[Path], None],
        state: dict[str, Any],
        *,
        batch: int = 0,
        write_model: Callable[[Path], None] | None = None,
    ) -> None:
        """Make the state after `epoch` durable, then drop all but it and the one before.

        Args:
            epoch: Finished epochs.
            write_arrays: Writes weights and the optimizer's variables to a file.
            state: What else belongs to it; with `write_model` also ``model``, with its ``sha256``.
            batch: Finished batches of the next epoch, where it is saved in the middle of one.
            write_model: Links or copies the ``.keras`` file in which most of the arrays lie.
        """

        def fill(folder: Path) -> None:
            write_arrays(folder / _ARRAYS)
            if write_model is not None:
                write_model(folder / _MODEL)
            digest = digest_file(folder / _ARRAYS)
            record = {**state, "schema": STATE_SCHEMA, "arrays_sha256": digest}
            record["sha256"] = _digest_record(record)
            (folder / _STATE).write_bytes(encode_json(record))

        name = f"epoch-{epoch:06d}" + (f"-batch-{batch:06d}" if batch else "")
        commit_dir(self._root / name, fill)
        self._remove_all_but_two((epoch, batch))

    def remove_leftovers(self) -> None:
        """Delete what a killed attempt left behind."""
        remove_leftovers(self._root)

    def find(self) -> LatestState | None:
        """Find the newest complete state; one that is damaged falls back to the one before.

        A state that was moved aside for its replacement, which a crash prevented, is put back.

        Raises:
            CheckpointError: A newer version of this package wrote it.
        """
        restore_dirs(self._root)
        for (epoch, batch), path in reversed(self._list_states()):
            if state := _read_state(path):
                return LatestState(epoch, path / _ARRAYS, state, batch)
        return None

    def clear(self) -> None:
        """Delete all states: the trial is finished and will not continue."""
        shutil.rmtree(self._root, ignore_errors=True)

    def keep_newest(self) -> None:
        """Delete all but the newest state: the trial is finished, but may be extended."""
        self.remove_leftovers()
        for _, path in self._list_states()[:-1]:
            shutil.rmtree(path)

    def _remove_all_but_two(self, newest: tuple[int, int]) -> None:
        # A state with a higher number is damaged: otherwise the trial had continued from it.
        states = self._list_states()
        kept = [position for position, _ in states if position <= newest][-2:]
        for position, path in states:
            if position not in kept:
                shutil.rmtree(path)

    def _list_states(self) -> list[tuple[tuple[int, int], Path]]:
        return sorted(self._iter_states()) if self._root.exists() else []

    def _iter_states(self) -> Iterator[tuple[tuple[int, int], Path]]:
        for path in self._root.iterdir():
            if match := _STATE_NAME.fullmatch(path.name):
                yield (int(match[1]), int(match[2] or 0)), path


def _read_state(path: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = read_json(path / _STATE)
        is_whole = state.pop("sha256") == _digest_record(state)
        is_whole = is_whole and state["arrays_sha256"] == digest_file(path / _ARRAYS)
        if "model" in state:
            is_whole = is_whole and state["model"]["sha256"] == digest_file(path / _MODEL)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return None
    if not is_whole:
        return None
    _check_schema(path, state["schema"], STATE_SCHEMA)
    return state


def _digest_record(record: dict[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_schema(path: Path, schema: Any, newest: int) -> None:
    if not isinstance(schema, int) or schema > newest:
        raise CheckpointError(
            f"{path}: schema {schema!r} is newer than this keras-sweeps reads ({newest}). "
            "Upgrade with: pip install -U keras-sweeps"
        )
