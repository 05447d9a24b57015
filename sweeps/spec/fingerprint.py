"""What a sweep was started with, in a form that tells later whether it has changed.

The fingerprint is written beside the spec when a sweep begins; a resume compares. Limits are left
out, because they may always grow.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sweeps.durable import digest_file
from sweeps.spec.model import SweepSpec, spec_to_json
from sweeps.spec.targets import parse_target
from sweeps.spec.units import show_value

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "keras-tuner": ("keras-tuner",),
    "optuna": ("optuna",),
    "numpy": ("numpy",),
}
"""Package whose version changes results -> distributions that may hold it."""

MISSING = "missing"


@dataclass(frozen=True)
class Fingerprint:
    """Digests of what decides the results of a sweep.

    Attributes:
        spec: SHA-256 of the spec's canonical JSON, limits aside.
        files: Code file -> SHA-256 of its bytes, or ``missing``. A file has its path relative to
            the folder of the space file where it lies below it; that of a module, the module's
            name. So a project may be moved as a whole.
        versions: Package -> version, Python included.
    """

    spec: str
    files: Mapping[str, str]
    versions: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Write the fingerprint as JSON values."""
        return {"spec": self.spec, "files": dict(self.files), "versions": dict(self.versions)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Fingerprint:
        """Read a fingerprint written by `to_json`."""
        return cls(record["spec"], dict(record["files"]), dict(record["versions"]))


def fingerprint(
    spec: SweepSpec, folder: Path, *, versions: Mapping[str, str] | None = None
) -> Fingerprint:
    """Compute the fingerprint of a spec, its code and the installed versions.

    Args:
        spec: The spec.
        folder: Folder of the space file, absolute.
        versions: By default those of the running Python. Nothing is imported to find them.
    """
    digests = {name: _digest(path) for name, path in find_code(spec, folder).items()}
    found = find_versions() if versions is None else versions
    return Fingerprint(digest_spec(spec_to_json(spec)), digests, dict(found))


def digest_spec(record: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of the canonical form of a spec in JSON, limits aside."""
    kept = _without_limits(record)
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def find_code(spec: SweepSpec, folder: Path) -> dict[str, Path]:
    """Find the files that hold the model, the data and what else is named, without importing them.

    A module that cannot be found is left out: the check of the model reports it.

    Returns:
        The files by the names that `Fingerprint.files` gives them.
    """
    code: dict[str, Path] = {}
    for target in list_targets(spec).values():
        file = parse_target(target).file
        if file is None:
            source = parse_target(target).source
            found = find_module_file(source)
            code |= {source: found} if found else {}
        elif file.is_relative_to(folder):
            code[file.relative_to(folder).as_posix()] = file
        else:
            code[str(file)] = file
    return code


def list_targets(spec: SweepSpec) -> dict[str, str]:
    """Name the code that a spec refers to, by its key."""
    targets = {
        "model": spec.model,
        "data": spec.data,
        "training.callbacks": spec.training.callbacks,
        "export.preprocessing": spec.export.preprocessing,
    }
    return {key: target for key, target in targets.items() if target}


def find_versions() -> dict[str, str]:
    """Find the versions of Python and of the packages that change results."""
    versions = {"python": platform.python_version()}
    for package, distributions in PACKAGES.items():
        versions[package] = next(filter(None, map(_find_version, distributions)), MISSING)
    return versions


def diff_fingerprints(old: Fingerprint, new: Fingerprint) -> list[str]:
    """Describe every difference of code files and versions, such as ``keras: 3.15 -> 3.16``."""
    changes = list(_describe_files(old.files, new.files))
    return [*changes, *_describe_changes(old.versions, new.versions)]


def diff_specs(old: SweepSpec, new: SweepSpec) -> list[str]:
    """Describe every difference, such as ``parameters.lr.high: 0.1 -> 0.2``, limits aside."""
    before, after = (dict(_flatten(_comparable(spec))) for spec in (old, new))
    return list(_describe_changes(before, after))


def _digest(path: Path) -> str:
    return digest_file(path) if path.is_file() else MISSING


def find_module_file(module: str) -> Path | None:
    """Find the file of a module on the import path, without importing it or its packages."""
    path: Sequence[str] | None = None
    found = None
    prefix = ""
    for part in module.split("."):
        prefix = f"{prefix}.{part}" if prefix else part
        found = PathFinder.find_spec(prefix, path)
        if found is None:
            return None
        path = found.submodule_search_locations or []
    return Path(found.origin) if found is not None and found.has_location and found.origin else None


def _find_version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _comparable(spec: SweepSpec) -> dict[str, Any]:
    record = spec_to_json(spec)
    record["parameters"] = {entry.pop("name"): entry for entry in record["parameters"]}
    return _without_limits({key: value for key, value in record.items() if key != "schema"})


def _without_limits(record: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what changes no trial: limits, and all resources but the number of threads."""
    kept = {key: value for key, value in record.items() if key != "limits"}
    return kept | {"resources": {"threads": record["resources"]["threads"]}}


def _flatten(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        yield key, value
        return
    for name, child in value.items():
        yield from _flatten(child, f"{key}.{name}" if key else name)


def _describe_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys((*old, *new)):
        if key not in new:
            yield f"{key}: {_show(old[key])} -> (nothing)"
        elif key not in old:
            yield f"{key}: (nothing) -> {_show(new[key])}"
        elif old[key] != new[key]:
            yield f"{key}: {_show(old[key])} -> {_show(new[key])}"


def _describe_files(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for path in dict.fromkeys((*old, *new)):
        before, after = old.get(path, MISSING), new.get(path, MISSING)
        if before != after:
            is_gone = after == MISSING
            yield f"{path}: " + ("the file is gone" if is_gone else "the code changed")


def _show(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else show_value(value)
