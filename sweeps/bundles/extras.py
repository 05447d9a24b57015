"""Which optional packages the formats need. Nothing is imported to find out."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from sweeps.bundles.formats import FORMATS
from sweeps.bundles.formats._base import Format
from sweeps.errors import MissingExtraError, OptionError


def check_formats(names: Iterable[str]) -> None:
    """Make sure that formats exist, and that what writes and proves them is installed.

    Raises:
        OptionError: The menu has no such format.
        MissingExtraError: A package is missing; the message holds the command that installs it.
    """
    for name in names:
        if name not in FORMATS:
            raise OptionError(f"formats: {FORMATS.describe_unknown(name)}")
        if missing := find_missing(name):
            raise missing


def find_missing(name: str, *, to_write: bool = True) -> MissingExtraError | None:
    """Find a package that a format needs and that is not installed.

    Args:
        name: The format.
        to_write: Whether it is to be written too, rather than only loaded.
    """
    member: Format = FORMATS.load(name)
    needed = {**member.loads_with, **(member.writes_with if to_write else {})}
    package = next((brings for module, brings in needed.items() if not find_spec(module)), None)
    if package is None:
        return None
    return MissingExtraError(f"the format {name!r}", package=package, extra=member.extra)
