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
        files: Path of a code file -> SHA-256 of its bytes, or ``missing``.
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
    spec: SweepSpec,
    *,
    files: Sequence[Path] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Fingerprint:
    """Compute the fingerprint of a spec, its code and the installed versions.

    Args:
        spec: The spec.
        files: Code files; by default the files of the spec's model and data.
        versions: By default those of the running Python. Nothing is imported to find them.
    """
    digests = {str(path): _digest(path) for path in (find_code(spec) if files is None else files)}
    found = find_versions() if versions is None else versions
    return Fingerprint(digest_spec(spec), digests, dict(found))


def digest_spec(spec: SweepSpec) -> str:
    """Compute the SHA-256 of a spec's canonical JSON, limits aside."""
    record = spec_to_json(spec)
    del record["limits"]
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def find_code(spec: SweepSpec) -> tuple[Path, ...]:
    """Find the files that hold the model, the data and the callbacks, without importing them.

    A module that cannot be found is left out: the check of the model reports it.
    """
    targets = [spec.model, spec.data, *filter(None, [spec.training.callbacks])]
    found = dict.fromkeys(_find_file(target) for target in targets)
    return tuple(path for path in found if path is not None)


def find_versions() -> dict[str, str]:
    """Find the versions of Python and of the packages that change results."""
    versions = {"python": platform.python_version()}
    for package, distributions in PACKAGES.items():
        versions[package] = next(filter(None, map(_find_version, distributions)), MISSING)
    return versions


def diff_fingerprints(
    old: Fingerprint, new: Fingerprint, old_spec: SweepSpec, new_spec: SweepSpec
) -> list[str]:
    """Describe every difference, such as ``parameters.lr.high: 0.1 -> 0.2``.

    Differences in `limits` are none.
    """
    before, after = (dict(_flatten(_comparable(spec))) for spec in (old_spec, new_spec))
    changes = list(_describe_changes(before, after))
    changes += _describe_files(old.files, new.files)
    changes += _describe_changes(old.versions, new.versions)
    if old.spec != new.spec and before == after:
        changes.append("the spec was changed by hand or written by another version")
    return changes


def _digest(path: Path) -> str:
    return digest_file(path) if path.is_file() else MISSING


def _find_file(target: str) -> Path | None:
    parsed = parse_target(target)
    return parsed.file or find_module_file(parsed.source)


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
    return {key: value for key, value in record.items() if key not in ("schema", "limits")}


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
