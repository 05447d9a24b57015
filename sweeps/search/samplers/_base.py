"""What a sampler is: the contract that every member of this room keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import BaseModel

from sweeps.search.seeds import derive_seed
from sweeps.spec.conditions import Scalar
from sweeps.spec.constraints import Constraint
from sweeps.spec.known_space import KnownSpace
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study


@dataclass(frozen=True)
class Proposal:
    """What a sampler is asked to propose: the point of one trial, tried for the n-th time.

    Attributes:
        number: The trial.
        retry: 0 at first; one more each time the constraints forbade the point.
        sweep_seed: `seed` of the spec: for what is common to all trials.
        parameters: The parameters of the space file, parents first.
        constraints: The constraints of the space file.
        pinned: Values that a user asked for; the trial gets them where their parameter is active,
            whatever is proposed.
        purpose: What is drawn: the whole point, or the name of one parameter.
    """

    number: int
    retry: int
    sweep_seed: int
    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...] = ()
    pinned: Mapping[str, Scalar] = field(default_factory=dict)
    purpose: str = ""

    @property
    def seed(self) -> int:
        """The seed of this proposal alone, the same in every process and after every resume."""
        return derive_seed(self.sweep_seed, "propose", self.number, self.retry, self.purpose)


class Sampler(Protocol):
    """A member of this room.

    It is made anew for every proposal and keeps nothing in memory: all it knows comes from the
    study and the `Proposal`. So a resumed sweep proposes what the uninterrupted one would have
    proposed. It never writes a pickle and never reads one.

    `check` runs without Optuna, before the sweep's folder exists. `create` runs in the driver, in
    one thread at a time, and its sampler may read the study but not change other trials.
    """

    Options: type[BaseModel]

    @staticmethod
    def check(options: Any, spec: SweepSpec) -> Iterator[tuple[str, str]]:
        """Yield a key below ``sampler`` and a message for each thing that cannot work.

        The key is empty where no option but the choice of the sampler is concerned.
        """
        ...

    @staticmethod
    def create(options: Any, proposal: Proposal) -> BaseSampler:
        """Make the Optuna sampler for one proposal.

        Raises:
            MissingExtraError: A package that the sampler needs is not installed.
        """
        ...


@runtime_checkable
class ChoosySampler(Protocol):
    """A member of this room that does not work with every space."""

    @staticmethod
    def check_space(options: Any, space: KnownSpace) -> Iterator[str]:
        """Yield a message for each thing in the space that cannot work.

        Runs without Optuna, before training, once it is known what the model's code declares.
        """
        ...


@runtime_checkable
class FiniteSampler(Protocol):
    """An Optuna sampler that knows when nothing is left to propose."""

    def is_exhausted(self, study: Study) -> bool:
        """Tell whether every point has been proposed. Runs before the next trial is created."""
        ...
