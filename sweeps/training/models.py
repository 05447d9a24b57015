"""Building and loading models."""

from __future__ import annotations

import inspect
import json
import math
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from sweeps.errors import OptionError, UnsafeModelError
from sweeps.training.keras_file import KerasFile, check_keras_file
from sweeps.training.user_code import load_target


def load_hypermodel(target: str) -> Any:
    """Import what builds models: a ``build(hp)`` function or a KerasTuner HyperModel.

    A class is instantiated, without arguments.

    Raises:
        OptionError: It is neither.
        Exception: Whatever the user's code raises.
    """
    hypermodel = load_target(target)
    if inspect.isclass(hypermodel) and issubclass(hypermodel, keras_tuner.HyperModel):
        return hypermodel()
    if not callable(hypermodel) and not isinstance(hypermodel, keras_tuner.HyperModel):
        raise OptionError(
            f"{target} is a {type(hypermodel).__name__}; expected a function build(hp)."
        )
    return hypermodel


def build_model(hypermodel: Any, hp: Any, target: str) -> Any:
    """Build a model.

    Args:
        hypermodel: What `load_hypermodel` gave.
        hp: The hyperparameters of the trial.
        target: How the space file names it, for messages.

    Raises:
        OptionError: What it returns is not a compiled Keras model.
        Exception: Whatever the user's code raises.
    """
    is_hypermodel = isinstance(hypermodel, keras_tuner.HyperModel)
    build = hypermodel.build if is_hypermodel else hypermodel
    if is_hypermodel:
        hypermodel.declare_hyperparameters(hp)  # as KerasTuner does before its search
    model = build(hp)
    check_model(target, model)
    return model


def check_model(target: str, model: Any) -> None:
    """Make sure that a value is a compiled Keras model."""
    if not isinstance(model, keras.Model):
        raise OptionError(
            f"{target} returned {type(model).__name__}; expected a compiled keras.Model. "
            "Is a 'return model' missing?"
        )
    if not model.compiled:
        raise OptionError(
            f"{target} returned a model that is not compiled. "
            "Call model.compile(optimizer, loss, metrics=[...]) before returning it."
        )


def save_model(model: Any, path: Path) -> None:
    """Write a model, or its weights only where the name ends in ``.weights.h5``."""
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)


def load_model(path: Path) -> Any:
    """Load a ``.keras`` file that holds nothing but what Keras writes and what is registered here.

    Raises:
        UnsafeModelError: It holds code, or what else is not loaded on trust; the message names it.
    """
    file = check_keras_file(path, _is_registered)
    _check_size(path, file)
    return keras.models.load_model(path, safe_mode=True)


def list_custom_objects(path: Path) -> list[str]:
    """List the classes and functions in a ``.keras`` file that are not Keras' own, by name.

    Raises:
        UnsafeModelError: It holds what is not loaded on trust.
    """
    return sorted(check_keras_file(path, _is_registered).custom)


def _is_registered(name: str) -> bool:
    return keras.saving.get_registered_object(name) is not None


def _check_size(path: Path, file: KerasFile) -> None:
    """Compare the weights that a file would make with those that it holds, making none.

    Raises:
        UnsafeModelError: It would make more, such as a Dense layer with units for terabytes.
    """
    custom = {name: keras.saving.get_registered_object(name) for name in file.custom}
    # What Keras remembers of a build, such as weights to be made later, it remembers by thread.
    with ThreadPoolExecutor(1) as pool:
        try:
            num_weights = pool.submit(_count_weights, file.config, custom).result()
        except Exception as error:
            if custom:  # a registered class may need real weights; who registered it vouches for it
                return
            raise UnsafeModelError(
                f"{path}: the model in it cannot be built. It was not loaded."
            ) from error
    if num_weights > file.num_values:
        raise UnsafeModelError(
            f"{path}: its layers would make {num_weights} weights, but it holds {file.num_values} "
            "values. It was not loaded."
        )


def _count_weights(config: bytes, custom: Mapping[str, Any]) -> int:
    layers = _leave_out(json.loads(config))
    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(layers, dict(custom), safe_mode=True)
        return sum(math.prod(weight.shape) for weight in model.weights)


def _leave_out(config: Any) -> Any:
    """Take out of a configuration, in the models within the model too, what makes no weights.

    Optimizers, and what stateful layers remember: Keras makes room for both at once.
    """
    if isinstance(config, dict):
        instead = {"compile_config": None, "stateful": False}
        return {key: instead.get(key, _leave_out(part)) for key, part in config.items()}
    return [_leave_out(part) for part in config] if isinstance(config, list) else config


def check_saving(model: Any) -> None:
    """Make sure that a model can be saved and loaded again, before it costs an hour of training.

    Raises:
        OptionError: It cannot, most often because a class of the user's is not registered.
    """
    with tempfile.TemporaryDirectory(prefix="sweeps-") as folder:
        path = Path(folder) / "model.keras"
        try:
            save_model(model, path)
            load_model(path)
        except Exception as error:
            # Keras puts the whole configuration around the one sentence that says what is wrong.
            text = str(error).rpartition("Exception encountered: ")[2]
            text = text.partition(" Full object config")[0]
            text = text.removeprefix(f"{path}: ").removesuffix(" It was not loaded.")
            raise OptionError(f"the model cannot be saved and loaded again: {text}") from error
