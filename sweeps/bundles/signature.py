"""What the model of a bundle takes and gives, read from the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.training.arrays import Form


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    Attributes:
        name: Its name in every format.
        shape: Its shape; None where it may vary. The first number is that of samples.
        dtype: Such as ``float32``, or ``string``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives.

    Attributes:
        inputs: In the order of the model.
        outputs: Likewise.
        arguments: How the inputs are put together for Keras: see `sweeps.training.arrays`.
        results: How Keras gives the outputs.
        is_half: The model computes in half precision.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    arguments: Form
    results: Form
    is_half: bool = False

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Signature:
        """Read what a manifest says.

        Raises:
            ValueError: It is no signature.
        """
        try:
            return cls(
                tuple(map(_read_tensor, record["inputs"])),
                tuple(map(_read_tensor, record["outputs"])),
                record["arguments"],
                record["results"],
                bool(record["half"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no signature of a model ({error!r})") from error


def _read_tensor(record: Mapping[str, Any]) -> Tensor:
    return Tensor(str(record["name"]), tuple(record["shape"]), str(record["dtype"]))
