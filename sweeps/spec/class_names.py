"""The names of a model's classes, for those who use it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

_MAX_NAME_CHARACTERS = 200


def read_class_names(text: str, folder: Path) -> list[str]:
    """Read a file of class names, one a line, in the order of the model's outputs.

    Args:
        text: The file, relative to `folder`.
        folder: The folder of the space file.

    Raises:
        ValueError: There is no such file, or it is no text.
    """
    path = folder / Path(text).expanduser()
    if not path.is_file():
        raise ValueError(
            f"there is no file {text!r}; expected a list of names, or a file with one name a line"
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError("the file is no text in UTF-8") from error
    return [line.strip() for line in lines if line.strip()]


def parse_class_names(value: Any) -> tuple[str, ...]:
    """Check a list of class names, an empty one where there are none; numbers become texts.

    Raises:
        ValueError: It is no list, has a single name, or one of them twice.
    """
    if not isinstance(value, list | tuple):
        raise ValueError("expected a list of names, or a file with one name a line")  # noqa: TRY004
    names = tuple(_parse_name(each) for each in value)
    if len(names) == 1:
        raise ValueError("expected at least two names")
    if len(set(names)) < len(names):
        raise ValueError(f"{_find_twice(names)!r} stands there twice; expected each name once")
    return names


def _parse_name(value: Any) -> str:
    is_scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
    name = str(value).strip() if is_scalar else ""
    if not name or len(name) > _MAX_NAME_CHARACTERS or not name.isprintable():
        raise ValueError(f"got {value!r} as a name; expected a text on one line")
    return name


def _find_twice(names: Sequence[str]) -> str:
    return next(name for name in names if names.count(name) > 1)
