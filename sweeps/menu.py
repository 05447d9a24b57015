"""A menu lists the members of a room by name and imports a member only when it is chosen."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any


def suggest_name(given: str, known: list[str]) -> str:
    """Say `` Did you mean 'median'?`` where a known name is near the given one, else nothing."""
    close = difflib.get_close_matches(given, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


class Menu(Mapping[str, str]):
    """Members of a room: name -> ``module:attribute``.

    Args:
        room: What a member is called in messages, such as ``pruner``.
        members: Name to ``module:attribute``.
    """

    def __init__(self, room: str, members: Mapping[str, str]) -> None:
        self.room = room
        self._members = dict(members)

    def __getitem__(self, name: str) -> str:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def load(self, name: str) -> Any:
        """Import the member called `name`.

        Raises:
            KeyError: There is no such member; the message lists all of them.
        """
        if name not in self._members:
            raise KeyError(self.describe_unknown(name))
        module, _, attribute = self._members[name].partition(":")
        return getattr(import_module(module), attribute)

    def describe_unknown(self, name: str) -> str:
        """Say what was given, what there is, and what was probably meant."""
        return f"got {name!r}; expected one of {', '.join(self)}." + suggest_name(name, list(self))
