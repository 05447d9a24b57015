"""What a ``.keras`` file may hold, looked at before Keras opens it.

Keras' own safe mode stays on; ways around it have been published again and again, so this is a list
of what is allowed, not of what is known to be bad. A file that Keras wrote for a model made of its
own layers, or of classes registered in this process, passes. Nothing is built here.
"""

from __future__ import annotations

import io
import json
import math
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from sweeps.errors import UnsafeModelError

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
_MEMBERS = {CONFIG, WEIGHTS, "metadata.json"}
_ASSETS = "assets"
_MAX_JSON_BYTES = 32 << 20
_MAX_DEPTH = 200
_MAX_METRIC_SIZE = 10_000
_MAX_BATCH_SIZE = 10_000

_PLAIN = {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}
_CODE = {
    "__lambda__": "Python code (a Lambda layer or a lambda)",
    "__typespec__": "a TensorFlow type",
    "TFSMLayer": "a SavedModel from elsewhere",
    "TorchModuleWrapper": "a pickled PyTorch module",
    "JaxLayer": "serialized JAX code",
    "FlaxLayer": "serialized JAX code",
}
_TOP_CLASSES = {"Functional", "Model", "Sequential", "DTypePolicy", "FloatDTypePolicy"}
_FUNCTION_ROOMS = {
    *("activations", "constraints", "initializers", "losses", "metrics", "ops", "regularizers")
}
_CLASS_ROOMS = {
    *("dtype_policies", "layers", "models", "optimizers", "quantizers", "random"),
    *_FUNCTION_ROOMS,
}
_FILE_KEYS = ("vocabulary", "idf_weights")  # Keras takes a list, or the path of a file to read

IsKnown = Callable[[str], bool]


@dataclass(frozen=True)
class KerasFile:
    """A file that holds nothing but what Keras itself writes.

    Attributes:
        config: The model's ``config.json``.
        custom: Names of the classes and functions in it that are not Keras' own.
        num_values: How many numbers its weights file holds.
    """

    config: bytes
    custom: frozenset[str]
    num_values: int


def check_keras_file(path: Path, is_known: IsKnown) -> KerasFile:
    """Make sure that a ``.keras`` file holds no code, no way out of it and no bomb.

    Args:
        path: The file.
        is_known: Tells whether a name is registered in this process, so that it may stand in the
            file although it is not Keras' own.

    Raises:
        UnsafeModelError: It holds something else than what Keras writes; the message names it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path.stat().st_size)
            config = archive.read(CONFIG)
            custom = _check_config(json.loads(config), is_known)
            return KerasFile(config, custom, count_values(io.BytesIO(archive.read(WEIGHTS))))
    except UnsafeModelError as error:
        raise UnsafeModelError(f"{path}: {error} It was not loaded.") from None
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RecursionError) as error:
        raise UnsafeModelError(
            f"{path}: this is no whole .keras file ({error}). It was not loaded."
        ) from error


def check_weights_file(path: Path) -> None:
    """Make sure that a ``.weights.h5`` file holds plain arrays only.

    Raises:
        UnsafeModelError: It holds something else; the message names it.
    """
    try:
        with path.open("rb") as file:
            count_values(file)
    except UnsafeModelError as error:
        raise UnsafeModelError(f"{path}: {error} It was not loaded.") from None


def _check_members(archive: zipfile.ZipFile, num_bytes: int) -> None:
    members = archive.infolist()
    if missing := {CONFIG, WEIGHTS} - set(archive.namelist()):
        raise UnsafeModelError(f"the member {min(missing)!r} is missing.")
    name, count = Counter(archive.namelist()).most_common(1)[0]
    if count > 1:
        raise UnsafeModelError(f"the member {name!r} is in it {count} times.")
    for member in members:
        _check_member(member)
    total = sum(member.file_size for member in members)
    if total > num_bytes:
        raise UnsafeModelError(f"its members say {total} bytes, but the file has {num_bytes}.")


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = PurePosixPath(name).parts
    is_asset = len(parts) > 1 and parts[0] == _ASSETS and not {"..", "/"} & set(parts)
    if name not in _MEMBERS and (not is_asset or "\\" in name):
        raise UnsafeModelError(f"the member {name!r} is none that Keras writes.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UnsafeModelError(f"the member {name!r} is a symbolic link.")
    # Keras stores without compression, so that nothing in it can be larger than the file.
    if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
        raise UnsafeModelError(f"the member {name!r} is compressed, which Keras does not do.")
    if name.endswith(".json") and name in _MEMBERS and member.file_size > _MAX_JSON_BYTES:
        raise UnsafeModelError(f"the member {name!r} has {member.file_size} bytes.")


def _check_config(config: Any, is_known: IsKnown) -> frozenset[str]:
    """Look at every object in a configuration; returns the names that are not Keras' own."""
    custom: set[str] = set()
    batch_size, is_stateful = 0, False
    left = [(config, 0)]
    while left:
        value, depth = left.pop()
        if depth > _MAX_DEPTH:
            raise UnsafeModelError(f"{CONFIG} is nested more than {_MAX_DEPTH} levels deep.")
        if isinstance(value, dict):
            custom |= _check_object(value, is_known)
            batch_size = max(batch_size, _find_batch_size(value))
            is_stateful |= bool(value.get("stateful"))
            left += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            left += [(inner, depth + 1) for inner in value]
    if is_stateful and batch_size > _MAX_BATCH_SIZE:  # room for all of one is made at once
        raise UnsafeModelError(f"its stateful layers are made for batches of {batch_size}.")
    return frozenset(custom)


