"""The spec of a sweep: what a space file means, validated and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sweeps.causes import RETRIES
from sweeps.errors import Problem, SpecError
from sweeps.spec.fields import (
    Amount,
    Bytes,
    ClassNames,
    ClassWeight,
    Count,
    Direction,
    Flag,
    Folds,
    Formats,
    Gpus,
    Number,
    Patience,
    Retries,
    SaveFrequency,
    Seconds,
    Seed,
    Share,
    Text,
    Verbosity,
    Workers,
    check_sweep_name,
)
from sweeps.spec.parameters import Parameter, parameter_from_json, parameter_to_json

SCHEMA = 1


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Objective(_Section):
    """What is optimized."""

    metric: Text = Field(
        description="Name in the logs of Keras, such as val_accuracy. "
        "A further objective may be num_weights, the number of parameters of the model."
    )
    direction: Direction = Field(
        description="Whether a larger or a smaller value is better. "
        "May be left out where the name of the metric says it."
    )


class Limits(_Section):
    """When the sweep, or one trial, ends."""

    trials: Count = Field(20, description="How many trials the sweep ends with, resumes included.")
    workers: Workers = Field(
        "auto",
        description="How many trials train at the same time. auto: one a core, and no more than "
        "GPUs and memory hold; where memory might be short, an epoch is measured first.",
    )
    timeout: Seconds | None = Field(
        None, description="After this time no new trial starts: 30s, 10m, 2h or 1d."
    )
    trial_timeout: Seconds | None = Field(
        None,
        description="A trial that takes longer than this is killed and counts as failed. Each "
        "attempt has so much time: what a trial took before it was interrupted does not count.",
    )
    stall_timeout: Seconds = Field(
        3600.0,
        description="A trial of which nothing is heard for so long is killed and counts as failed. "
        "Heard of are its first questions and every batch, of validation too, about once a second. "
        "Has to be longer than loading the data, compiling and the first 8 batches take.",
    )
    failures: Count | None = Field(
        None,
        description="The sweep gives up when this many trials have failed in total. "
        "By default it does only where the first trials all fail with the same error: any other "
        "failed trial costs that trial only.",
    )
    retries: Retries = Field(
        dict(RETRIES),
        description="How many more attempts a trial gets, by the cause that ended the one before: "
        "{killed: 2, error: 1}. Causes that are not named keep their default.",
    )


class Resources(_Section):
    """What one trial may use of the machine."""

    memory: Bytes | None = Field(
        None,
        description="A trial whose processes hold more memory than this is killed: 2GB. Its own "
        "memory counts, swapped memory too, files and what it shares with other trials do not. "
        "Without a limit the largest trial is killed only where the machine runs out. Linux only.",
    )
    threads: Count | None = Field(
        None,
        description="CPU threads of a trial; by default the cores divided by limits.workers. Part "
        "of a trial's identity: weights differ in their last bits between thread counts.",
    )
    gpus: Gpus = Field(
        "auto",
        description="How many GPUs the sweep uses, or a list of their ids as in "
        "CUDA_VISIBLE_DEVICES; 0 means none, and auto all that are visible. A trial sees one.",
    )
    trials_per_gpu: Count = Field(1, description="How many trials share a GPU.")


class Training(_Section):
    """How a trial is fitted."""

    epochs: Count = Field(20, description="Epochs of a trial that is not stopped early.")
    batch_size: Count = Field(32, description="Samples per batch, for data given as arrays.")
    loop: Literal["auto", "fit"] = Field(
        "auto",
        description="auto trains arrays in a compiled epoch loop and all else by model.fit; "
        "fit always uses model.fit.",
    )
    validation_freq: Count = Field(1, description="Epochs from one validation to the next.")
    validation_split: Share | None = Field(
        None,
        description="Share of the training data, its last part before it is shuffled, to validate "
        "on where the data function gives nothing else for that: 0.2. Only for arrays.",
    )
    class_weight: ClassWeight | None = Field(
        None,
        description="Weight of each class in the loss of training, as for model.fit: "
        "{0: 1.0, 1: 5.0}. A class that is left out weighs 1; a tf.data.Dataset needs that of the "
        "largest one. Only for a single output, and not beside weights of samples.",
    )
    early_stopping: Patience | None = Field(
        None, description="Epochs without a better objective after which a trial ends."
    )
    save_every: Seconds | None = Field(
        None,
        description="Saves in the middle of an epoch too, when so much time has passed since the "
        "last save: 5m. Not where a HyperModel has its own fit.",
    )
    callbacks: Text | None = Field(
        None,
        description="file.py:attribute or package.module:attribute of a function without arguments "
        "that returns a list of Keras callbacks. It is called for each attempt and each repetition "
        "anew.",
    )


class Checkpoint(_Section):
    """Keras' own ModelCheckpoint arguments."""

    path: Text = Field(
        "{trial:04d}-epoch{epoch:02d}.keras",
        description="File name of a trial's best checkpoint, with {trial}, {epoch} and metrics.",
    )
    save_best_only: Flag = Field(True, description="Keep only the best checkpoint of a trial.")
    save_weights_only: Flag = Field(False, description="Save the weights, not the whole model.")
    save_freq: SaveFrequency = Field(
        "epoch",
        description="When a checkpoint is considered: after each epoch, or every n batches "
        "(optimizer updates), counted over all epochs. The state to resume from is saved then too.",
    )
    initial_value_threshold: Number | None = Field(
        None,
        description="Only a value better than this is worth a checkpoint. A trial in which no "
        "epoch is ends as pruned.",
    )
    monitor: Text | None = Field(
        None,
        description="Metric that decides which checkpoint is kept; the objective's by default. "
        "The trial's value is the objective's at the kept checkpoint.",
    )
    mode: Literal["min", "max", "auto"] | None = Field(
        None, description="Whether a smaller or larger monitored value is better."
    )
    verbose: Verbosity = Field(
        0, description="1 writes a line to the trial's log whenever a checkpoint is considered."
    )


