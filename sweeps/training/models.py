"""Building and loading models."""

from __future__ import annotations

import inspect
import tempfile
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from sweeps.errors import OptionError
from sweeps.training.user_code import load_target


def build_model(target: str, hp: Any) -> Any:
    """Build the model that a space file names.

    Args:
        target: A ``build(hp)`` function, or a KerasTuner HyperModel, class or instance.
        hp: The hyperparameters of the trial.

    Raises:
        OptionError: What it returns is not a compiled Keras model.
        Exception: Whatever the user's code raises.
    """
    hypermodel = load_target(target)
    if inspect.isclass(hypermodel) and issubclass(hypermodel, keras_tuner.HyperModel):
        hypermodel = hypermodel()
    build = hypermodel.build if isinstance(hypermodel, keras_tuner.HyperModel) else hypermodel
    if not callable(build):
        raise OptionError(f"{target} is a {type(build).__name__}; expected a function build(hp).")
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
    """Load a ``.keras`` file. Safe mode stays on: code inside the file is refused."""
    return keras.models.load_model(path, safe_mode=True)


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
            raise OptionError(f"the model cannot be saved and loaded again: {text}") from error