def _check_object(value: dict[str, Any], is_known: IsKnown) -> set[str]:
    if not {"class_name", "config"} <= value.keys():
        return set()
    module, name, config = value.get("module"), value["class_name"], value["config"]
    is_function = name == "function"
    if is_function:
        name = config
    if not isinstance(name, str):
        raise UnsafeModelError(f"it holds an object of the class {name!r}.")
    registered = value.get("registered_name")
    names = {name, registered} if isinstance(registered, str) else {name}
    custom = {each for each in names if is_known(each)}
    if custom or name in _PLAIN:
        return custom
    if name in _CODE:
        raise UnsafeModelError(f"it holds {name}: {_CODE[name]}.")
    if not isinstance(module, str) or not _is_of_keras(module, name, is_function=is_function):
        raise UnsafeModelError(
            f"it holds {name} of {module}, which is no part of a model that Keras brings along. If "
            "it is yours, register it with @keras.saving.register_keras_serializable(), and import "
            "its module before loading."
        )
    if isinstance(config, dict):
        _check_values(module, name, config)
    return set()


def _check_values(module: str, name: str, config: dict[str, Any]) -> None:
    for key in _FILE_KEYS:
        if isinstance(config.get(key), str):
            raise UnsafeModelError(f"the {key} of {name} is to be read from {config[key]!r}.")
    if module != "keras.metrics":
        return
    # A metric allocates when it is made: a matrix of so many classes, a list of thresholds.
    for key, value in config.items():
        if isinstance(value, int) and value > _MAX_METRIC_SIZE:
            raise UnsafeModelError(f"its metric {name} has {key}: {value}.")


def _find_batch_size(value: dict[str, Any]) -> int:
    """Find the size of the batches that an object is made for; 0 where it takes any."""
    shapes = [part for key, part in value.items() if key.endswith("shape")]
    sizes = [shape[0] for shape in shapes if isinstance(shape, list) and shape]
    found = [size for size in (*sizes, value.get("batch_size")) if isinstance(size, int)]
    return max(found, default=0)


def _is_of_keras(module: str, name: str, *, is_function: bool) -> bool:
    if module == "builtins":
        return is_function  # Keras looks it up among its own losses, metrics and so on
    package, *rooms = module.split(".")
    if package != "keras":
        return False
    room = next((room for room in rooms if room != "src"), None)
    if room is None or room == "models":
        return name in _TOP_CLASSES
    if is_function:
        return room in _FUNCTION_ROOMS and name not in {"get", "deserialize", "serialize"}
    return room in _CLASS_ROOMS and name[:1].isupper()


def count_values(file: BinaryIO) -> int:
    """Count the numbers in a weights file that holds plain arrays only.

    Raises:
        UnsafeModelError: It holds a link, or an array that is not simply stored in it.
    """
    import h5py

    try:
        with h5py.File(file, "r") as root:
            return sum(math.prod(dataset.shape) for dataset in _list_datasets(root))
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise UnsafeModelError(f"the weights are no whole HDF5 file ({error}).") from error


def _list_datasets(root: Any) -> Iterator[Any]:
    import h5py

    left, seen = [root], set()
    while left:
        group = left.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:  # a hard link upwards
            continue
        seen.add(address)
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise UnsafeModelError(f"{group.name}/{name} is an HDF5 {type(link).__name__}.")
            entry = group[name]
            if isinstance(entry, h5py.Group):
                left.append(entry)
            else:
                _check_dataset(entry, f"{group.name}/{name}")
                yield entry


def _check_dataset(entry: Any, name: str) -> None:
    import h5py

    if not isinstance(entry, h5py.Dataset) or entry.shape is None or entry.dtype.hasobject:
        raise UnsafeModelError(f"{name} is no array of numbers.")
    plan = entry.id.get_create_plist()
    if plan.get_external_count():
        raise UnsafeModelError(f"{name} is read from another file (external storage).")
    if entry.is_virtual:
        raise UnsafeModelError(f"{name} is read from other files (a virtual dataset).")
    # Compressed, or with blocks left out, it could be far larger than what is stored.
    is_plain = plan.get_layout() in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
    if not is_plain or entry.id.get_storage_size() < entry.nbytes:
        raise UnsafeModelError(f"{name} says {entry.nbytes} bytes, which are not stored as such.")
