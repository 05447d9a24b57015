"""Verifies a bundle anywhere: without the data, without the sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.extras import find_missing
from sweeps.bundles.formats import FORMATS
from sweeps.bundles.load import find_bundle, resolve_module
from sweeps.bundles.manifest import verify_files
from sweeps.bundles.proving import Model, prove
from sweeps.errors import BundleError

TIMEOUT_SECONDS = 600.0
_BASE_BYTES = 6 << 30
"""Address space of a process with TensorFlow and a small model; most of it is never filled."""
_BYTES_PER_BYTE = 8


@dataclass(frozen=True)
class Proof:
    """What was found of one format of a bundle.

    Attributes:
        format: Its name.
        state: ``proven`` by a replay of the samples; ``skipped`` where its runtime is not
            installed here or the bundle has no samples; ``missing`` where its export had failed.
        detail: One sentence.
        difference: Largest difference from the expected outputs, where it was replayed.
        repeat_difference: Largest difference of two replays, likewise.
    """

    format: str
    state: Literal["proven", "skipped", "missing"]
    detail: str
    difference: float | None = None
    repeat_difference: float | None = None


@dataclass(frozen=True)
class BundleReport:
    """A bundle in which nothing was found to be wrong.

    Attributes:
        folder: The bundle's folder.
        manifest: What it says.
        proofs: One for each format.
    """

    folder: Path
    manifest: Mapping[str, Any]
    proofs: tuple[Proof, ...]


def verify(
    folder: str | Path,
    *,
    custom_module: str | Path | None = None,
    memory_bytes: int | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> BundleReport:
    """Verify a bundle: every file by its digest, every format by a replay of the samples.

    The bundle may come from a stranger. Models are loaded in clean processes with a limit of memory
    and time, and whatever the bundle's own manifest says of tolerances is not believed.

    Args:
        folder: A bundle, or a sweep that has one.
        custom_module: Python file, or dotted name of a module, that registers the model's own
            classes. Imported only where it is given.
        memory_bytes: Address space that a process may use; by default 6 GiB and 8 times the bundle.
        timeout_seconds: When a replay is given up.

    Raises:
        SweepNotFoundError: The folder is neither a sweep nor a bundle.
        NoLeaderError: The sweep has no bundle yet.
        BundleError: A file was changed, removed or added, or a format does not give the outputs
            that are expected; the message names it.
    """
    bundle = find_bundle(Path(folder))
    manifest = verify_files(bundle)
    if memory_bytes is None:
        sizes = sum(entry["bytes"] for entry in manifest["files"].values())
        memory_bytes = _BASE_BYTES + _BYTES_PER_BYTE * sizes
    module = None if custom_module is None else resolve_module(custom_module)
    model = Model(bundle, _read_signature(manifest), _read_error(manifest), module)
    with Runtimes(memory_bytes=memory_bytes, timeout_seconds=timeout_seconds) as runtimes:
        proofs = tuple(
            _verify_format(model, name, manifest, runtimes) for name in _read_formats(manifest)
        )
    return BundleReport(bundle.root, manifest, proofs)


def _verify_format(
    model: Model, name: str, manifest: Mapping[str, Any], runtimes: Runtimes
) -> Proof:
    record = _read_formats(manifest)[name]
    if name not in FORMATS:
        raise BundleError(f"{model.bundle.manifest}: formats: {FORMATS.describe_unknown(name)}")
    if "error" in record:
        return Proof(name, "missing", f"its export failed: {record['error']}")
    if model.signature is None:
        return Proof(name, "skipped", f"there are no samples: {model.samples_error}")
    if missing := find_missing(name, to_write=False):
        return Proof(name, "skipped", str(missing))
    found = prove(model, name, runtimes)
    if "error" in found:
        custom = manifest.get("custom_objects", ())
        raise BundleError(_explain(model, name, found["error"], custom))
    detail = f"differs by {found['difference']:.3g}; {found['tolerance']:.3g} is tolerated"
    return Proof(name, "proven", detail, found["difference"], found["repeat_difference"])


def _explain(model: Model, name: str, error: str, custom: Sequence[Any]) -> str:
    hint = ""
    if custom and model.custom_module is None:
        names = ", ".join(map(str, custom))
        hint = f" The model has classes of its own ({names}): name the module that registers them."
    return f"{FORMATS.load(name).locate(model.bundle)}: {error}{hint}"


def _read_signature(manifest: Mapping[str, Any]) -> Mapping[str, Any] | None:
    keys = ("inputs", "outputs", "arguments", "results", "half")
    is_there = "arguments" in manifest and "samples_error" not in manifest
    return {key: manifest.get(key) for key in keys} if is_there else None


def _read_error(manifest: Mapping[str, Any]) -> str:
    return str(manifest.get("samples_error", "the bundle was written by an older version"))


def _read_formats(manifest: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    formats = manifest.get("formats", {"keras": {}})
    if not isinstance(formats, dict) or not all(isinstance(e, dict) for e in formats.values()):
        raise BundleError("manifest.json: formats: expected a mapping of formats to records.")
    return formats
