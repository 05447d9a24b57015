"""One attempt of one trial, from its folder to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sweeps.causes import Cause
from sweeps.checkpoints.store import BestStore, LatestState, LatestStore
from sweeps.durable import make_dir, write_json
from sweeps.errors import CheckpointError, OptionError
from sweeps.paths import TrialPaths
from sweeps.spec.model import SweepSpec, count_kept
from sweeps.training.batches import accumulate_gradients, find_fixed_reason
from sweeps.training.behind import Behind
from sweeps.training.best_checkpoint import BestCheckpointing, make_best_checkpointing
from sweeps.training.callbacks import make_callbacks
from sweeps.training.channel import Channel, TrialEnd
from sweeps.training.conclusion import conclude, find_values
from sweeps.training.data import Data, count_batches
from sweeps.training.epoch_loop import FitPlan, build_state, find_fit_reason, fit, weigh
from sweeps.training.held_data import take_data
from sweeps.training.hyperparameters import AskingHyperParameters
from sweeps.training.latest_checkpoint import (
    LatestCheckpointing,
    has_other_optimizers,
    restore_model,
)
from sweeps.training.model_size import check_size
from sweeps.training.models import build_model, load_hypermodel
from sweeps.training.own_fit import (
    call_own_fit,
    find_returned_logs,
    find_returned_value,
    has_own_fit,
)
from sweeps.training.pauses import Pauses
from sweeps.training.profile import describe_profile, list_reasons
from sweeps.training.random_ops import watch_random_ops
from sweeps.training.randomness import EpochSeeding, derive_seed, draws_in_graphs, seed_everything
from sweeps.training.repetitions import (
    Repetition,
    average_each,
    find_model_facts,
    make_repetition,
    num_repetitions,
    select_data,
    summarize,
)
from sweeps.training.reporting import Heartbeat, Reporting, ValidationHeartbeat
from sweeps.training.snapshot import ModelSaver


@dataclass(frozen=True)
class Attempt:
    """What a trial process is told about the trial it is to train.

    Attributes:
        number: The trial.
        attempt: 1 for its first life.
        values: Parameter values that are known already: those of the space file.
        seed: The sweep's seed.
        accepted_changes: Changes of the sweep that the user has accepted so far.
        origin: The trial whose randomness it has: another one where it extends that.
        epochs: Epochs in all; None where the spec and the parameters decide.
        batch_divisor: By what the batch size is divided, since earlier attempts had no memory.
    """

    number: int
    attempt: int
    values: dict[str, Any]
    seed: int
    accepted_changes: tuple[str, ...] = ()
    origin: int | None = None
    epochs: int | None = None
    batch_divisor: int = 1


@dataclass(frozen=True)
class _Trial:
    """What stays the same in all repetitions of a trial."""

    spec: SweepSpec
    paths: TrialPaths
    attempt: Attempt
    channel: Channel
    data: Data
    hypermodel: Any
    hp: AskingHyperParameters
    profile: dict[str, Any]


def train_trial(spec: SweepSpec, paths: TrialPaths, attempt: Attempt, channel: Channel) -> TrialEnd:
    """Train a trial, or continue it from its latest checkpoint.

    If the process dies at any moment, the next attempt continues from the last finished epoch and
    comes to the same weights.

    Args:
        spec: What the user asked for.
        paths: The trial's folder.
        attempt: Which trial, and what is known of its parameters.
        channel: Answers questions and takes reports.

    Raises:
        Exception: Whatever the user's code raises.
    """
    origin = attempt.number if attempt.origin is None else attempt.origin
    seed = derive_seed(attempt.seed, "trial", origin)
    seed_everything(seed)
    data = take_data(spec.data)
    hp = AskingHyperParameters(channel.suggest, attempt.values)
    hypermodel = load_hypermodel(spec.model)
    make_dir(paths.root)
    latest, divisor = _find_latest(paths, attempt)
    profile = describe_profile(
        data, own_fit=has_own_fit(hypermodel), num_changes=len(attempt.accepted_changes)
    )
    profile["batch_divisor"] = divisor
    trial = _Trial(spec, paths, attempt, channel, data, hypermodel, hp, profile)
    if latest:
        saved = latest.state.get("profile")
        _note_reasons(trial, list_reasons(saved, profile, attempt.accepted_changes))
    values: list[float] = list(latest.state["earlier"]) if latest else []
    others: list[dict[str, float]] = list(latest.state["earlier_others"]) if latest else []
    while True:
        end = _train_repetition(trial, seed, values, others, latest)
        if end.state != "complete" or end.value is None:
            return end
        values.append(end.value)
        others.append(end.others)
        if len(values) >= num_repetitions(spec):
            mean, spread = summarize(values)
            return replace(end, value=mean, spread=spread, others=average_each(others))
        latest = None


def _find_latest(paths: TrialPaths, attempt: Attempt) -> tuple[LatestState | None, int]:
    """Find what to continue from, and the divisor of its batch size.

    With another divisor the optimizer has other variables: then the trial begins anew. Its first
    new state replaces the old ones; until then the next attempt comes by here again.
    """
    latest = LatestStore(paths).find()
    divisor: int = latest.state.get("profile", {}).get("batch_divisor", 1) if latest else 1
    if divisor >= attempt.batch_divisor:
        return latest, divisor
    BestStore(paths).clear()
    return None, attempt.batch_divisor


def _train_repetition(
    trial: _Trial,
    seed: int,
    earlier: list[float],
    earlier_others: list[dict[str, float]],
    latest: LatestState | None,
) -> TrialEnd:
    """Train the model once, from its first epoch or from `latest`."""
    index = len(earlier)
    seed_everything(make_repetition(seed, index, epochs=0).seed)
    model = build_model(trial.hypermodel, trial.hp, trial.spec.model)
    same_as = _record_values(trial)
    if same_as is not None:
        return TrialEnd("complete", cause=Cause.DUPLICATE, same_as=same_as)
    epochs, batch_size = resolve_training(trial.spec, trial.hp.values)
    epochs = trial.attempt.epochs or epochs
    batch_size = _set_batch_size(trial, model, batch_size)
    repetition = make_repetition(seed, index, epochs=epochs, earlier=earlier)
    repetition = replace(repetition, earlier_others=tuple(earlier_others))
    data = select_data(trial.data, trial.spec, index)
    plan = FitPlan(
        data,
        batch_size,
        epochs,
        latest.epoch - repetition.first_epoch if latest else 0,
        trial.spec.training.validation_freq,
        repetition.seed,
        _find_first_batch(latest, data, batch_size) if latest else 0,
        trial.spec.training.class_weight,
    )
    if not has_own_fit(trial.hypermodel):
        plan = weigh(plan)
    build_state(model, plan.data.train, batch_size)
    check_size(trial.spec, model)
    if latest:
        restore_model(model, latest)
        if has_other_optimizers(model):
            _note_reasons(trial, ["the model has another optimizer, whose state is not saved"])
    return _fit(trial, model, plan, repetition, latest)


def _find_first_batch(latest: LatestState, data: Data, batch_size: int) -> int:
    """Find the batch at which an epoch goes on: its last one where it has become shorter since."""
    num_batches = count_batches(data.train, batch_size)
    return latest.batch if num_batches is None else min(latest.batch, max(0, num_batches - 1))


def _set_batch_size(trial: _Trial, model: Any, batch_size: int) -> int:
    """Divide the batch size where memory asks for it, and tell what it is now."""
    fixed = find_fixed_reason(model, trial.data, own_fit=has_own_fit(trial.hypermodel))
    divisor = 1 if fixed else trial.profile["batch_divisor"]
    steps = accumulate_gradients(model.optimizer, divisor)
    batch_size = max(1, batch_size // divisor)
    if batch_size == 1:
        fixed = fixed or "it is a single sample already"
    trial.channel.tell_batch(batch_size, steps, fixed)
    return batch_size


def _fit(
    trial: _Trial, model: Any, plan: FitPlan, repetition: Repetition, latest: LatestState | None
) -> TrialEnd:
    spec = trial.spec
    callbacks = make_callbacks(spec)
    facts = find_model_facts(model, spec.objectives)
    loop = _choose_loop(trial, model, plan, callbacks)
    _check_position(latest, own_fit=loop == "own fit")
    saver = _make_saver(model, callbacks) if loop == "compiled" else None
    behind = Behind(at_once=saver is None)
    best = _make_best_checkpointing(trial, repetition, facts, behind=behind, saver=saver)
    saving = LatestCheckpointing(
        LatestStore(trial.paths),
        trial.paths.history,
        [*callbacks, best],
        latest,
        repetition,
        profile=trial.profile,
        behind=behind,
        find_saved=lambda: best.saved,
    )
    reporting = _make_reporting(trial, repetition, best, behind, own_fit=loop == "own fit")
    reporting.catch_up(saving.history)
    returned: float | None = None
    if not reporting.state and not (latest and latest.state["stopped"]):
        every = _put_others_first(trial, model, plan, callbacks, loop)
        every += [best, saving, reporting]
        with behind:
            if loop == "own fit":
                returned = _fit_with_own(trial, model, plan, every)
            else:
                pauses = Pauses(
                    channel=trial.channel,
                    best=best,
                    saving=saving,
                    reporting=reporting,
                    behind=behind,
                    save_every=spec.training.save_every,
                )
                plan = replace(plan, pause=pauses.pause, settle=pauses.settle, is_due=pauses.is_due)
                if latest:
                    watch_random_ops(model, lambda reason: _note_reasons(trial, [reason]))
                fit(model, plan, every, compiled=loop == "compiled")
    values = find_values(spec, best, saving.history, facts)
    return conclude(spec, reporting, best, values, returned)


def _choose_loop(trial: _Trial, model: Any, plan: FitPlan, callbacks: Sequence[Any]) -> str:
    """Decide how a model is trained, and tell it: ``own fit``, ``fit`` or ``compiled``."""
    if has_own_fit(trial.hypermodel):
        loop, reason = "own fit", ""
    else:
        reason = find_loop_reason(trial.spec, model, plan, callbacks)
        loop = "fit" if reason else "compiled"
    trial.channel.tell_loop(loop, reason)
    return loop


def _put_others_first(
    trial: _Trial, model: Any, plan: FitPlan, callbacks: Sequence[Any], loop: str
) -> list[Any]:
    """Give the user's callbacks behind those that have to be called before them."""
    in_graphs = loop != "own fit" and draws_in_graphs(model, plan.data, callbacks)
    every = [EpochSeeding(plan.seed, in_graphs=in_graphs), *callbacks]
    if loop == "compiled":
        return every
    heartbeat = Heartbeat if loop == "own fit" else ValidationHeartbeat
    return [heartbeat(trial.channel), *every]


