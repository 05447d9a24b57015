"""Where the model and the data come from: ``file.py:attribute`` or ``package.module:attribute``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sweeps.menu import suggest_name

FORM = "file.py:attribute or package.module:attribute"


@dataclass(frozen=True)
class Target:
    """An attribute of a file or of an importable module.

    Attributes:
        source: Path of a Python file, or the dotted name of a module.
        attribute: Name inside it.
    """

    source: str
    attribute: str

    @property
    def file(self) -> Path | None:
        """The Python file, or None where the source is a module."""
        return Path(self.source) if is_file_source(self.source) else None

    def __str__(self) -> str:
        return f"{self.source}:{self.attribute}"


def is_file_source(source: str) -> bool:
    """Tell a file from a module by its suffix or slashes."""
    return source.endswith(".py") or "/" in source


def parse_target(text: str) -> Target:
    """Split a target into source and attribute. Nothing is imported.

    Raises:
        ValueError: It has not the form of a target; the message says what was expected.
    """
    source, colon, attribute = text.rpartition(":")
    if not colon or not source:
        raise ValueError(f"expected {FORM}, such as {_complete(text)}")
    if not attribute.isidentifier():
        raise ValueError(f"expected {FORM}; {attribute!r} is no Python name")
    if not is_file_source(source) and not all(part.isidentifier() for part in source.split(".")):
        raise ValueError(f"expected {FORM}; {source!r} is no module (a file ends in .py)")
    return Target(source, attribute)


def resolve_target(text: str, folder: Path) -> str:
    """Make the path of a file target absolute, relative to the folder of the space file.

    Raises:
        ValueError: It has not the form of a target, or there is no such file.
    """
    target = parse_target(text)
    if target.file is None:
        return text
    path = (folder / target.file.expanduser()).resolve()
    if not path.is_file():
        where = "" if target.file.is_absolute() else " in the folder of the space file"
        raise ValueError(f"there is no file {target.source!r}{where}.{_suggest_file(path)}")
    return str(Target(str(path), target.attribute))


def move_target(text: str, before: Path, now: Path) -> str:
    """Give a file target below the folder `before` as it lies below `now`, where it does."""
    file = parse_target(text).file
    if file is None or not file.is_relative_to(before):
        return text
    moved = now / file.relative_to(before)
    return str(Target(str(moved), parse_target(text).attribute)) if moved.is_file() else text


def _complete(text: str) -> str:
    return f"{text}:build" if text.endswith(".py") else "model.py:build"


def _suggest_file(path: Path) -> str:
    try:
        names = sorted(entry.name for entry in path.parent.glob("*.py"))
    except OSError:
        return ""
    return suggest_name(path.name, names[:1000])
