"""The study: which trials there are, what they try and how they did.

The only part of a sweep that knows who is pruned, and the truth about trial states and values. It
lies in one journal that this process alone writes.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

import optuna
from optuna.storages import JournalStorage

from sweeps.causes import Cause
from sweeps.paths import SweepPaths
from sweeps.search.finished import FinishedTrials
from sweeps.search.journal import JournalBackend
from sweeps.search.judge import Judge
from sweeps.search.origin import check_origin
from sweeps.search.proposals import Proposer
from sweeps.search.records import (
    ATTEMPT,
    CHANGES,
    EXTENDS,
    NOT_FINITE,
    OUTCOME_KEYS,
    QUEUED,
    VALUES,
    identify,
    last_epoch,
    read_params,
    to_record,
)
from sweeps.search.space import encode, is_native
from sweeps.search.trial_store import TrialStore, find_value
from sweeps.search.trials import (
    AskedTrial,
    Extension,
    InfeasibleSpaceError,
    ParameterError,
    TrialOutcome,
    TrialRecord,
)
from sweeps.search.window import find_window
from sweeps.spec.conditions import Scalar
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class Study:
    """Hands out trials, judges their reports and remembers how they ended.

    Every method may be called from any thread. What `set_attempt`, `tell`, `tell_infeasible`,
    `enqueue` and `extend` note is on disk when they return: if the process dies, the next opening
    knows it. The rest is once `sync` has returned, and before that nobody outside may be told of
    it. Values are the user's own; how Optuna stores them stays inside.

    Args:
        spec: The sweep's spec.
        backend: The open journal.
        storage: Optuna's view of that journal, which holds one study.
    """

    def __init__(self, spec: SweepSpec, backend: JournalBackend, storage: JournalStorage) -> None:
        self._spec = spec
        self._backend = backend
        self._lock = threading.RLock()
        name = optuna.get_all_study_names(storage)[0]
        self._store = TrialStore(storage, name)
        self._declared = {parameter.name: parameter for parameter in spec.parameters}
        self._proposer = Proposer(spec, storage, name, self._store.extensions)
        self._window = find_window(spec)
        self._judge = Judge(
            spec, storage, name, self._store.extensions, self._store.list_some, self._window
        )
        self._metrics = [objective.metric for objective in spec.objectives]
        self._finished = FinishedTrials(spec)
        ended = (trial for trial in self._store.list_trials() if trial.state.is_finished())
        self._finished.add([to_record(trial, self._metrics) for trial in ended])

    def is_ready(self) -> bool:
        """Tell whether the next trial may be asked for.

        It always may, unless the sweep is deterministic: then every trial that it is to know of
        has to have ended. What is ready stays so until the next `ask`.
        """
        with self._lock:
            return self._window is None or self._finished.num_first >= self._window.count_known(
                self._store.next_number
            )

    def ask(self) -> AskedTrial:
        """Begin the next trial: one that was queued, else a new one.

        The sampler is seeded by the sweep's seed and the trial's number, and knows the
        trials that the study holds at this moment; in a deterministic sweep those that
        `sweeps.search.window` names. If the process dies meanwhile, the trial is
        among the `interrupted` ones and `resume` proposes the same.

        Raises:
            SpaceExhaustedError: A finite space has no configuration left; no trial was begun.
            InfeasibleSpaceError: The constraints seem to forbid every point. The trial has failed.
            OSError: The disk is full.
        """
        with self._lock:
            number = self._store.begin_queued()
            if number is None:
                self._proposer.check_left(self._store.num_trials)
                number = self._store.create()
            return self._propose(number)

    def resume(self, number: int) -> AskedTrial:
        """Give an interrupted trial its values back, or propose them where that was cut short.

        Raises:
            TrialFinishedError: The trial has ended.
            InfeasibleSpaceError: As for `ask`.
        """
        with self._lock:
            trial = self._store.read_running(number)
            if VALUES in trial.user_attrs:
                return AskedTrial(number, dict(trial.user_attrs[VALUES]))
            return self._propose(number)

    def suggest(self, number: int, parameter: Parameter) -> Scalar:
        """Give the value of a parameter that the model's code declares.

        A value that the trial has already stays, so a resumed attempt builds the same model. A
        parameter of the same name in the spec wins over the code's declaration. A value that is
        lost with the power is proposed again.

        Raises:
            TrialFinishedError: The trial has ended.
            ParameterError: Earlier trials had another kind of parameter under that name.
        """
        with self._lock:
            trial = self._store.read_running(number)
            parameter = self._declared.get(parameter.name, parameter)
            is_known, value = find_value(trial, parameter)
            if is_known:
                return value
            value = self._take_queued(trial, parameter)
            self._store.set_parameter(number, parameter, value)
            if parameter.type == "fixed" or not is_native(parameter):
                self._store.set_attribute(
                    number, VALUES, {**read_params(trial), parameter.name: value}
                )
            return value

    def record_values(self, number: int, values: Mapping[str, Scalar]) -> None:
        """Note the values of all hyperparameters, fixed ones included, once the model is built.

        Proposed parameters that the model did not ask for stay on record beside them.
        """
        with self._lock:
            trial = self._store.read_running(number)
            known = {**read_params(trial), **values}
            if identify(known) != identify(trial.user_attrs.get(VALUES, {})):
                self._store.set_attribute(number, VALUES, known)

    def report(self, number: int, epoch: int, value: float, *, attempt: int | None = None) -> bool:
        """Note the objective's value after an epoch, and decide whether to prune the trial.

        A value that is not finite is noted as such, never as a value, and looks to the pruner like
        the worst possible one. Reported again after a resume, an epoch keeps its first
        value; if it is the trial's last one it is judged again, with the same answer.

        Args:
            number: The trial.
            epoch: Finished epochs, from 1.
            value: Value of the objective's metric.
            attempt: Whose report it is; None where the trial never had more than one.

        Returns:
            True where the trial should end now as pruned. Never at the last epoch.

        Raises:
            TrialFinishedError: The trial has ended.
            StaleAttemptError: A newer attempt has begun; nothing is changed.
        """
        with self._lock:
            trial = self._store.read_running(number, attempt)
            if epoch < last_epoch(trial):
                return False
            if epoch > last_epoch(trial):
                self._note_report(trial, epoch, value)
            return self._judge.is_weak(self._store.read(number), epoch)

    def tell(self, number: int, outcome: TrialOutcome) -> None:
        """End a trial.

        The state is written last: a trial that died in between is still running and is told again.

        Raises:
            TrialFinishedError: The trial has ended already; nothing is changed.
            StaleAttemptError: A newer attempt than the outcome's has begun; nothing is changed.
            ValueError: A complete trial without a finite value of every objective.
        """
        values = self._order_values(outcome)
        with self._lock:
            self._store.read_running(number, outcome.attempt)
            for key in OUTCOME_KEYS:
                if getattr(outcome, key) is not None:
                    self._store.set_attribute(number, key, getattr(outcome, key))
            self._store.end(number, outcome.state, values)
            self._finished.add([to_record(self._store.read(number), self._metrics)])
        self._backend.sync()

    def tell_infeasible(
        self, number: int, violation: float, reason: str, *, cause: Cause = Cause.INFEASIBLE
    ) -> None:
        """End a trial whose model broke a limit as soon as it was built, or fits no memory.

        It is ``pruned`` with that cause, does not count as one of the trials asked
        for, and is no known result. TPE takes it for a bad trial, the worse the larger the
        violation; other samplers ignore it.

        Args:
            number: The trial.
            violation: How far it is from being feasible, above 0, in any unit that stays the same.
            reason: One sentence for the user: which limit, and by how much.
            cause: ``infeasible`` or ``out of memory``.

        Raises:
            TrialFinishedError: The trial has ended already; nothing is changed.
            ValueError: The violation is not finite and above 0.
        """
        if not (math.isfinite(violation) and violation > 0):
            raise ValueError(f"the violation is {violation!r}; expected a number above 0")
        with self._lock:
            self._store.read_running(number)
            self._store.set_constraint(number, violation)
            self.tell(number, TrialOutcome("pruned", cause=cause, reason=reason))

    def enqueue(self, values: Mapping[str, Scalar]) -> int:
        """Queue a trial with given values; the sampler proposes the others when it is asked for.

        Returns:
            The number of the queued trial.

        Raises:
            ParameterError: A value is impossible for the spec's parameter of that name.
        """
        for name in values.keys() & self._declared.keys():
            encode(self._declared[name], values[name])
        with self._lock:
            number = self._store.create_queued({QUEUED: dict(values)})
        self._backend.sync()
        return number

    def extend(self, number: int, epochs: int) -> int:
        """Begin a trial that continues a complete one with the same parameters.

        Until it has ended it is an interrupted trial like others. It is never pruned, does not
        count towards ``limits.trials``, and samplers and pruners do not see it.

        Args:
            number: The complete trial.
            epochs: Epochs in all.

        Returns:
            The number of the new trial.
        """
        with self._lock:
            source = self.trial(number)
            origin = source.extends.origin if source.extends else number
            extends = Extension(number, origin, epochs)
            attributes = {VALUES: dict(source.params), EXTENDS: asdict(extends)}
            new = self._store.create_copy(number, attributes)
        self._backend.sync()
        return new

    def set_attempt(self, number: int, attempt: int, *, num_changes: int = 0) -> None:
        """Note that an attempt begins, from 1, durably. Older ones are refused from now on.

        Args:
            number: The trial.
            attempt: Its attempt.
            num_changes: How many changes of the sweep have been accepted so far.

        Raises:
            TrialFinishedError: The trial has ended.
            StaleAttemptError: A newer attempt has begun.
        """
        with self._lock:
            self._store.read_running(number, attempt)
            self._store.set_attribute(number, ATTEMPT, attempt)
            if num_changes:
                self._store.set_attribute(number, CHANGES, num_changes)
        self._backend.sync()

    def check_attempt(self, number: int, attempt: int) -> None:
        """Refuse an attempt that is not the trial's newest one.

        Raises:
            TrialFinishedError: The trial has ended.
            StaleAttemptError: A newer attempt has begun.
        """
        with self._lock:
            self._store.read_running(number, attempt)

    def sync(self) -> None:
        """Wait until all that was noted is on disk; one wait serves all threads.

        Raises:
            OSError: The disk refused, as `JournalBackend.sync` tells.
        """
        self._backend.sync()

    def interrupted(self) -> tuple[TrialRecord, ...]:
        """List the trials that began and have not ended, in the order of their numbers.

        Right after opening, these are the trials to resume.
        """
        with self._lock:
            running = self._store.list_running()
            return tuple(to_record(trial, self._metrics) for trial in running)

    def find_duplicate(self, number: int, values: Mapping[str, Scalar]) -> int | None:
        """Find the first complete or pruned trial that had exactly these values.

        Args:
            number: The trial that has them now.
            values: Values of all its parameters.
        """
        with self._lock:
            found = self._finished.find_same(values)
        if found is None or self._window is None:
            return found
        return found if found < self._window.count_known(number) else None

    @property
    def num_trials(self) -> int:
        """Count all trials, whatever their state."""
        return self._store.num_trials

    @property
    def num_counted(self) -> int:
        """Count the trials that count towards ``limits.trials``, whatever their state."""
        return sum(record.counts for record in self.trials())

    def trials(self) -> tuple[TrialRecord, ...]:
        """List all trials in the order of their numbers."""
        with self._lock:
            trials = self._store.list_trials()
            return tuple(
                self._finished.get(trial.number) or to_record(trial, self._metrics)
                for trial in trials
            )

    def trial(self, number: int) -> TrialRecord:
        """Give one trial."""
        with self._lock:
            finished = self._finished.get(number)
            return finished or to_record(self._store.read(number), self._metrics)

    def leader(self) -> TrialRecord | None:
        """Find the best complete trial by the rule ``export.choose``; the first of equal ones."""
        with self._lock:
            return self._finished.find_leader()

    def find_leading(self) -> frozenset[int]:
        """Give the numbers of the trials that lead, or may lead when others have ended."""
        with self._lock:
            return self._finished.find_leading()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the disk and close the journal. The study cannot be used after that."""
        with self._lock:
            self._backend.close()

    def _propose(self, number: int) -> AskedTrial:
        trial = self._store.read_running(number)
        try:
            values = self._proposer.propose(trial, trial.user_attrs.get(QUEUED, {}))
            for name, value in values.items():
                self._store.set_parameter(number, self._declared[name], value)
        except (InfeasibleSpaceError, ParameterError) as error:
            self.tell(number, TrialOutcome("failed", cause=Cause.PROPOSAL, reason=str(error)))
            raise
        self._store.set_attribute(number, VALUES, values)  # last: it marks the proposal as complete
        return AskedTrial(number, values)

    def _take_queued(self, trial: FrozenTrial, parameter: Parameter) -> Scalar:
        queued = trial.user_attrs.get(QUEUED, {})
        if parameter.name in queued and parameter.type != "fixed":
            encode(parameter, queued[parameter.name])
            return queued[parameter.name]  # type: ignore[no-any-return]
        return self._proposer.suggest(trial, parameter)

    def _note_report(self, trial: FrozenTrial, epoch: int, value: float) -> None:
        if math.isfinite(value):
            self._store.set_report(trial.number, epoch, value)
        else:
            self._store.set_attribute(
                trial.number, NOT_FINITE, [*trial.user_attrs.get(NOT_FINITE, []), epoch]
            )

    def _order_values(self, outcome: TrialOutcome) -> list[float] | None:
        """Give a value per objective in the study's order; None where one is not known."""
        known = {**outcome.others, self._metrics[0]: outcome.value}
        values = [known.get(metric) for metric in self._metrics]
        found = [float(value) for value in values if value is not None]
        is_finite = len(found) == len(values) and all(map(math.isfinite, found))
        if outcome.state == "complete" and not is_finite:
            told = dict(zip(self._metrics, values, strict=True))
            raise ValueError(f"a complete trial needs a finite value of every objective: {told!r}")
        return found if len(found) == len(values) else None


