"""KerasTuner's own HyperParameters, whose values are asked for instead of defaulted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras_tuner

from sweeps.spec.parameters import Parameter

Ask = Callable[[Parameter], Any]


class AskingHyperParameters(keras_tuner.HyperParameters):  # type: ignore[misc]
    """The ``hp`` of a trial: KerasTuner's, with a value asked for at each new active declaration.

    Scopes, conditions, `get`, `in` and everything else are KerasTuner's own code.

    Args:
        ask: Gives the value of a parameter that the model's code declares.
        values: Values known beforehand, by name: those of the space file. They win over what the
            code declares, and are there for `hp.get` although no code declares them.
    """

    def __init__(self, ask: Ask, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._ask = ask
        self.values = dict(values)

    # KerasTuner funnels Int, Float, Choice, Boolean and Fixed through this method; it sets a new
    # active parameter to its default unless `values` holds one already.
    def _retrieve(self, hp: Any) -> Any:
        if hp.name not in self.values and self.is_active(hp):
            self.values[hp.name] = self._ask(to_parameter(hp))
        return super()._retrieve(hp)


def to_parameter(hp: Any) -> Parameter:
    """Translate a KerasTuner hyperparameter into ours."""
    hyperparameters = keras_tuner.engine.hyperparameters
    if isinstance(hp, hyperparameters.Fixed):
        return Parameter(hp.name, "fixed", value=hp.value)
    if isinstance(hp, hyperparameters.Boolean):
        return Parameter(hp.name, "bool", choices=(False, True), default=hp.default)
    if isinstance(hp, hyperparameters.Choice):
        return Parameter(hp.name, "categorical", choices=tuple(hp.values), default=hp.default)
    kind = "int" if isinstance(hp, hyperparameters.Int) else "float"
    return Parameter(
        hp.name,
        kind,  # type: ignore[arg-type]
        low=hp.min_value,
        high=hp.max_value,
        step=hp.step,
        scale=hp.sampling,
        default=hp.default,
    )


def refuse_to_ask(parameter: Parameter) -> Any:
    """Stand for `ask` where a model is built again with values that are all known.

    Raises:
        RuntimeError: Always: the code has changed since.
    """
    message = f"the model's code declares {parameter.name!r} now, which the trial was built without"
    raise RuntimeError(message)
