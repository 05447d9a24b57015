"""A file of another tool, and what has been taken from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sweeps.spec.nodes import Node

NO_COUNTERPART = "has no counterpart here"


@dataclass(frozen=True)
class LeftOut:
    """A part of the file that the space file does not say.

    Attributes:
        node: What was written, with its place.
        reason: Why it is left out, and what takes its place.
    """

    node: Node
    reason: str


class ForeignFile:
    """A file of another tool. Remembers what was taken: all else has to be named as left out.

    Args:
        root: The file.
    """

    def __init__(self, root: Node) -> None:
        self.root = root
        self._taken: set[tuple[str, ...]] = set()
        self._reasons: dict[tuple[str, ...], str] = {}

    def take(self, parent: Node | None, key: str) -> Node | None:
        """Take what stands under a key; None where there is nothing."""
        if parent is None or not parent.is_mapping or key not in parent.value:
            return None
        node: Node = parent.value[key]
        self._taken.add(node.path)
        return None if node.value is None else node

    def open(self, parent: Node | None, key: str) -> Node | None:
        """Look into a mapping without taking what is in it.

        Raises:
            SpecError: Something else than a mapping stands under the key.
        """
        if parent is None or not parent.is_mapping:
            return None
        node: Node | None = parent.value.get(key)
        if node is None or node.value is None:
            return None
        if not node.is_mapping:
            raise node.wrong("expected a mapping of keys to values")
        return node

    def open_list(self, parent: Node | None, key: str) -> list[Node]:
        """Look at the items of a list without taking them; none where there is nothing.

        Raises:
            SpecError: Something else than a list stands under the key.
        """
        if parent is None or not parent.is_mapping:
            return []
        node: Node | None = parent.value.get(key)
        if node is None or node.value is None:
            return []
        if not node.is_list:
            raise node.wrong("expected a list")
        items: list[Node] = node.value
        return items

    def explain(self, parent: Node | None, **reasons: str) -> None:
        """Say why keys of a mapping are left out, should they be there and not be taken."""
        for key, reason in reasons.items():
            if parent is not None:
                self._reasons[(*parent.path, key)] = reason

    def leave(self, node: Node, reason: str) -> None:
        """Say why a node is left out although it was taken."""
        self._taken.discard(node.path)
        self._reasons[node.path] = reason

    def list_left_out(self) -> list[LeftOut]:
        """Name everything that was not taken, in the order of the file.

        A mapping of which nothing was taken is named as a whole.
        """
        return list(self._find_left_out(self.root))

    def _find_left_out(self, node: Node) -> Iterator[LeftOut]:
        for child in _children(node):
            if child.path in self._taken:
                continue
            if child.path not in self._reasons and self._is_touched(child):
                yield from self._find_left_out(child)
            else:
                yield LeftOut(child, self._reasons.get(child.path, NO_COUNTERPART))

    def _is_touched(self, node: Node) -> bool:
        length = len(node.path)
        known = (*self._taken, *self._reasons)
        return any(len(path) > length and path[:length] == node.path for path in known)


def _children(node: Node) -> list[Node]:
    if node.is_mapping:
        return list(node.value.values())
    return node.value if node.is_list else []
