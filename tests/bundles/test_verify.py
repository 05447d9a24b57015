"""Tests of `sweeps.bundles.verify`: a bundle proves itself anywhere, and a wrong one does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import sweeps
from sweeps.bundles import extras
from sweeps.bundles.clean_child import ChildError, CleanChild, Runtimes
from sweeps.bundles.manifest import read_manifest, write_manifest
from sweeps.bundles.verify import verify
from sweeps.errors import BundleError, OptionError, UnsafeFolderError
from sweeps.paths import BundlePaths
from sweeps.training.arrays import read_arrays, write_arrays
from sweeps.training.data import Split
from sweeps.worker.process_tree import is_alive
from tests.bundles.samples import draw, write_bundle
from tests.contracts.test_formats import need


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, runtimes: Runtimes) -> Path:
    """Make a bundle in Keras' format, and in ONNX, whose runtime starts at once."""
    need("onnx")
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3, name="kind")])
    model.compile("sgd", "mse")
    folder = tmp_path_factory.mktemp("made") / "bundle"
    write_bundle(folder, model, Split(draw(20, 4), np.zeros(20)), ["onnx"], runtimes)
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> BundlePaths:
    """Give a copy that may be spoilt."""
    return BundlePaths(Path(shutil.copytree(made, tmp_path / "bundle")))


def sign_again(bundle: BundlePaths, **changes: Any) -> None:
    """Write the manifest anew, as who forges one would."""
    manifest = read_manifest(bundle)
    del manifest["schema"], manifest["files"]
    write_manifest(bundle, {**manifest, **changes})


def only_onnx(bundle: BundlePaths) -> None:
    sign_again(bundle, formats={"onnx": {}})


def test_verify_replays_every_format(bundle: BundlePaths) -> None:
    """Digests are compared and samples replayed, with neither data nor sweep at hand."""
    report = verify(bundle.root)
    assert [(proof.format, proof.state) for proof in report.proofs] == [
        ("keras", "proven"),
        ("onnx", "proven"),
    ]
    assert all(proof.repeat_difference == 0 for proof in report.proofs)
    assert report.manifest["trial"] == 7


def test_verify_refuses_what_was_changed(bundle: BundlePaths, tmp_path: Path) -> None:
    """Changed, truncated, added, removed, linked: by name, before anything is loaded."""

    def append(path: Path) -> None:
        path.write_bytes(path.read_bytes() + b"\0")

    def truncate(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-1])

    changes: list[tuple[str, Callable[[Path], object], str]] = [
        ("model.onnx", append, "model.onnx: the file was changed"),
        ("samples/outputs.npz", truncate, "outputs.npz: the file was changed"),
        ("run.py", Path.touch, "run.py: the file is not in the manifest"),
        ("model.keras", Path.unlink, "model.keras: the file is missing"),
        ("more", lambda path: path.symlink_to(tmp_path), "more: a symbolic link"),
    ]
    for name, change, words in changes:
        copy = Path(shutil.copytree(bundle.root, tmp_path / "copy"))
        change(copy / name)
        for look in (verify, sweeps.load):
            with pytest.raises((BundleError, UnsafeFolderError), match=words):
                look(copy)
        shutil.rmtree(copy)


def test_verify_forged_outputs_are_found_by_the_replay(bundle: BundlePaths) -> None:
    """Digests can be made anew; what the model gives cannot, and no tolerance is believed."""
    kept = read_arrays(bundle.sample_outputs)
    write_arrays(bundle.sample_outputs, {"kind": kept["kind"] + np.float32(0.1)})
    sign_again(bundle, formats={"onnx": {"tolerance": 1e9}})
    with pytest.raises(BundleError, match=r"model\.onnx: replayed against the expected outputs"):
        verify(bundle.root)


def test_verify_pickled_samples_are_not_opened(bundle: BundlePaths, tmp_path: Path) -> None:
    """An array of objects is a pickle, which is code."""
    marker = tmp_path / "marker"

    class Hostile:
        def __reduce__(self) -> Any:
            return Path.touch, (marker,)

    np.savez(bundle.sample_inputs, x=np.array([Hostile()], dtype=object))
    only_onnx(bundle)
    with pytest.raises(BundleError, match="allow_pickle"):
        verify(bundle.root)
    assert not marker.exists()


