"""The spec of a sweep: what a space file means, validated and frozen."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sweeps.spec.parameters import Parameter

Direction = Literal["minimize", "maximize"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Objective(_Section):
    """What is optimized."""

    metric: str
    direction: Direction


class Limits(_Section):
    """When the sweep, or one trial, ends."""

    trials: int = 20
    workers: int | Literal["auto"] = "auto"
    timeout: float | None = None
    trial_timeout: float | None = None
    failures: int | None = None


class Training(_Section):
    """How a trial is fitted."""

    epochs: int = 20
    batch_size: int = 32
    loop: Literal["auto", "fit"] = "auto"
    validation_freq: int = 1
    early_stopping: int | None = None


class Checkpoint(_Section):
    """Keras' own ModelCheckpoint arguments."""

    path: str = "{trial:04d}-epoch{epoch:02d}.keras"
    save_best_only: bool = True
    save_weights_only: bool = False


class Choice(_Section):
    """A member of a room, with its options already validated by that member."""

    name: str
    options: dict[str, Any] = {}


class SweepSpec(_Section):
    """What the user asked for, in full, with every default filled in."""

    name: str
    model: str
    data: str
    objective: Objective
    parameters: tuple[Parameter, ...] = ()
    constraints: tuple[str, ...] = ()
    sampler: Choice = Choice(name="tpe")
    pruner: Choice = Choice(name="asha")
    limits: Limits = Limits()
    training: Training = Training()
    checkpoint: Checkpoint = Checkpoint()
    seed: int = 0
