"""Makes the formats of a bundle, each proven in its own runtime before it may stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.bundles.clean_child import ChildError, Runtimes
from sweeps.bundles.comparing import Difference
from sweeps.bundles.formats import FORMATS
from sweeps.bundles.formats._base import Format
from sweeps.durable import remove_entry
from sweeps.errors import BundleError
from sweeps.paths import BundlePaths

_WRITER = "tensorflow"


@dataclass(frozen=True)
class Model:
    """A model in a bundle's folder that has its samples beside it.

    Attributes:
        bundle: The folder.
        signature: What the model takes and gives, as JSON values; None where there are no samples.
        samples_error: Why there are none.
        custom_module: What registers the model's own classes; None where it has none.
    """

    bundle: BundlePaths
    signature: Mapping[str, Any] | None
    samples_error: str = ""
    custom_module: str | None = None


def make_formats(model: Model, names: Iterable[str], runtimes: Runtimes) -> dict[str, Any]:
    """Write a model in several formats and prove each one; what cannot be proven is deleted.

    Args:
        model: The model in Keras' own format.
        names: Formats, from the menu. What they are made from is made too, and deleted afterwards.
        runtimes: Where they are written and proven.

    Returns:
        By format, what the manifest says of it: ``difference`` from the expected outputs,
        ``repeat_difference`` of two replays, ``tolerance`` of both; or the ``error``.

    Raises:
        BundleError: Keras' own format, from which all others are made, is not what it should be.
    """
    wanted = list(dict.fromkeys(["keras", *names]))
    maker = _Maker(model, runtimes)
    records = {name: maker.make(name) for name in wanted}
    for name in maker.made:
        if name not in wanted or "error" in records[name]:
            remove_entry(FORMATS.load(name).locate(model.bundle))
    if "error" in records["keras"]:
        raise BundleError(f"the exported model: {records['keras']['error']}")
    return records


def prove(model: Model, name: str, runtimes: Runtimes) -> dict[str, Any]:
    """Replay the samples twice in the runtime of a format.

    Returns:
        As `make_formats` gives it.
    """
    member: Format = FORMATS.load(name)
    try:
        found = runtimes.ask(member.runtime, _make_job("replay", name, model))
    except ChildError as error:
        return {"error": str(error)}
    return describe_proof(Difference(**found["difference"]), Difference(**found["repeat"]))


def describe_proof(difference: Difference, repeat: Difference) -> dict[str, Any]:
    """Say how far two replays were from what is expected, and why that is too far where it is."""
    record: dict[str, Any] = {
        "difference": difference.largest,
        "repeat_difference": repeat.largest,
        "tolerance": difference.tolerance,
    }
    for found, words in ((difference, "the expected outputs"), (repeat, "its own first outputs")):
        if not found.is_small:
            told = f"differs by {found.largest:.3g}; {found.tolerance:.3g} would be tolerated"
            return {**record, "error": f"replayed against {words}: {found.problem or told}."}
    return record


class _Maker:
    """Writes formats, each after the one that it is made from."""

    def __init__(self, model: Model, runtimes: Runtimes) -> None:
        self._model = model
        self._runtimes = runtimes
        self.made: dict[str, str] = {}  # format -> why it could not be written, or nothing

    def make(self, name: str) -> dict[str, Any]:
        """Write and prove one format."""
        model = self._model
        if model.signature is None:
            without = f"there are no samples to prove it with ({model.samples_error})"
            return {"proven_by": "scores"} if name == "keras" else {"error": without}
        if reason := self._write(name):
            return {"error": reason}
        return prove(model, name, self._runtimes)

    def _write(self, name: str) -> str:
        if name not in self.made:
            self.made[name] = self._write_once(name)
        return self.made[name]

    def _write_once(self, name: str) -> str:
        source = FORMATS.load(name).made_from
        if source is None:
            return ""
        if reason := self._write(source):
            return f"{source}, which it is made from, could not be written: {reason}"
        try:
            self._runtimes.ask(_WRITER, _make_job("write", name, self._model))
        except ChildError as error:
            return str(error)
        return ""


def _make_job(do: str, name: str, model: Model) -> dict[str, Any]:
    return {
        "do": do,
        "format": name,
        "folder": str(model.bundle.root.resolve()),  # the process works in another folder
        "signature": model.signature,
        "custom_module": model.custom_module,
    }
