"""What every format does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from sweeps.bundles.signature import Signature
from sweeps.paths import BundlePaths
from sweeps.training.arrays import Arrays

Replay = Callable[[Arrays], Mapping[str, Any]]


class Format(Protocol):
    """A form of the model that some runtime loads.

    A member is a class of static methods. They are called in clean processes, which know nothing
    but the bundle's folder: neither the sweep, nor the data, nor, unless the model has classes of
    the user's, any code of the user's. What they raise becomes the reason why the format is not
    published, so they let errors of the runtime through. The module imports its packages inside
    them only: it is asked what it needs where nothing of that is installed.

    Attributes:
        made_from: The format that `write` reads, which is made before; None where the trial's
            process has written it.
        runtime: What loads it. Formats of one runtime are proven in the same process, and those of
            different ones never are: no runtime can lean on another.
        loads_with: Module to import -> package that brings it, for loading.
        writes_with: The same for writing; TensorFlow and Keras are always there.
        extra: The extra of this distribution that installs both; empty where nothing is missing.
        described: What it is, for the model's users, in a few words.
        usage: Lines of Python that load it in the bundle's folder, for the model card.
    """

    made_from: ClassVar[str | None]
    runtime: ClassVar[str]
    loads_with: ClassVar[Mapping[str, str]]
    writes_with: ClassVar[Mapping[str, str]]
    extra: ClassVar[str]
    described: ClassVar[str]
    usage: ClassVar[Sequence[str]]

    @staticmethod
    def locate(bundle: BundlePaths) -> Path:
        """Say which file, or folder, of a bundle holds the model in this format."""

    @staticmethod
    def write(bundle: BundlePaths, signature: Signature) -> None:
        """Write the model, from the format `made_from`, to where `locate` says.

        The endpoint computes inference, and its inputs and outputs have the names of the
        signature. Called once, in a process that has TensorFlow.
        """

    @staticmethod
    def open(bundle: BundlePaths, signature: Signature) -> Replay:
        """Load the model and give a function from inputs to outputs, both by name.

        Called in a process that imports the runtime and not TensorFlow, unless that is the runtime.
        The function may be called several times.
        """