def _note_reasons(trial: _Trial, reasons: Sequence[str]) -> None:
    """Tell why a trial that continues is approximate, and let its later attempts know."""
    # The same list goes into every state that is saved from now on.
    noted: list[str] = trial.profile["approximate"]
    noted += [reason for reason in reasons if reason not in noted]
    trial.channel.tell_resume(noted)


def _check_position(latest: LatestState | None, *, own_fit: bool) -> None:
    if latest and latest.batch and own_fit:
        raise CheckpointError(
            f"{latest.arrays.parent}: it was saved in the middle of an epoch, but now the "
            "HyperModel has its own fit, which begins with whole epochs only. Undo that change."
        )


def _make_saver(model: Any, callbacks: Sequence[Any]) -> ModelSaver | None:
    """Make what writes the model while it is trained on; None where that might go wrong."""
    if not all(type(callback).__module__.startswith("keras.") for callback in callbacks):
        return None  # They may change the model at the beginning of an epoch.
    saver = ModelSaver(model)
    return saver if saver.can_wait else None


def _fit_with_own(trial: _Trial, model: Any, plan: FitPlan, callbacks: list[Any]) -> float | None:
    """Call the HyperModel's own fit; a value that no callback has seen is that of its last epoch.

    How many it trained nobody knows: so many as it was given.
    """
    objective = trial.spec.objective
    results = call_own_fit(trial.hypermodel, trial.hp, model, plan, callbacks)
    _record_values(trial)
    reporting: Reporting = callbacks[-1]
    if reporting.state:
        return None
    value = find_returned_value(results, objective.metric, objective.direction)
    if value is not None and reporting.epoch == plan.first_epoch:
        if plan.first_epoch >= plan.epochs:
            return None  # it was told before the trial was cut short; that is the saved model's
        logs = find_returned_logs(results) | {objective.metric: value}
        for callback in callbacks:
            callback.set_model(model)
            callback.on_epoch_end(plan.epochs - 1, logs)
    return value


