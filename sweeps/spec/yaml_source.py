"""Read YAML 1.2 into nodes that know their lines, within bounds that no file can break."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from sweeps.errors import Problem, SpecError
from sweeps.spec.nodes import Node, resolve_scalar

MAX_FILE_BYTES = 100 * 1024
MAX_LINE_CHARACTERS = 10_000
MAX_VALUES = 2_000
MAX_DEPTH = 20

_BRACKETS = re.compile(r"[\[\]{}]")


def read_yaml(path: Path, problems: list[Problem]) -> Node:
    """Read a YAML file. A key given twice becomes a problem; the first one is kept.

    Nothing is executed and nothing expanded beyond `MAX_VALUES`: tags are refused, and aliases
    count as often as they are used.

    Raises:
        SpecError: The file cannot be read or is no single YAML document; with its line.
    """
    return parse_yaml(_read_text(path), name=str(path), problems=problems)


def parse_yaml(text: str, *, name: str, problems: list[Problem]) -> Node:
    """Read YAML text; `name` stands before the line number in every message.

    A key given twice becomes a problem; the first one is kept.

    Raises:
        SpecError: The text is no single YAML document, or beyond the bounds of this module.
    """
    _check_lines(text, name)
    try:
        return _Composer(name, problems).compose(_iterate_events(text))
    except MarkedYAMLError as error:
        problem = Problem(_locate(name, error), "", _explain(error))
        raise SpecError([problem]) from None  # the parser quotes half a line: half a password, too
    except (YAMLError, AssertionError) as error:  # the latter for the directive of another YAML
        number = text.count("\n", 0, getattr(error, "position", 0)) + 1
        message = f"this is no YAML: {_first_line(error)}"
        raise SpecError([Problem(f"{name}:{number}", "", message)]) from error


def _check_lines(text: str, name: str) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        if message := _find_excess(line):
            raise SpecError([Problem(f"{name}:{number}", "", message)])


def _find_excess(line: str) -> str:
    """Say what is too much in a line, before the parser spends quadratic time on it."""
    if len(line) > MAX_LINE_CHARACTERS:
        return f"the line has more than {MAX_LINE_CHARACTERS} characters"
    depth = 0
    for bracket in _BRACKETS.findall(line):
        depth += 1 if bracket in "[{" else -1
        if depth > 5 * MAX_DEPTH:
            return f"nested deeper than {MAX_DEPTH} levels"
    return ""


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise _refuse(path, "there is no such file") from error
    except IsADirectoryError as error:
        raise _refuse(path, "this is a folder; expected a space file in YAML") from error
    except OSError as error:
        raise _refuse(path, f"the file cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        _check_lines(content.decode(errors="replace"), str(path))
        limit = f"{MAX_FILE_BYTES // 1024} KiB"
        raise _refuse(path, f"the file is larger than {limit}; a space file needs a few KiB")
    return _decode(path, content)


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        message = f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        raise SpecError([Problem(f"{path}:{line}", "", message)]) from error


def _refuse(path: Path, message: str) -> SpecError:
    return SpecError([Problem(str(path), "", message)])


def _iterate_events(text: str) -> Iterator[Any]:
    return iter(YAML(typ="safe", pure=True).parse(text))


class _Composer:
    """Builds nodes from parser events; keeps what it has counted and the mistakes it can survive.

    Args:
        name: File name for messages.
        problems: Collects the mistakes that can be survived.
    """

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self._problems = problems
        self._name = name
        self._num_values = 0
        self._anchors: dict[str, Node | None] = {}

    def compose(self, events: Iterator[Any]) -> Node:
        """Build the tree of the only document."""
        root = Node({}, f"{self._name}:1")
        num_documents = 0
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                num_documents += 1
                if num_documents > 1:
                    raise self._refuse(event, (), "a second document; expected one")
            elif kind not in ("StreamStartEvent", "DocumentEndEvent", "StreamEndEvent"):
                root = self._compose_node(event, events, (), None)
        return root

    def _compose_node(
        self, event: Any, events: Iterator[Any], path: tuple[str, ...], where: str | None
    ) -> Node:
        where = where or self._where(event)
        self._count(event, path)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._follow_alias(event, path, where)
        self._check_tag(event, path)
        if event.anchor:
            self._anchors[event.anchor] = None
        if kind == "ScalarEvent":
            node = self._compose_scalar(event, path, where)
        elif kind == "MappingStartEvent":
            node = self._compose_mapping(events, path, where)
        else:
            node = self._compose_list(events, path, where)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _compose_scalar(self, event: Any, path: tuple[str, ...], where: str) -> Node:
        plain = bool(event.implicit[0])
        try:
            value = resolve_scalar(event.value) if plain else event.value
        except ValueError as error:
            raise self._refuse(event, path, str(error)) from error
        return Node(value, where, path, plain=plain)

    def _compose_list(self, events: Iterator[Any], path: tuple[str, ...], where: str) -> Node:
        items: list[Node] = []
        while type(event := next(events)).__name__ != "SequenceEndEvent":
            items.append(self._compose_node(event, events, (*path, str(len(items))), None))
        return Node(items, where, path)

    def _compose_mapping(self, events: Iterator[Any], path: tuple[str, ...], where: str) -> Node:
        entries: dict[str, Node] = {}
        while type(event := next(events)).__name__ != "MappingEndEvent":
            key = self._read_key(event, path)
            place = self._where(event)
            node = self._compose_node(next(events), events, (*path, key), place)
            if key in entries:
                lines = f"on {_line_of(entries[key].where)} and {_line_of(place)}"
                self._problems.append(node.problem(f"this key is given twice, {lines}; keep one"))
            entries.setdefault(key, node)
        return Node(entries, where, path)

    def _read_key(self, event: Any, path: tuple[str, ...]) -> str:
        if type(event).__name__ != "ScalarEvent":
            raise self._refuse(event, path, "got a key that is no word; expected 'key: value'")
        self._check_tag(event, path)
        if event.value == "<<":
            raise self._refuse(
                event, path, "'<<' is not YAML 1.2; write the merged keys out instead"
            )
        return str(event.value)

    def _follow_alias(self, event: Any, path: tuple[str, ...], where: str) -> Node:
        if event.anchor not in self._anchors:
            raise self._refuse(event, path, f"there is no anchor '&{event.anchor}' before this")
        node = self._anchors[event.anchor]
        if node is None:
            raise self._refuse(event, path, f"'*{event.anchor}' contains itself")
        return self._copy(node, event, path, where)

    def _copy(self, node: Node, event: Any, path: tuple[str, ...], where: str) -> Node:
        self._count(event, path)
        value = node.value
        if node.is_mapping:
            value = {
                key: self._copy(child, event, (*path, key), where)
                for key, child in node.value.items()
            }
        elif node.is_list:
            value = [
                self._copy(child, event, (*path, str(index)), where)
                for index, child in enumerate(node.value)
            ]
        return Node(value, where, path, plain=node.plain)

    def _check_tag(self, event: Any, path: tuple[str, ...]) -> None:
        tag = getattr(event, "tag", None)
        if tag:
            shown = str(tag).replace("tag:yaml.org,2002:", "!!")
            raise self._refuse(event, path, f"got the tag {shown!r}; tags are not read, remove it")

    def _count(self, event: Any, path: tuple[str, ...]) -> None:
        self._num_values += 1
        if self._num_values > MAX_VALUES:
            message = f"the file has more than {MAX_VALUES} values (aliases count as often as used)"
            raise self._refuse(event, (), message)
        if len(path) > MAX_DEPTH:
            raise self._refuse(event, (), f"nested deeper than {MAX_DEPTH} levels")

    def _where(self, event: Any) -> str:
        return f"{self._name}:{event.start_mark.line + 1}"

    def _refuse(self, event: Any, path: tuple[str, ...], message: str) -> SpecError:
        problem = Problem(self._where(event), ".".join(path), message)
        return SpecError([problem])


def _locate(name: str, error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return name if mark is None else f"{name}:{mark.line + 1}"


def _explain(error: MarkedYAMLError) -> str:
    context = f" {error.context}" if error.context else ""
    return f"this is no YAML: {error.problem or 'unreadable'}{context}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _line_of(where: str) -> str:
    return f"line {where.rpartition(':')[2]}"