def test_verify_runtime_that_is_missing_is_skipped_with_the_command(
    bundle: BundlePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be looked at here is said, with what would allow it."""
    only_onnx(bundle)
    monkeypatch.setattr(extras, "find_spec", lambda module: None)
    (proof,) = verify(bundle.root).proofs
    assert proof.state == "skipped"
    assert "pip install 'keras-sweeps[onnx]'" in proof.detail


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        ({"onx": {}}, "Did you mean 'onnx'"),
        ([], "expected a mapping of formats"),
        ({"onnx": 3}, "expected a mapping of formats"),
        ({"saved_model": {}}, "saved_model"),
    ],
)
def test_verify_refuses_a_manifest_that_makes_no_sense(
    bundle: BundlePaths, formats: Any, words: str
) -> None:
    """Formats that do not exist, or are not in the bundle."""
    sign_again(bundle, formats=formats)
    with pytest.raises(BundleError, match=words):
        verify(bundle.root)


def test_verify_tells_of_formats_that_could_not_be_exported(bundle: BundlePaths) -> None:
    """The reason is in the manifest; it makes the bundle no worse."""
    sign_again(bundle, formats={"litert": {"error": "no TensorList"}})
    (proof,) = verify(bundle.root).proofs
    assert (proof.state, proof.detail) == ("missing", "its export failed: no TensorList")


def test_verify_gives_a_slow_or_greedy_format_up(bundle: BundlePaths) -> None:
    """A stranger's model may not keep this machine busy, nor take its memory."""
    only_onnx(bundle)
    with pytest.raises(BundleError, match=r"it was not done after 0\.01 s"):
        verify(bundle.root, timeout_seconds=0.01)
    with pytest.raises(BundleError, match=r"model\.onnx"):
        verify(bundle.root, memory_bytes=150 << 20)


CUSTOM = """\
import keras

@keras.saving.register_keras_serializable("own")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs
"""


def test_custom_objects_are_imported_only_where_they_are_named(
    tmp_path: Path, runtimes: Runtimes
) -> None:
    """A model with a class of its own says so, and loads with the module that is named."""
    from sweeps.bundles.proving import Model, prove
    from sweeps.training.models import list_custom_objects
    from sweeps.training.user_code import load_module
    from tests.bundles.samples import write_model

    path = tmp_path / "own_layers.py"
    path.write_text(CUSTOM)
    model = keras.Sequential([keras.Input((4,), name="x"), load_module(str(path)).Twice()])
    written = write_model(tmp_path / "bundle", model, Split(draw(9, 4), np.zeros(9)), str(path))
    assert list_custom_objects(written.bundle.model) == ["own>Twice"]
    without = prove(Model(written.bundle, written.signature), "keras", runtimes)
    assert "register it with" in without["error"]
    assert "error" not in prove(written, "keras", runtimes)


def test_bundle_with_a_class_of_its_own_loads_in_another_process(
    tmp_path: Path, runtimes: Runtimes
) -> None:
    """With the file that registers the class; without it the error says what to do."""
    from sweeps.training.user_code import load_module

    path = tmp_path / "own_layers.py"
    path.write_text(CUSTOM)
    model = keras.Sequential([keras.Input((4,), name="x"), load_module(str(path)).Twice()])
    split = Split(draw(9, 4), np.zeros(9))
    write_bundle(tmp_path / "bundle", model, split, ["keras"], runtimes, str(path))
    code = (
        "import sys, numpy, sweeps; module = (sys.argv[2:] or [None])[0]; "
        "model = sweeps.load(sys.argv[1], custom_module=module); "
        "print(model.predict(numpy.ones((1, 4)), verbose=0).tolist())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "bundle")]
    with_module = subprocess.run([*command, str(path)], check=False, capture_output=True, text=True)
    assert with_module.stdout.strip() == "[[2.0, 2.0, 2.0, 2.0]]"
    without = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "UnsafeModelError" in without.stderr
    assert "own" in without.stderr


def test_custom_module_that_is_no_file_is_refused(made: Path) -> None:
    """A typing error is told as one."""
    with pytest.raises(OptionError, match=r"missing\.py'; expected a Python file that exists"):
        sweeps.load(made, custom_module="missing.py")


def test_clean_child_inherits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither variables, nor the working directory, nor a module that waits in either."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    child = CleanChild("onnxruntime")
    try:
        environment = Path(f"/proc/{child._process.pid}/environ").read_text()
        with pytest.raises(ChildError, match="no signature of a model"):
            child.ask({"do": "replay", "format": "onnx", "folder": "/", "signature": {}})
    finally:
        child.close()
    assert "PYTHONPATH" not in environment
    assert "ONEDNN" not in environment


def test_clean_child_of_a_killed_driver_ends_and_leaves_no_file(tmp_path: Path) -> None:
    """Nobody else would take away what it has written."""
    import os
    import signal
    import subprocess
    import sys
    import time

    program = (
        "from sweeps.bundles.clean_child import CleanChild\n"
        "child = CleanChild('onnxruntime')\n"
        "try: child.ask({})\n"
        "except Exception: pass\n"
        "print(child._process.pid, flush=True)\n"
        "input()\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as driver:
        assert driver.stdout is not None
        child = int(driver.stdout.readline())
        assert list(tmp_path.iterdir())
        driver.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while (is_alive(child) or list(tmp_path.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(child)
    assert list(tmp_path.iterdir()) == []


def test_runtimes_replace_a_process_that_dies(tmp_path: Path) -> None:
    """Whatever killed it costs that job; the next one has a new process."""
    import os
    import signal

    with Runtimes() as runtimes:
        runtimes.start("onnxruntime")
        os.kill(runtimes._children["onnxruntime"]._process.pid, signal.SIGKILL)
        job = {"do": "replay", "format": "onnx", "folder": str(tmp_path), "signature": {}}
        with pytest.raises(ChildError, match=r"the process died of it \(signal 9\)"):
            runtimes.ask("onnxruntime", job)
        with pytest.raises(ChildError, match="no signature"):
            runtimes.ask("onnxruntime", job)


def test_verify_saved_model_that_reaches_out_is_not_loaded(
    bundle: BundlePaths, tmp_path: Path
) -> None:
    """A SavedModel is a program; the red control shows that TensorFlow would run it."""
    import tensorflow as tf

    marker = tmp_path / "marker"

    class Hostile(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
        def serve(self, x: Any) -> Any:
            tf.io.write_file(str(marker), "written")
            return {"kind": x[:, :3]}

    hostile = Hostile()
    folder = str(bundle.saved_model)
    tf.saved_model.save(hostile, folder, signatures={"serving_default": hostile.serve})
    sign_again(bundle, formats={"saved_model": {}})
    with pytest.raises(BundleError, match="it holds the operation WriteFile"):
        verify(bundle.root)
    assert not marker.exists()
    stock = tf.saved_model.load(folder)
    stock.signatures["serving_default"](x=tf.zeros((2, 4)))
    assert marker.exists()