class Keep(_Section):
    """What stays on disk."""

    best: Count | None = Field(
        None, description="How many of the best trials keep their checkpoints; all by default."
    )
    trial_best: Count | None = Field(
        None,
        description="How many of its best checkpoints each trial keeps: by default 1, or all with "
        "save_best_only: false. best.json lists them.",
    )
    latest: Amount = Field(
        3,
        description="How many of the best complete trials keep the state from which extend "
        "continues them, among those that keep their checkpoints. 0: none.",
    )
    max_disk: Bytes | None = Field(
        None, description="Disk that all checkpoints may use together, such as 500MB or 5GB."
    )


class Export(_Section):
    """What the bundle of the leader contains."""

    formats: Formats = Field(
        ("keras", "saved_model"),
        description="Formats in which the leader is exported, each proven in its own runtime. "
        "Keras' own is always in the bundle.",
    )
    samples: Amount = Field(
        8,
        description="Rows of the validation data that the bundle holds, with the outputs expected "
        "for them, so that it can be verified anywhere. 0: none; formats are proven all the same.",
    )
    class_names: ClassNames = Field(
        (),
        description="Names of the classes in the order of the model's outputs: a list, or a file "
        "with one name a line. The bundle shows them, and predict writes them.",
    )
    preprocessing: Text | None = Field(
        None,
        description="file.py:attribute or package.module:attribute of a function that makes the "
        "model's inputs of raw data. Its file is copied into the bundle; it is not called.",
    )
    choose: Literal["primary", "knee"] = Field(
        "primary",
        description="With several objectives, which trial of the Pareto front leads and is "
        "exported: primary is the best one by the first objective, knee the one closest to the "
        "best of every objective at once. With knee the whole front keeps its checkpoints, since "
        "each of its trials may lead later.",
    )


class Choice(_Section):
    """A member of a room, with its options already validated by that member."""

    name: str
    options: dict[str, Any] = {}


