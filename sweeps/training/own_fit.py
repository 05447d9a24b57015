"""Training with a HyperModel's own ``fit``, as KerasTuner calls it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np

from sweeps.checkpoints.better import Direction
from sweeps.errors import OptionError
from sweeps.training.epoch_loop import FitPlan
from sweeps.training.repetitions import find_best_value

_GIVEN_TWICE = re.compile(r"got multiple values for keyword argument '(\w+)'")


def has_own_fit(hypermodel: Any) -> bool:
    """Tell whether a HyperModel overrides ``fit``, so that only it knows how to train."""
    return (
        isinstance(hypermodel, keras_tuner.HyperModel)
        and type(hypermodel).fit is not keras_tuner.HyperModel.fit
    )


def call_own_fit(
    hypermodel: Any, hp: Any, model: Any, plan: FitPlan, callbacks: Sequence[Any]
) -> Any:
    """Call ``hypermodel.fit(hp, model, x, y, ...)`` with what `model.fit` would be given.

    An argument that the method does not take is left out, and so is one that it sets itself, such
    as ``batch_size=hp.Choice(...)`` beside ``**kwargs``.

    Returns:
        What the method returns.
    """
    train, validation = plan.data.train, plan.data.validation
    arguments = (train.dataset,) if train.dataset is not None else (train.x, train.y)
    options: dict[str, Any] = {
        "epochs": plan.epochs,
        "initial_epoch": plan.first_epoch,
        "callbacks": list(callbacks),
        "verbose": 0,
    }
    if train.dataset is None:
        options["batch_size"] = plan.batch_size
    if train.sample_weight is not None:
        options["sample_weight"] = train.sample_weight
    if plan.class_weight is not None:
        options["class_weight"] = dict(plan.class_weight)
    if validation is not None:
        is_dataset = validation.dataset is not None
        options["validation_data"] = validation.dataset if is_dataset else validation.arrays
        options["validation_freq"] = plan.validation_freq
    return _call(hypermodel.fit, (hp, model, *arguments), _keep_accepted(hypermodel.fit, options))


def find_returned_value(results: Any, metric: str, direction: Direction) -> float | None:
    """Find the objective in what ``fit`` returned: a number, a dict, a History, or a list of these.

    Returns:
        The value; the mean over a list. None for a History, whose epochs were reported one by one.

    Raises:
        OptionError: It is none of these, or a dict without the metric.
    """
    if isinstance(results, list | tuple) and results:
        values = [_find_one(result, metric, direction) for result in results]
        return float(np.mean(values))
    return (
        None
        if isinstance(results, keras.callbacks.History)
        else _find_one(results, metric, direction)
    )


def find_returned_logs(results: Any) -> dict[str, float]:
    """Find all numbers in a dict that ``fit`` returned, by metric; none in anything else."""
    given = results.items() if isinstance(results, dict) else ()
    return {str(name): float(value) for name, value in given if _is_number(value)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _find_one(result: Any, metric: str, direction: Direction) -> float:
    if isinstance(result, keras.callbacks.History):
        columns = result.history.get(metric, [])
        best = find_best_value([{metric: value} for value in columns], metric, direction)
        if best is not None:
            return best
    if _is_number(result):
        return float(result)
    if isinstance(result, dict) and metric in result:
        return float(result[metric])
    what = (
        f"a dict with {', '.join(map(repr, result))}" if isinstance(result, dict) else repr(result)
    )
    raise OptionError(
        f"fit returned {what}; expected {metric!r} as a number, a dict with it, or the History "
        "of model.fit. Is a 'return' missing?"
    )


def _keep_accepted(method: Any, options: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(method).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return options
    return {name: value for name, value in options.items() if name in parameters}


def _call(method: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    try:
        return method(*arguments, **options)
    except TypeError as error:
        # Python finds this out while it binds arguments: nothing has been trained yet.
        given = _GIVEN_TWICE.search(str(error))
        if given is None or given[1] not in options:
            raise
    return _call(
        method, arguments, {name: value for name, value in options.items() if name != given[1]}
    )