def _record_values(trial: _Trial) -> int | None:
    write_json(trial.paths.params, trial.hp.values)
    return trial.channel.record_values(trial.hp.values)


def resolve_training(spec: SweepSpec, values: dict[str, Any]) -> tuple[int, int]:
    """Find a trial's number of epochs and batch size: hyperparameters of these names win."""
    epochs = values.get("epochs", spec.training.epochs)
    batch_size = values.get("batch_size", spec.training.batch_size)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise OptionError(f"{name} is {value!r}; expected a whole number of at least 1.")
    return epochs, batch_size


def find_loop_reason(
    spec: SweepSpec, model: Any, plan: FitPlan, callbacks: Sequence[Any] = ()
) -> str:
    """Say why a trial trains by `model.fit`; empty where it uses the compiled loop.

    Args:
        spec: What the user asked for.
        model: A model with all its variables.
        plan: What it is to be fitted to.
        callbacks: The user's callbacks.
    """
    if spec.training.loop == "fit":
        return "training.loop is fit"
    if spec.checkpoint.save_freq != "epoch":
        return "checkpoint.save_freq is a number of batches"
    return find_fit_reason(model, plan.data, callbacks, batch_size=plan.batch_size)


def _make_best_checkpointing(
    trial: _Trial, repetition: Repetition, facts: dict[str, float], **writing: Any
) -> BestCheckpointing:
    """Make the callback that keeps the best model, as the space file's ``checkpoint`` says."""
    spec = trial.spec
    return make_best_checkpointing(
        BestStore(trial.paths, keep_older=count_kept(spec) is None),
        spec.checkpoint,
        spec.objectives,
        facts=facts,
        num_kept=count_kept(spec),
        counters={
            "trial": trial.attempt.number,
            "attempt": trial.attempt.attempt,
            "repeat": repetition.index + 1,
        },
        **writing,
    )


def _make_reporting(
    trial: _Trial, repetition: Repetition, best: BestCheckpointing, behind: Behind, *, own_fit: bool
) -> Reporting:
    spec = trial.spec
    return Reporting(
        trial.channel,
        spec.objective.metric,
        repetition,
        lambda: best.best.value if best.best else None,
        validation_freq=0 if own_fit else spec.training.validation_freq,
        monitor=spec.checkpoint.monitor,
        behind=behind,
    )
