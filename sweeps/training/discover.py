"""Builds the model again and again, to find out which parameters its code declares.

What is built next is decided outside: this module only builds and tells what happened.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sweeps.spec.builds import Build, ModelSize, Numbers, pick_value
from sweeps.spec.conditions import Condition
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter, contains
from sweeps.training.epoch_loop import build_state
from sweeps.training.held_data import take_data
from sweeps.training.hyperparameters import AskingHyperParameters, to_parameter
from sweeps.training.model_size import measure_model, measure_overhead
from sweeps.training.models import build_model, load_hypermodel
from sweeps.training.own_fit import has_own_fit
from sweeps.training.randomness import seed_everything

MAX_REASON_CHARACTERS = 300

_TOO_SLOW = "it takes too long to build"


@dataclass(frozen=True)
class Request:
    """With which values to build.

    Attributes:
        values: Values of the space file's parameters, known before the code asks.
        answers: Values for what the code declares, where they fit its declaration.
        numbers: Which value the numbers get that have no answer.
        seconds: After this time the build is given up.
    """

    values: Mapping[str, Any]
    answers: Mapping[str, Any]
    numbers: Numbers
    seconds: float


class RecordingHyperParameters(AskingHyperParameters):
    """The ``hp`` of a trial, which also notes what is declared and what is read.

    Attributes:
        declared: Every declaration, with the conditional scopes around it.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(self._answer, request.values)
        self.declared: list[Parameter] = []
        self.values = self._watched = _WatchedDict(request.values)
        self._request = request

    @property
    def read(self) -> set[str]:
        """Names whose value was looked at, by ``get``, ``in``, ``[]`` or in ``values``."""
        return self._watched.read

    def _answer(self, parameter: Parameter) -> Any:
        answers = self._request.answers
        if parameter.name in answers and contains(parameter, answers[parameter.name]):
            return answers[parameter.name]
        return pick_value(parameter, self._request.numbers)

    def _retrieve(self, hp: Any) -> Any:
        self.declared.append(replace(to_parameter(hp), when=_to_conditions(hp.conditions)))
        return super()._retrieve(hp)


class BuildingModels:
    """Builds one model after the other with the values that it is told.

    Args:
        spec: What the user asked for.
    """

    def __init__(self, spec: SweepSpec) -> None:
        self._spec = spec
        self._hypermodel: Any = None
        self._data: Any = None
        self._overhead: int | None = None

    def build(self, request: Request) -> Build:
        """Build once. What the user's code raises becomes the reason why the build failed."""
        hp = RecordingHyperParameters(request)
        size, reason = None, ""
        try:
            if self._hypermodel is None:
                seed_everything(self._spec.seed)
                self._hypermodel = load_hypermodel(self._spec.model)
            with _giving_up_after(request.seconds):
                size = self._measure(build_model(self._hypermodel, hp, self._spec.model))
        except (Exception, SystemExit, _TooSlowError) as error:  # noqa: BLE001 - the user's code
            reason = _describe_error(error)
        gc.collect()  # models hold themselves in circles
        read = frozenset(hp.read)
        inactive = tuple(_to_conditions(scope) for scope in hp.inactive_scopes)
        return Build(
            dict(hp.values), tuple(hp.declared), inactive, read, size, reason,
            has_own_fit(self._hypermodel),
        )  # fmt: skip

    def _measure(self, model: Any) -> ModelSize | None:
        """Measure a model; one that does not know its inputs yet is shown the data."""
        if not model.built:
            data = self._load_data()
            build_state(model, data.train, self._spec.training.batch_size)
        size = measure_model(model)
        if self._overhead is None:
            weights_only = self._spec.checkpoint.save_weights_only
            self._overhead = measure_overhead(model, weights_only=weights_only)
        return replace(size, checkpoint_bytes=(size.checkpoint_bytes or 0) + self._overhead)

    def _load_data(self) -> Any:
        if self._data is None:
            self._data = take_data(self._spec.data)
        return self._data


class _TooSlowError(BaseException):
    """Not an `Exception`, so that the user's code does not catch it."""


class _WatchedDict(dict[str, Any]):
    """The values of an ``hp``; notes which names are looked up. To list them is to read all."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self.read.update(super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        self.read.update(super().keys())
        return super().keys()

    def values(self) -> Any:
        self.read.update(super().keys())
        return super().values()

    def items(self) -> Any:
        self.read.update(super().keys())
        return super().items()

    def copy(self) -> dict[str, Any]:
        return dict(self.items())


@contextlib.contextmanager
def _giving_up_after(seconds: float) -> Iterator[None]:
    """Interrupt Python code that takes too long; only the main thread can be."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:  # noqa: ARG001
        raise _TooSlowError(_TOO_SLOW)

    older = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, older)


def _describe_error(error: BaseException) -> str:
    """Tell an error in one line. TensorFlow puts one that stops it into another's long text."""
    if isinstance(error, _TooSlowError) or _TOO_SLOW in str(error):
        return _TOO_SLOW
    first, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first[:MAX_REASON_CHARACTERS]}".removesuffix(": ")


def _to_conditions(conditions: Any) -> tuple[Condition, ...]:
    return tuple(Condition(one.name, "in", tuple(one.values)) for one in conditions)
