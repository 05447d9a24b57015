"""Small text files of a bundle that are for other programs: MLmodel and requirements.txt.

A *writer* is told what the manifest says, and writes a file into the bundle before its files are
listed. `WRITERS` names those of every bundle.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sweeps.bundles.formats import FORMATS
from sweeps.bundles.formats._base import Format
from sweeps.paths import BundlePaths

Writer = Callable[[BundlePaths, Mapping[str, Any]], None]

_ALWAYS = ("tensorflow", "keras", "numpy", "h5py")
_TEXT = {"string": "str"}


def write_requirements(bundle: BundlePaths, manifest: Mapping[str, Any]) -> None:
    """Pin the packages that load the model, in each of its formats."""
    versions = manifest["versions"]
    lines = [f"{package}=={versions[package]}" for package in _ALWAYS if package in versions]
    for name in FORMATS:
        if "error" in manifest["formats"].get(name, {"error": ""}):
            continue
        member: Format = FORMATS.load(name)
        lines += [
            f"{package}=={versions[package]}  # {member.described} only"
            for package in member.loads_with.values()
        ]
    bundle.requirements.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_mlmodel(bundle: BundlePaths, manifest: Mapping[str, Any]) -> None:
    """Tell MLflow, and servers that read its folders, that ``model.keras`` lies beside this file.

    The file is written without MLflow; ``data: .`` is where its loader looks for ``model.keras``.
    """
    created = datetime.fromisoformat(manifest["created"]).strftime("%Y-%m-%d %H:%M:%S.%f")
    signature = "".join(
        f"  {key}: '{_describe_tensors(manifest[key])}'\n" for key in ("inputs", "outputs")
    )
    text = (
        "flavors:\n"
        "  keras:\n"
        "    data: .\n"
        "    keras_backend: tensorflow\n"
        f"    keras_version: {manifest['versions']['keras']}\n"
        "    save_exported_model: false\n"
        "  python_function:\n"
        "    loader_module: mlflow.keras\n"
        f"    python_version: {manifest['versions']['python']}\n"
        f"model_uuid: {uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(_name_source(manifest))).hex}\n"
        + (f"signature:\n{signature}" if manifest["inputs"] else "")
        + f"utc_time_created: '{created}'\n"
    )
    bundle.mlmodel.write_text(text, encoding="utf-8")


WRITERS: Sequence[Writer] = (write_mlmodel, write_requirements)


def _name_source(manifest: Mapping[str, Any]) -> list[Any]:
    return [manifest.get("sweep_id"), manifest["trial"], manifest["epoch"], manifest["created"]]


def _describe_tensors(tensors: Sequence[Mapping[str, Any]]) -> str:
    """Describe tensors as MLflow does. It takes a single one without a name, as plain arrays."""
    described = [
        {
            **({"name": tensor["name"]} if len(tensors) > 1 else {}),
            "type": "tensor",
            "tensor-spec": {
                "dtype": _TEXT.get(tensor["dtype"], tensor["dtype"]),
                "shape": [-1 if size is None else size for size in tensor["shape"]],
            },
        }
        for tensor in tensors
    ]
    return json.dumps(described)
