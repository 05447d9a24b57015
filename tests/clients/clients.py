"""The clients: each loads a bundle in its own way and gives the outputs for its samples."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.clients.environments import (
    PROGRAMS,
    find_program,
    install_node_package,
    make_environment,
    run_client,
)
from tests.clients.served import ask_mlserver

Arrays = Mapping[str, Any]
BARE = ("numpy", "onnxruntime", "ai-edge-litert")


@dataclass(frozen=True)
class Found:
    """What a client said.

    Attributes:
        outputs: By name; a client that knows no names gives the only one.
        version: What the client is, with its version.
    """

    outputs: Arrays
    version: str


@dataclass(frozen=True)
class Client:
    """One client.

    Attributes:
        name: For the command line and the table.
        file: What it reads of the bundle.
        use: Called with the bundle and an empty folder to work in.
        is_heavy: It downloads much: run by ``python -m tests.clients`` only.
    """

    name: str
    file: str
    use: Callable[[Path, Path], Found]
    is_heavy: bool = False


def read_samples(bundle: Path, kind: str) -> dict[str, Any]:
    """Read the ``inputs`` or ``outputs`` of a bundle's samples."""
    with np.load(bundle / "samples" / f"{kind}.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def measure_difference(bundle: Path, found: Found) -> float:
    """Compute the largest difference to the outputs that the bundle says are expected.

    Raises:
        AssertionError: An output is missing, or has another shape.
    """
    expected = read_samples(bundle, "outputs")
    assert list(found.outputs) == list(expected)
    differences = []
    for name, array in expected.items():
        given = np.asarray(found.outputs[name], "float64")
        assert given.shape == array.shape, (name, given.shape, array.shape)
        assert np.isfinite(given).all(), name
        differences.append(float(np.abs(given - array).max()))
    return max(differences)


def _use_plain_keras(bundle: Path, folder: Path) -> Found:
    return _use_program(sys.executable, "plain_keras.py", "Keras", bundle, folder)


def _use_tensorflow(bundle: Path, folder: Path) -> Found:
    return _use_program(sys.executable, "tensorflow_alone.py", "TensorFlow", bundle, folder)


def use_onnx(bundle: Path, folder: Path, python: Path) -> Found:
    """Use ONNX Runtime in an environment without TensorFlow."""
    return _use_program(str(python), "onnx_alone.py", "onnxruntime", bundle, folder)


def use_litert(bundle: Path, folder: Path, python: Path) -> Found:
    """Use LiteRT in an environment without TensorFlow."""
    return _use_program(str(python), "litert_alone.py", "ai-edge-litert", bundle, folder)


def _use_program(python: str, program: str, title: str, bundle: Path, folder: Path) -> Found:
    printed, _ = run_client([python, str(PROGRAMS / program), str(bundle)], folder)
    said = json.loads(printed.splitlines()[-1])
    return Found(said["outputs"], f"{title} {said['version']}")


def _use_saved_model_cli(bundle: Path, folder: Path) -> Found:
    """Use the command that comes with TensorFlow."""
    import tensorflow as tf

    saved_model = ["--dir", str(bundle / "saved_model/1"), "--tag_set", "serve"]
    saved_model += ["--signature_def", "serving_default"]
    inputs = f"image={bundle / 'samples/inputs.npz'}[image]"
    run_client(
        [*_saved_model_cli("run"), *saved_model, "--inputs", inputs, "--outdir", str(folder)],
        folder,
    )
    outputs = {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}
    return Found(outputs, f"saved_model_cli of TensorFlow {tf.__version__}")


def _saved_model_cli(command: str) -> list[str]:
    return [str(Path(sys.executable).parent / "saved_model_cli"), command]


def _use_c(bundle: Path, folder: Path) -> Found:
    """Compile a C program against the library in TensorFlow's wheel, and run it."""
    import tensorflow as tf

    library = Path(tf.sysconfig.get_lib())
    program = folder / "saved_model"
    libraries = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    options = ["-O1", "-Wall", "-Werror", f"-I{library / 'include'}", f"-L{library}"]
    run_client(
        [
            find_program("gcc"),
            str(PROGRAMS / "saved_model.c"),
            *options,
            "-o",
            str(program),
            *libraries,
            f"-Wl,-rpath,{library}",
        ],
        folder,
    )
    (name, image), (output, expected) = (
        *read_samples(bundle, "inputs").items(),
        *read_samples(bundle, "outputs").items(),
    )
    given, found = _find_operations(bundle, folder, name, output)
    shape = [str(size) for size in image.shape]
    printed, remarks = run_client(
        [str(program), str(bundle / "saved_model/1"), given, *found.split(":"), *shape],
        folder,
        " ".join(map(repr, image.ravel().tolist())),
    )
    values = np.array(printed.split(), "float32").reshape(expected.shape)
    version = remarks.strip().splitlines()[-1]
    return Found({output: values}, f"C on libtensorflow, {version}")


def _find_operations(bundle: Path, folder: Path, name: str, output: str) -> tuple[str, str]:
    """Find which operations are input and output, as anybody would: by saved_model_cli."""
    where = ["--dir", str(bundle / "saved_model/1"), "--tag_set", "serve"]
    shown, _ = run_client(
        [*_saved_model_cli("show"), *where, "--signature_def", "serving_default"], folder
    )
    pattern = r"{}\['{}'\] tensor_info:.*?name: (\S+?):(\d+)"
    given = re.search(pattern.format("inputs", name), shown, re.DOTALL)
    found = re.search(pattern.format("outputs", output), shown, re.DOTALL)
    assert given is not None, shown
    assert found is not None, shown
    return given[1], f"{found[1]}:{found[2]}"


def _use_node(bundle: Path, folder: Path) -> Found:
    node, program = find_program("node"), PROGRAMS / "onnx_in_node.mjs"
    install_node_package(folder / "node", "onnxruntime-node")
    given = {
        name: {"shape": array.shape, "data": array.ravel().tolist()}
        for name, array in read_samples(bundle, "inputs").items()
    }
    (folder / "inputs.json").write_text(json.dumps(given))
    printed, _ = run_client(
        [node, str(program), str(bundle), str(folder / "inputs.json")], folder / "node"
    )
    said = json.loads(printed.splitlines()[-1])
    outputs = {
        name: np.array(each["data"], "float32").reshape(each["shape"])
        for name, each in said["flat"].items()
    }
    return Found(outputs, f"onnxruntime-node {said['version']}")


def _use_mlserver(bundle: Path, folder: Path) -> Found:
    packages = ["mlserver", "mlserver-mlflow", "-r", str(bundle / "requirements.txt")]
    python = make_environment(folder / "environment", packages)
    (name, array), (output, _) = (
        *read_samples(bundle, "inputs").items(),
        *read_samples(bundle, "outputs").items(),
    )
    values, version = ask_mlserver(python, bundle, folder, name, array)
    return Found({output: values}, version)


def _with_environment(use: Callable[[Path, Path, Path], Found]) -> Callable[[Path, Path], Found]:
    return lambda bundle, folder: use(bundle, folder, make_environment(folder / "bare", BARE))


CLIENTS = (
    Client("keras", "model.keras", _use_plain_keras),
    Client("tensorflow", "saved_model", _use_tensorflow),
    Client("saved_model_cli", "saved_model", _use_saved_model_cli),
    Client("c", "saved_model", _use_c),
    Client("onnxruntime", "model.onnx", _with_environment(use_onnx), is_heavy=True),
    Client("litert", "model.tflite", _with_environment(use_litert), is_heavy=True),
    Client("node", "model.onnx", _use_node, is_heavy=True),
    Client("mlserver", "MLmodel, model.keras", _use_mlserver, is_heavy=True),
)
