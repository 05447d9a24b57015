"""The callbacks that a space file asks for."""

from __future__ import annotations

from typing import Any

import keras

from sweeps.errors import OptionError
from sweeps.spec.model import SweepSpec
from sweeps.training.user_code import load_target


def make_callbacks(spec: SweepSpec) -> list[Any]:
    """Make the callbacks that the space file asks for: the user's own, then early stopping.

    Raises:
        OptionError: ``training.callbacks`` gives something else.
        Exception: Whatever the user's code raises.
    """
    callbacks = _make_own_callbacks(spec.training.callbacks) if spec.training.callbacks else []
    if spec.training.early_stopping is None:
        return callbacks
    return [
        *callbacks,
        keras.callbacks.EarlyStopping(
            monitor=spec.objective.metric,
            patience=spec.training.early_stopping,
            mode=spec.objective.direction[:3],
        ),
    ]


def _make_own_callbacks(target: str) -> list[Any]:
    callbacks = load_target(target)()
    if not isinstance(callbacks, list | tuple):
        raise OptionError(
            f"{target} returned {type(callbacks).__name__}; expected a list of Keras callbacks. "
            "Is a 'return' missing?"
        )
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise OptionError(f"{target} returned {callback!r} in its list; expected callbacks.")
    return list(callbacks)
