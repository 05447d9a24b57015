"""Everything that is looked at before the first training step."""

from __future__ import annotations

import contextlib
import math
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.bundles.extras import find_missing
from sweeps.checkpoints.template import find_template_problems
from sweeps.engines import ENGINES
from sweeps.engines._base import Engine
from sweeps.errors import CheckError, OptionError, Problem
from sweeps.search.parents import sort_parents_first
from sweeps.search.pruners import PRUNERS
from sweeps.search.samplers import SAMPLERS
from sweeps.spec.builds import MeasuredEpoch
from sweeps.spec.conditions import is_active
from sweeps.spec.load import load_spec, locate_problems
from sweeps.spec.metrics import MODEL_FACTS
from sweeps.spec.model import SweepSpec, is_repeated, spec_to_json
from sweeps.spec.parameters import Parameter, default_of, parameter_to_json
from sweeps.spec.rooms import Rooms
from sweeps.worker.devices import lend_to, open_devices
from sweeps.worker.discovery import Discovery, discover
from sweeps.worker.estimates import Estimate, estimate
from sweeps.worker.limits import divide_cores
from sweeps.worker.memory import read_room
from sweeps.worker.memory_share import guess_need, judge_need, share_memory
from sweeps.worker.messages import Message
from sweeps.worker.outcomes import Death, explain_death
from sweeps.worker.run_task import TaskLimits
from sweeps.worker.space_checks import find_space_problems

_ROOMS = Rooms(samplers=SAMPLERS, pruners=PRUNERS)


MEASURING_SECONDS = 60.0
"""An epoch that was not measured by then is not estimated."""


@dataclass(frozen=True)
class PlanReport:
    """What a sweep will do, known before anything is trained.

    Attributes:
        spec: What was asked for.
        discovery: The parameters of file and code, and how large the models are.
        estimate: How many configurations there are, and what the sweep will need at most.
    """

    spec: SweepSpec
    discovery: Discovery
    estimate: Estimate


@dataclass(frozen=True)
class CheckReport:
    """What `check` found out about a space file that has no mistake.

    Attributes:
        spec: What was asked for.
        metrics: Names a trained epoch logs, such as ``loss`` and ``val_accuracy``; empty with
            `build=False`.
        declared: Parameters that the model's code declares, by name.
        num_weights: Number of weights of the model built with defaults; None with `build=False`.
        data: One line a split that says what the data is.
        loop: ``compiled`` or ``fit``: how trials will train; empty with `build=False`.
        loop_reason: Why it is not the compiled loop; empty where it is.
        plan: The space and what the sweep will need; None with `build=False`.
    """

    spec: SweepSpec
    metrics: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    num_weights: int | None = None
    data: tuple[str, ...] = ()
    loop: str = ""
    loop_reason: str = ""
    plan: PlanReport | None = None


def check(space: str | Path, *, overrides: Sequence[str] = (), build: bool = True) -> CheckReport:
    """Find every mistake of a space file, its model and its data before any training.

    Args:
        space: The space file.
        overrides: ``key=value`` each, over the keys of the file.
        build: Load the data and build one model; False looks at the file alone, in milliseconds.

    Raises:
        SpecError: The file is wrong; all mistakes at once.
        CheckError: The model or the data are.
    """
    spec = load_space(space, overrides)
    if not build:
        return CheckReport(spec)
    with start_engine("local") as engine:
        found, discovery = _inspect(engine, spec, Path(space))
        return _report_check(spec, found, _make_plan(engine, spec, found, discovery))


def plan(space: str | Path, *, overrides: Sequence[str] = ()) -> PlanReport:
    """Tell what a sweep will do: its whole space, its models, and what it will need at most.

    Args:
        space: The space file.
        overrides: ``key=value`` each, over the keys of the file.

    Raises:
        SpecError: The file is wrong; all mistakes at once.
        CheckError: The model or the data are.
    """
    spec = load_space(space, overrides)
    with start_engine("local") as engine:
        found, discovery = _inspect(engine, spec, Path(space))
        return _make_plan(engine, spec, found, discovery)


def load_space(space: str | Path, overrides: Sequence[str]) -> SweepSpec:
    """Read a space file and check all that can be checked without TensorFlow."""
    checks = (
        _check_template,
        _check_members,
        _check_repetitions,
        _check_checkpoint,
        _check_keep,
        _check_formats,
    )
    return load_spec(space, rooms=_ROOMS, overrides=overrides, checks=checks)


