"""Reading and writing single trials through Optuna's storage interface.

Optuna's `Study` and `Trial` classes sample when they are constructed, number trials by thread and
warn of what is ordinary here (an epoch reported again after a resume), so trials are kept through
the storage interface below them, which is public too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.storages import BaseStorage
from optuna.trial import TrialState as OptunaState
from optuna.trial import create_trial

from sweeps.search.records import ATTEMPT, CONSTRAINT, EXTENDS, VALUES, to_state
from sweeps.search.space import decode, encode, to_distribution
from sweeps.search.trials import (
    EndState,
    ParameterError,
    StaleAttemptError,
    TrialFinishedError,
)
from sweeps.spec.conditions import Scalar
from sweeps.spec.parameters import Parameter

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_OPTUNA_STATES: dict[EndState, OptunaState] = {
    "complete": OptunaState.COMPLETE,
    "pruned": OptunaState.PRUNED,
    "failed": OptunaState.FAIL,
}


class TrialStore:
    """The trials of one study by their numbers. Not thread-safe: `Study` holds its lock.

    Args:
        storage: Where the study lies.
        study_name: The study in that storage.

    Attributes:
        num_trials: How many trials there are, whatever their state.
        extensions: Numbers of the trials that extend others.
    """

    def __init__(self, storage: BaseStorage, study_name: str) -> None:
        self._storage = storage
        self._study_id = storage.get_study_id_from_name(study_name)
        # What would otherwise be a look at every trial for each record that is written.
        self._distributions: dict[str, BaseDistribution] = {}
        self._queued: deque[int] = deque()
        self._running: set[int] = set()
        self._ids: dict[int, int] = {}
        self.extensions: set[int] = set()
        trials = self.list_trials()
        for trial in trials:
            for name, distribution in trial.distributions.items():
                self._distributions.setdefault(name, distribution)
            if EXTENDS in trial.user_attrs:
                self.extensions.add(trial.number)
        self._queued.extend(each.number for each in trials if each.state == OptunaState.WAITING)
        self._running.update(each.number for each in trials if each.state == OptunaState.RUNNING)
        self.num_trials = len(trials)

    def list_trials(self) -> list[FrozenTrial]:
        """List all trials in the order of their numbers."""
        return self._storage.get_all_trials(self._study_id, deepcopy=False)

    def list_some(self, numbers: Sequence[int], first: int) -> list[FrozenTrial]:
        """List some trials and all from `first` on, but for those that extend others."""
        wanted = (*numbers, *range(first, self.num_trials))
        return [self.read(number) for number in wanted if number not in self.extensions]

    def list_running(self) -> list[FrozenTrial]:
        """List the trials that have begun and not ended, without a look at all the others."""
        return [self.read(number) for number in sorted(self._running)]

    def create(self) -> int:
        """Begin a new trial and return its number."""
        self._storage.create_new_trial(self._study_id)
        return self._note_begin()

    def create_queued(self, attributes: dict[str, Any]) -> int:
        """Add a waiting trial and return its number."""
        queued = create_trial(state=OptunaState.WAITING, user_attrs=attributes)
        self._storage.create_new_trial(self._study_id, template_trial=queued)
        self.num_trials += 1
        self._queued.append(self.num_trials - 1)
        return self.num_trials - 1

    def create_copy(self, number: int, attributes: dict[str, Any]) -> int:
        """Begin a trial with the parameters of another one, in one record; return its number."""
        source = self.read(number)
        copy = create_trial(
            state=OptunaState.RUNNING,
            params=source.params,
            distributions=source.distributions,
            user_attrs=attributes,
        )
        self._storage.create_new_trial(self._study_id, template_trial=copy)
        if EXTENDS in attributes:
            self.extensions.add(self.num_trials)
        return self._note_begin()

    @property
    def next_number(self) -> int:
        """The number of the trial that begins next: the first that waits, else a new one."""
        return self._queued[0] if self._queued else self.num_trials

    def begin_queued(self) -> int | None:
        """Begin the first waiting trial and return its number, or None where none waits."""
        if not self._queued:
            return None
        self._storage.set_trial_state_values(self._id_of(self._queued[0]), OptunaState.RUNNING)
        self._running.add(self._queued[0])
        return self._queued.popleft()

    def read_running(self, number: int, attempt: int | None = None) -> FrozenTrial:
        """Read a trial that has not ended, for its newest attempt.

        Args:
            number: The trial.
            attempt: The attempt for which something is to be noted; None where it is for none.

        Raises:
            TrialFinishedError: It has ended.
            StaleAttemptError: A newer attempt has begun.
        """
        trial = self.read(number)
        if trial.state.is_finished():
            raise TrialFinishedError(number, to_state(trial))
        newest = trial.user_attrs.get(ATTEMPT, 0)
        if attempt is not None and attempt < newest:
            raise StaleAttemptError(number, attempt, newest)
        return trial

    def read(self, number: int) -> FrozenTrial:
        """Read a trial."""
        return self._storage.get_trial(self._id_of(number))

    def set_attribute(self, number: int, key: str, value: Any) -> None:
        """Note something about a trial that has not ended."""
        self._storage.set_trial_user_attr(self._id_of(number), key, value)

    def set_constraint(self, number: int, violation: float) -> None:
        """Note how far a trial is from being feasible, above 0, where samplers look for it."""
        self._storage.set_trial_system_attr(self._id_of(number), CONSTRAINT, float(violation))

    def set_report(self, number: int, epoch: int, value: float) -> None:
        """Note a finite value at an epoch."""
        self._storage.set_trial_intermediate_value(self._id_of(number), epoch, float(value))

    def set_parameter(self, number: int, parameter: Parameter, value: Scalar) -> None:
        """Note a parameter's value, encoded. A fixed one is nothing that Optuna would sample.

        Raises:
            ParameterError: Earlier trials had another kind of parameter under that name.
        """
        if parameter.type == "fixed":
            return
        distribution = to_distribution(parameter)
        self._check_compatible(parameter.name, distribution)
        code = distribution.to_internal_repr(encode(parameter, value))
        self._storage.set_trial_param(self._id_of(number), parameter.name, code, distribution)

    def end(self, number: int, state: EndState, values: Sequence[float] | None) -> None:
        """End a trial with a value per objective; the last thing that can be written about it."""
        self._storage.set_trial_state_values(self._id_of(number), _OPTUNA_STATES[state], values)
        self._running.discard(number)

    def _note_begin(self) -> int:
        self._running.add(self.num_trials)
        self.num_trials += 1
        return self.num_trials - 1

    def _id_of(self, number: int) -> int:
        if number not in self._ids:
            self._ids[number] = self._storage.get_trial_id_from_study_id_trial_number(
                self._study_id, number
            )
        return self._ids[number]

    def _check_compatible(self, name: str, distribution: BaseDistribution) -> None:
        """Refuse before Optuna does, which writes the record first and raises then."""
        first = self._distributions.setdefault(name, distribution)
        try:
            check_distribution_compatibility(first, distribution)
        except ValueError as error:
            raise ParameterError(
                f"{name}: earlier trials of this sweep had other choices or another type under "
                f"this name ({error}) Start a new sweep for it."
            ) from error


def find_value(trial: FrozenTrial, parameter: Parameter) -> tuple[bool, Scalar]:
    """Look up a value that a trial has already; the flag tells whether it has one."""
    if parameter.name in trial.user_attrs.get(VALUES, {}):
        return True, trial.user_attrs[VALUES][parameter.name]
    if parameter.name in trial.params:
        return True, decode(parameter, trial.params[parameter.name])
    return False, None