class SweepSpec(_Section):
    """What the user asked for, in full, with every default filled in.

    `objective` is the primary one of several objectives: by it the best epoch of a trial is kept,
    weak trials are pruned and lists are sorted. `objectives` gives them all.
    """

    name: Annotated[str, BeforeValidator(check_sweep_name)] = Field(
        description="Names the folder below results/; the file's own name by default."
    )
    model: Text = Field(
        description="file.py:attribute or package.module:attribute of a build(hp) or HyperModel."
    )
    data: Text = Field(
        description="file.py:attribute or package.module:attribute of a function without arguments."
    )
    objective: Objective
    other_objectives: tuple[Objective, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    constraints: tuple[str, ...] = ()
    max_params: Count | None = Field(
        None,
        description="A model with more weights is not trained; another proposal takes its place.",
    )
    max_model_bytes: Bytes | None = Field(
        None,
        description="A model whose weights and optimizer state need more is not trained either.",
    )
    sampler: Choice = Choice(name="tpe")
    pruner: Choice = Choice(name="asha")
    limits: Limits = Limits()
    resources: Resources = Resources()
    training: Training = Training()
    checkpoint: Checkpoint = Checkpoint()
    keep: Keep = Keep()
    repeats: Count = Field(
        1,
        description="Trains each trial so many times, with other seeds; its value is the mean.",
    )
    folds: Folds | None = Field(
        None,
        description="Trains each trial once per fold of the training and validation data, "
        "for cross-validation; its value is the mean.",
    )
    seed: Seed = Field(0, description="From it all randomness of the sweep is derived.")
    deterministic: Flag = Field(
        False,
        description="With several workers too, the same seed gives the same trials. "
        "Costs idle time: no trial starts before the one limits.workers numbers ahead has ended.",
    )
    export: Export = Export()

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All objectives, the primary one first."""
        return (self.objective, *self.other_objectives)


def is_repeated(spec: SweepSpec) -> bool:
    """Tell whether a trial is trained several times."""
    return spec.folds is not None or spec.repeats > 1


def count_kept(spec: SweepSpec) -> int | None:
    """Count the checkpoints that each trial keeps; None means all."""
    return spec.keep.trial_best or (1 if spec.checkpoint.save_best_only else None)


def count_epochs(spec: SweepSpec, values: Mapping[str, Any] = MappingProxyType({})) -> int:
    """Count the epochs of a full trial, over all its repeats or folds.

    Args:
        spec: The spec.
        values: The trial's parameters, of which one called ``epochs`` wins.
    """
    epochs = values.get("epochs", spec.training.epochs)
    epochs = epochs if isinstance(epochs, int) else spec.training.epochs
    return epochs * (spec.folds or spec.repeats)


def spec_to_json(spec: SweepSpec) -> dict[str, Any]:
    """Write a spec as JSON values; `spec_from_json` reads exactly the same spec back."""
    record: dict[str, Any] = {"schema": SCHEMA}
    record |= spec.model_dump(mode="json", exclude={"parameters"})
    record["parameters"] = [parameter_to_json(parameter) for parameter in spec.parameters]
    return record


def spec_from_json(record: Mapping[str, Any]) -> SweepSpec:
    """Read a spec written by `spec_to_json`, of this version or an older one.

    Raises:
        SpecError: The record was written by a newer version, or is no spec.
    """
    schema = record.get("schema")
    if not isinstance(schema, int) or not 1 <= schema <= SCHEMA:
        message = f"got {schema!r}; this version reads 1 to {SCHEMA}. Upgrade keras-sweeps."
        raise SpecError([Problem("spec.json", "schema", message)])
    fields = {key: value for key, value in record.items() if key != "schema"}
    try:
        fields["parameters"] = tuple(map(parameter_from_json, fields.get("parameters", ())))
        return SweepSpec.model_validate(fields)
    except (ValueError, TypeError, KeyError) as error:
        raise SpecError([Problem("spec.json", "", f"this is no spec: {error}")]) from error