def _check_template(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    for problem in find_template_problems(
        spec.checkpoint.path,
        save_weights_only=spec.checkpoint.save_weights_only,
        save_best_only=spec.checkpoint.save_best_only,
        by_batch=spec.checkpoint.save_freq != "epoch",
    ):
        yield "checkpoint.path", problem


def _check_members(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    for menu, choice in ((SAMPLERS, spec.sampler), (PRUNERS, spec.pruner)):
        member = menu.load(choice.name)
        for key, message in member.check(member.Options(**choice.options), spec):
            yield f"{menu.room}.{key}" if key else menu.room, message


def _check_repetitions(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    if spec.folds and spec.repeats > 1:
        yield "folds", f"got {spec.folds} beside repeats: {spec.repeats}. Choose one of them."
    is_repeated = spec.folds or spec.repeats > 1
    if is_repeated and not spec.checkpoint.save_best_only and "{repeat" not in spec.checkpoint.path:
        yield (
            "checkpoint.path",
            f"got {spec.checkpoint.path!r}, which gives each repeat the same names; "
            "with save_best_only: false it needs {repeat}.",
        )


def _check_checkpoint(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    """Find checkpoint arguments that contradict the objective or each other."""
    checkpoint, objective = spec.checkpoint, spec.objective
    is_same = checkpoint.monitor in (None, objective.metric)
    if is_same and checkpoint.mode in ("min", "max") and checkpoint.mode != objective.direction[:3]:
        yield (
            "checkpoint.mode",
            f"got {checkpoint.mode!r}, but {objective.metric!r} is the objective, "
            f"and its direction is {objective.direction}. Leave it out.",
        )
    if not is_same and checkpoint.mode not in ("min", "max"):
        yield (
            "checkpoint.mode",
            f"got {checkpoint.mode!r}; expected min or max, "
            f"since the name {checkpoint.monitor!r} does not say which is better.",
        )
    if checkpoint.monitor in MODEL_FACTS:
        yield (
            "checkpoint.monitor",
            f"got {checkpoint.monitor!r}, which no epoch changes; expected a metric.",
        )
    threshold = checkpoint.initial_value_threshold
    if threshold is not None and not math.isfinite(threshold):
        key = "checkpoint.initial_value_threshold"
        yield key, f"got {threshold!r}; expected a finite number."
    if checkpoint.save_freq != "epoch" and checkpoint.save_best_only:
        yield from _check_batch_metrics(spec)


def _check_keep(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    """Find numbers of files that contradict each other."""
    keep, checkpoint = spec.keep, spec.checkpoint
    if keep.trial_best and checkpoint.save_freq != "epoch" and not checkpoint.save_best_only:
        yield (
            "keep.trial_best",
            f"got {keep.trial_best}, but with save_freq: {checkpoint.save_freq} and "
            "save_best_only: false checkpoints have no value to choose by. "
            "Leave it out, or use save_freq: epoch.",
        )
    is_given = "latest" in keep.model_fields_set
    if is_given and keep.best is not None and keep.latest > keep.best:
        yield (
            "keep.latest",
            f"got {keep.latest} with keep.best: {keep.best}; a trial is extended from its latest "
            "state and its checkpoint, so expected no more than keep.best.",
        )
    if is_given and keep.latest and is_repeated(spec):
        yield (
            "keep.latest",
            f"got {keep.latest} beside repeats or folds, whose trials cannot be extended. "
            "Leave it out.",
        )


def _check_formats(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    """Find formats whose packages are missing, before a model has cost hours."""
    for name in spec.export.formats:
        if missing := find_missing(name):
            yield "export.formats", str(missing)


def _check_batch_metrics(spec: SweepSpec) -> Iterator[tuple[str, str]]:
    """In the middle of an epoch only training metrics exist, and no mean over repeats."""
    key, given = "checkpoint.save_freq", spec.checkpoint.save_freq
    if spec.folds or spec.repeats > 1:
        yield key, f"got {given!r} beside repeats or folds; with save_best_only: true use epoch."
    metrics = {spec.checkpoint.monitor: "checkpoint.monitor"}
    metrics |= {objective.metric: "objective.metric" for objective in spec.objectives}
    for metric, name in metrics.items():
        if metric and metric.startswith("val_"):
            yield (
                key,
                f"got {given!r} with save_best_only: true, but {metric!r} ({name}) exists only "
                "after an epoch. Use save_freq: epoch, save_best_only: false, or a metric of "
                f"training such as {metric.removeprefix('val_')!r}.",
            )


@contextlib.contextmanager
def start_engine(name: str) -> Iterator[Engine]:
    """Start the engine called `name`; everything it started is gone when the context ends."""
    if name not in ENGINES:
        raise OptionError(f"--engine: {ENGINES.describe_unknown(name)}")
    engine: Engine = ENGINES.load(name)()
    try:
        yield engine
    finally:
        engine.close()


def inspect_space(engine: Engine, spec: SweepSpec, space: Path) -> Message:
    """Load the data and build models, in processes of their own.

    Raises:
        CheckError: All mistakes of data, model and space that this shows.
    """
    found, discovery = _inspect(engine, spec, space)
    found["disk_bytes"] = estimate(spec, discovery, None).disk_bytes
    found["trial_memory"] = _find_need(engine, spec, found, discovery)
    return found


def warn_of_disk(folder: Path, needed: int | None) -> str | None:
    """Say that a sweep may need more disk than is free where its folder will be.

    Args:
        folder: The sweep's folder, which need not exist yet.
        needed: The most that it will need, in bytes; None where that is not known.

    Returns:
        A warning; None where there is enough.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed is None or needed <= free:
        return None
    return (
        f"{folder}: the sweep may need {needed / 1e9:.3g} GB of disk, and {free / 1e9:.3g} GB are "
        "free. Set keep.best or keep.max_disk, or free some: on a full disk the sweep pauses until "
        "there is space"
    )


def _inspect(engine: Engine, spec: SweepSpec, space: Path) -> tuple[Message, Discovery]:
    """Explore the parameters of the code, and beside that look at data and model."""
    _check_constraints(spec, space)
    threads = divide_cores("auto", 1).threads
    engine.hold_data(spec.data, spec.seed)
    run_task = lend_to(engine.run_task, open_devices(spec.resources))
    is_over = threading.Event()

    def look(values: dict[str, Any]) -> Message | Death:
        return run_task(
            {"task": "inspect", "threads": threads},
            lambda _: {"spec": spec_to_json(spec), "values": values},
            limits=TaskLimits(is_wanted=lambda: not is_over.is_set()),
        )

    given = _default_values(spec.parameters)
    inspection = engine.begin(lambda: look(given))
    try:
        discovery = discover(run_task, spec, threads=threads)
        found = inspection()
        known = discovery.space
        problems = find_space_problems(spec, known, str(space)) if discovery.is_built else []
        values = given if problems else _default_values(known.parameters)
        if any(values.get(each.name) != given.get(each.name) for each in spec.parameters):
            found = look(values)  # a parameter of the file depends on one of the code
    finally:
        is_over.set()  # where the discovery was given up, so is this
    if isinstance(found, Death):
        reason = explain_death(found).reason
        raise CheckError([Problem(str(space), "model", f"loading data and model: {reason}")])
    problems += locate_problems(space, found["problems"])
    if problems:
        raise CheckError(problems, found["traceback"])
    found["space"] = [parameter_to_json(parameter) for parameter in known.parameters]
    return found, discovery


def _check_constraints(spec: SweepSpec, space: Path) -> None:
    if spec.constraints:
        from sweeps.search.proposals import find_infeasible  # imports Optuna, which takes a second

        if told := find_infeasible(spec):
            raise CheckError([Problem(str(space), "constraints", told)])


def _find_need(engine: Engine, spec: SweepSpec, found: Message, discovery: Discovery) -> int | None:
    """Find how much memory a trial needs; trains for it only where memory might be short."""
    guess = guess_need(found.get("memory_bytes"))
    share = share_memory(guess, read_room())
    slots = open_devices(spec.resources).num_slots
    wanted = divide_cores(
        spec.limits.workers, spec.limits.trials, threads=spec.resources.threads, gpu_slots=slots
    )
    if share.slots is None or share.slots >= wanted.workers:
        return guess
    epoch = _measure_epoch(engine, spec, discovery)
    return judge_need(epoch.memory_bytes if epoch else None, guess)


def _make_plan(engine: Engine, spec: SweepSpec, found: Message, discovery: Discovery) -> PlanReport:
    """Measure an epoch, and tell what the sweep will need."""
    epoch = _measure_epoch(engine, spec, discovery)
    guess = guess_need(found.get("memory_bytes"))
    need = judge_need(epoch.memory_bytes if epoch else None, guess)
    slots = share_memory(need, read_room()).slots
    return PlanReport(spec, discovery, estimate(spec, discovery, epoch, memory_slots=slots))


def _measure_epoch(engine: Engine, spec: SweepSpec, discovery: Discovery) -> MeasuredEpoch | None:
    """Measure an epoch as a trial would train it, in a process of its own."""
    given, devices = spec.resources.threads, open_devices(spec.resources)
    threads = divide_cores(
        spec.limits.workers, spec.limits.trials, threads=given, gpu_slots=devices.num_slots
    ).threads
    begin = {"spec": spec_to_json(spec), "values": _default_values(discovery.space.parameters)}
    measured = lend_to(engine.run_task, devices)(
        {"task": "measure", "threads": threads},
        lambda _: begin,
        limits=TaskLimits(timeout_seconds=MEASURING_SECONDS),
    )
    is_known = not isinstance(measured, Death) and measured["epoch"] is not None
    return MeasuredEpoch(**measured["epoch"]) if is_known else None  # type: ignore[index]


def _default_values(parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for parameter in sort_parents_first(parameters):
        if is_active(parameter, values):
            values[parameter.name] = default_of(parameter)
    return values


def _report_check(spec: SweepSpec, found: Message, plan: PlanReport) -> CheckReport:
    known = plan.discovery.space.known
    return CheckReport(
        spec,
        tuple(found["metrics"]),
        tuple(item.parameter.name for item in known if not item.in_file),
        found["num_weights"],
        tuple(found["data"]),
        "fit" if found["loop_reason"] else "compiled",
        found["loop_reason"],
        plan,
    )
