"""What a callback remembers from epoch to epoch, saved by name.

A callback takes part by two methods: ``get_state() -> dict`` of JSON values, and
``set_state(state)``, which is given an equal dict after the callback's own ``on_train_begin``.
Keras' callbacks have no such methods; their fields are listed here. Never their ``__dict__``, which
holds derived values that would be derived twice.
"""

from __future__ import annotations

import json
import math
from typing import Any

import keras
import numpy as np

from sweeps.errors import OptionError

_FIELDS: dict[type[Any], tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


def has_state(callback: Any) -> bool:
    """Tell whether a callback has state that belongs to its trial."""
    return _has_methods(callback) or bool(_find_fields(callback))


def get_state(callback: Any) -> dict[str, Any]:
    """Give a callback's state, as JSON holds it.

    Raises:
        OptionError: Its own ``get_state`` gives what JSON does not know.
    """
    if not _has_methods(callback):
        return {name: _encode(getattr(callback, name, None)) for name in _find_fields(callback)}
    state = callback.get_state()
    try:
        text = json.dumps(state, allow_nan=False)
        is_plain = isinstance(state, dict) and json.loads(text) == state
    except (TypeError, ValueError):
        is_plain = False
    if not is_plain:
        raise OptionError(
            f"{type(callback).__name__}.get_state() gave {state!r}; expected a dict with names as "
            "keys, of finite numbers, texts, lists and dicts, which JSON can hold."
        )
    return dict(state)


def set_state(callback: Any, state: dict[str, Any]) -> None:
    """Put back what `get_state` gave."""
    if _has_methods(callback):
        callback.set_state(state)
        return
    for name, value in state.items():
        setattr(callback, name, float(value) if isinstance(value, str) else value)


def _encode(value: Any) -> Any:
    """Give a number of one of Keras' fields; JSON has no infinity, with which some begin."""
    plain = np.asarray(value).tolist() if hasattr(value, "__array__") else value
    return str(plain) if isinstance(plain, float) and not math.isfinite(plain) else plain


def _has_methods(callback: Any) -> bool:
    return callable(getattr(callback, "get_state", None)) and callable(
        getattr(callback, "set_state", None)
    )


def _find_fields(callback: Any) -> tuple[str, ...]:
    return next((fields for kind, fields in _FIELDS.items() if isinstance(callback, kind)), ())
