"""What a converter is: the contract that every member of this room keeps."""

from __future__ import annotations

from typing import Protocol

from sweeps.converters.draft import Draft
from sweeps.converters.foreign import ForeignFile
from sweeps.spec.nodes import Node


class Converter(Protocol):
    """A member of this room.

    Both methods are pure: they read nodes and touch no file. A converter takes from the file what
    has a counterpart in a space file and leaves the rest: whatever it does not take is named as a
    comment by the caller, so that nothing is dropped in silence.
    """

    title: str
    """What a file of this format is called, such as ``W&B sweep``."""

    @staticmethod
    def is_mine(root: Node) -> bool:
        """Tell whether a file can be of no other format than this one."""
        ...

    @staticmethod
    def convert(file: ForeignFile) -> Draft:
        """Say the same as the file in the words of a space file.

        Raises:
            SpecError: The file says something impossible; with its line.
        """
        ...
