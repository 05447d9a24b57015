"""The values of a model's variables at one moment, and Keras' files written from them.

Training may go on meanwhile: what was read keeps its value. TensorFlow copies a variable before it
changes one whose value somebody still holds, so that reading costs no copy by itself.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.saving import saving_lib

from sweeps.training.models import save_model

Layout = dict[str, tuple[Mapping[str, str] | None, dict[str, Any]]]
"""Group of the HDF5 file -> its attributes, and its variables by the names of their datasets."""

Offsets = dict[int, int]
"""By the `id` of a variable the byte of a file at which its value begins."""


@dataclass(frozen=True)
class SavedModel:
    """A ``.keras`` file on disk from which the values of variables can be read as raw bytes.

    Attributes:
        path: Where it lies.
        sha256: Its digest.
        offsets: Where the values lie in it.
    """

    path: Path
    sha256: str
    offsets: Offsets


class Snapshot:
    """The values of variables, as they were when this was made.

    Args:
        variables: Keras variables.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        # No copies: an update in place makes one first of what somebody else still reads.
        self._values = [tf.convert_to_tensor(variable.value) for variable in variables]

    def arrays(self) -> list[np.ndarray[Any, Any]]:
        """Give the values in the order of the variables; not to be written to."""
        return [np.asarray(value) for value in self._values]


class ModelSaver:
    """Writes one model again and again, as `Model.save` and `Model.save_weights` do.

    Keras walks over the whole model for every file, while the model has to stand still. Where all
    that it writes are values of variables, one walk tells which, and each file is written from a
    snapshot of these: the same bytes. Not so for a model with assets, or with a part that saves
    itself in its own way.

    Args:
        model: A built model, whose layers and optimizer stay the same objects.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._layout = _find_layout(model)

    @property
    def can_wait(self) -> bool:
        """Whether `prepare` takes a snapshot: the model may be trained on before it is written."""
        return self._layout is not None

    def prepare(self) -> Callable[[Path], Offsets | None]:
        """Take the model as it is now; returns what writes it to a file of a given name.

        That one tells where the variables lie in a ``.keras`` file written from a snapshot.
        """
        layout, model = self._layout, self._model
        if layout is None:
            return partial(save_model, model)
        names = [(group, name) for group, (_, found) in layout.items() for name in found]
        snapshot = Snapshot([layout[group][1][name] for group, name in names])
        config, metadata = saving_lib._serialize_model_as_json(model)  # noqa: SLF001

        def write(path: Path) -> Offsets | None:
            arrays = dict(zip(names, snapshot.arrays(), strict=True))
            weights, offsets = _encode_weights(layout, arrays)
            if path.name.endswith(".weights.h5"):
                path.write_bytes(weights)
                return None
            begin = _write_archive(path, config, metadata, weights)
            return {variable: begin + offset for variable, offset in offsets.items()}

        return write


class _Recorder(saving_lib.H5IOStore):  # type: ignore[misc]
    """Notes what Keras would write, and where."""

    def __init__(self) -> None:
        self.layout: Layout = {}
        self._group: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return True

    def make(self, path: str, metadata: Mapping[str, str] | None = None) -> _Recorder:
        self._group = {}
        self.layout[path] = (metadata, self._group)
        return self

    def __setitem__(self, key: str, value: Any) -> None:
        self._group[key] = value


def _find_layout(model: Any) -> Layout | None:
    """Find which variables Keras writes where; None where it writes anything else."""
    saves_assets = any(
        hasattr(layer, "save_assets")
        for layer in model._flatten_layers()  # noqa: SLF001
    )
    if saves_assets or _saves_itself(model):
        return None
    recorder = _Recorder()
    saving_lib._save_state(model, recorder, None, "", set())  # noqa: SLF001
    layout = recorder.layout
    if model.optimizer is not None and "optimizer" in layout:
        metadata, values = layout["optimizer"]
        variables = {str(index): each for index, each in enumerate(model.optimizer.variables)}
        if values.keys() != variables.keys():
            return None
        layout["optimizer"] = (metadata, variables)
    found = [value for _, values in layout.values() for value in values.values()]
    return layout if all(isinstance(value, keras.Variable) for value in found) else None


def _saves_itself(model: Any) -> bool:
    parts = [*model._flatten_layers(), *filter(None, [model.optimizer])]  # noqa: SLF001
    return any(
        not part.save_own_variables.__func__.__module__.startswith("keras.") for part in parts
    )


def _encode_weights(
    layout: Layout, arrays: Mapping[tuple[str, str], Any]
) -> tuple[memoryview, Offsets]:
    """Give the bytes of the HDF5 file, and where in it the variables lie byte by byte."""
    file, offsets = io.BytesIO(), {}
    store = saving_lib.H5IOStore(file, mode="w")
    for path, (metadata, variables) in layout.items():
        group = store.make(path, metadata=metadata)
        for name, variable in variables.items():
            array = arrays[path, name]
            group[name] = array
            dataset = store.h5_file[f"{path}/vars/{name}"].id
            if dataset.get_offset() is not None and dataset.get_storage_size() == array.nbytes:
                offsets[id(variable)] = dataset.get_offset()
    store.close()
    return file.getbuffer(), offsets


def _write_archive(path: Path, config: str, metadata: str, weights: memoryview) -> int:
    """Write a ``.keras`` file; returns the byte at which the weights begin."""
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, content in (
            ("metadata.json", metadata.encode()),
            ("config.json", config.encode()),
            ("model.weights.h5", weights),
        ):
            with archive.open(name, "w", force_zip64=len(content) > 1 << 30) as member:
                begin = file.tell()  # stored without compression
                member.write(content)
    return begin