def open_study(
    paths: SweepPaths,
    spec: SweepSpec,
    *,
    sweep_id: str,
    wait_for_space: Callable[[OSError], bool] = lambda error: False,  # noqa: ARG005
) -> Study:
    """Open the study of a sweep for writing, or create it. The caller holds the sweep's lock.

    Args:
        paths: Where the sweep lies.
        spec: The sweep's spec.
        sweep_id: Names the sweep for ever; stored at creation.
        wait_for_space: Called where the disk is full, as by `JournalBackend`.

    Raises:
        ResumeRefusedError: The study belongs to another sweep, or its direction is another one.
        JournalError: The journal is damaged.
        MissingExtraError: The sampler or pruner needs a package that is not installed.
    """
    _quiet_optuna()
    backend = JournalBackend(paths.journal, wait_for_space=wait_for_space)
    storage = JournalStorage(backend)
    if not optuna.get_all_study_names(storage):
        directions = [objective.direction for objective in spec.objectives]
        optuna.create_study(study_name=spec.name, storage=storage, directions=directions)
    check_origin(storage, spec, sweep_id=sweep_id, place=str(paths.journal))
    backend.sync()
    return Study(spec, backend, storage)


def _quiet_optuna() -> None:
    """Keep Optuna from printing what a user of sweeps cannot act on."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
