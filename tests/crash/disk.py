"""A disk that remembers what was done to it, and what a crash at any point may leave of it.

`record` runs real code on a real folder and notes its operations. `list_crashes` then gives every
folder that a kill or a power loss could leave behind: of each file what was synced and any part of
what was not, of each folder the names that were synced and any first ones of those that were not.
It promises no more than POSIX does: syncing a file does not make its name durable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = 0
Tree = dict[str, bytes | None]
"""Content by relative path; None for a folder."""


@dataclass(frozen=True)
class Operation:
    """One thing done to the disk.

    Attributes:
        kind: ``link``, ``rename``, ``unlink``, ``write``, ``sync`` or ``confirm``.
        node: The folder or file it was done to.
        name: The name it was done to, in that folder.
        target: The node that got the name, or the new name.
        content: What the file holds afterwards, None for a new folder, or what was confirmed.
    """

    kind: str
    node: int
    name: str = ""
    target: Any = None
    content: Any = b""


@dataclass
class Recorder:
    """Notes what changes below a folder; file contents are compared, so any way of writing counts.

    Attributes:
        root: The folder.
        operations: What was done, in order.
    """

    root: Path
    operations: list[Operation] = field(default_factory=list)
    _nodes: dict[int, int] = field(default_factory=dict)
    _contents: dict[int, bytes] = field(default_factory=dict)
    _num_nodes: int = 1

    def __post_init__(self) -> None:
        self._nodes[self.root.stat().st_ino] = ROOT

    def confirm(self, fact: Any) -> None:
        """Note that the code has promised something from here on."""
        self.scan()
        self.operations.append(Operation("confirm", ROOT, content=fact))

    def scan(self) -> None:
        """Note new files and folders, and what was written since the last look."""
        seen = {self.root.stat().st_ino}
        for folder, names, files in os.walk(self.root):
            for name in sorted([*names, *files]):
                path = Path(folder, name)
                seen.add(path.stat().st_ino)
                self._note_entry(path)
        self._nodes = {inode: node for inode, node in self._nodes.items() if inode in seen}

    def _note_entry(self, path: Path) -> None:
        inode = path.stat().st_ino
        if inode not in self._nodes:
            self._nodes[inode] = self._num_nodes
            self._num_nodes += 1
            parent = self._nodes[path.parent.stat().st_ino]
            empty = None if path.is_dir() else b""
            self.operations.append(
                Operation("link", parent, path.name, self._nodes[inode], content=empty)
            )
        node = self._nodes[inode]
        content = path.read_bytes() if path.is_file() else b""
        if content != self._contents.get(node, b""):
            self._contents[node] = content
            self.operations.append(Operation("write", node, content=content))

    def note_link(self, path: Path) -> None:
        """Note that a file has got a further name."""
        self.scan()
        parent = self._nodes.get(path.parent.stat().st_ino)
        if parent is not None:
            node = self._nodes[path.stat().st_ino]
            self.operations.append(Operation("link", parent, path.name, node))

    def note_sync(self, descriptor: int) -> None:
        """Note that a file's bytes, or a folder's names, are on disk from here on."""
        self.scan()
        node = self._nodes.get(os.fstat(descriptor).st_ino)
        if node is not None:
            self.operations.append(Operation("sync", node))

    def note_name(self, kind: str, path: Path, target: str = "") -> None:
        """Note that a name goes or changes; to be called before it does."""
        self.scan()
        node = self._nodes.get(path.parent.stat().st_ino)
        if node is not None:
            self.operations.append(Operation(kind, node, path.name, target))


def record(root: Path, run: Callable[[Path, Callable[[Any], None]], None]) -> list[Operation]:
    """Run code on an empty folder and give all that it did to the disk.

    Args:
        root: The folder.
        run: The code; it gets the folder, and a function that notes what it has promised.
    """
    recorder = Recorder(root)
    with pytest.MonkeyPatch.context() as patch:
        _watch_syncs(patch, recorder)
        _watch_names(patch, recorder)
        run(root, recorder.confirm)
    recorder.scan()
    return recorder.operations


def _watch_syncs(patch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    # Nothing here waits for the real disk.
    patch.setattr(os, "fsync", recorder.note_sync)
    patch.setattr(os, "fdatasync", recorder.note_sync)


def _watch_names(patch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    def watch_removal(remove: Callable[..., None]) -> Callable[..., None]:
        def removing(path: Any, *, dir_fd: int | None = None) -> None:
            full = _locate(path, dir_fd)
            if os.path.lexists(full):
                recorder.note_name("unlink", full)
            remove(path, dir_fd=dir_fd)
            recorder.scan()

        return removing

    def watch_rename(rename: Callable[..., None]) -> Callable[..., None]:
        def renaming(source: Any, target: Any) -> None:
            assert Path(source).parent == Path(target).parent, "renamed within one folder only"
            recorder.note_name("rename", Path(source), Path(target).name)
            rename(source, target)
            recorder.scan()

        return renaming

    def watch_link(link: Callable[..., None]) -> Callable[..., None]:
        def linking(source: Any, target: Any) -> None:
            link(source, target)
            recorder.note_link(Path(target))

        return linking

    patch.setattr(os, "link", watch_link(os.link))
    for name in ("unlink", "remove", "rmdir"):
        patch.setattr(os, name, watch_removal(getattr(os, name)))
    for name in ("rename", "replace"):
        patch.setattr(os, name, watch_rename(getattr(os, name)))


def _locate(path: Any, dir_fd: int | None) -> Path:
    folder = Path() if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink()
    return folder / path


@dataclass
class _State:
    """What a prefix of the operations has done: all versions, and which of them is on disk."""

    names: dict[int, list[Operation]] = field(default_factory=dict)
    versions: dict[int, list[bytes]] = field(default_factory=dict)
    synced_names: dict[int, int] = field(default_factory=dict)
    synced_versions: dict[int, int] = field(default_factory=dict)

    def apply(self, operation: Operation) -> None:
        node = operation.node
        if operation.kind == "write":
            self.versions.setdefault(node, [b""]).append(operation.content)
        elif operation.kind == "sync":
            self.synced_names[node] = len(self.names.get(node, ()))
            self.synced_versions[node] = len(self.versions.get(node, [b""])) - 1
        elif operation.kind != "confirm":
            self.names.setdefault(node, []).append(operation)


def list_crashes(operations: list[Operation]) -> Iterator[tuple[tuple[Any, ...], Tree]]:
    """Give every folder that a crash may leave, each once, with what had been confirmed by then."""
    state = _State()
    confirmed: tuple[Any, ...] = ()
    seen: set[Any] = set()
    for operation in [None, *operations]:
        if operation is not None:
            state.apply(operation)
            if operation.kind == "confirm":
                confirmed = (*confirmed, operation.content)
        for tree in _list_trees(state):
            key = (len(confirmed), frozenset(tree.items()))
            if key not in seen:
                seen.add(key)
                yield confirmed, tree


def _list_trees(state: _State) -> Iterator[Tree]:
    for counts in _list_name_counts(state):
        entries = {node: _apply_names(ops[: counts[node]]) for node, ops in state.names.items()}
        nodes = dict(_walk(entries, ROOT, ""))
        empty = {op.target: op.content for ops in state.names.values() for op in ops}
        for contents in _list_contents(state, set(nodes.values())):
            yield {path: contents.get(node, empty[node]) for path, node in nodes.items()}


def _list_name_counts(state: _State) -> Iterator[dict[int, int]]:
    """Keep all names or drop the un-synced ones, and every number of them folder by folder."""
    kept = {node: len(ops) for node, ops in state.names.items()}
    dropped = {node: state.synced_names.get(node, 0) for node in kept}
    for others in (kept, dropped):
        yield others
        for node, most in kept.items():
            for count in range(dropped[node], most + 1):
                yield {**others, node: count}


def _apply_names(operations: list[Operation]) -> dict[str, int]:
    entries: dict[str, int] = {}
    for operation in operations:
        if operation.kind == "link":
            entries[operation.name] = operation.target
        elif operation.kind == "unlink":
            entries.pop(operation.name, None)
        elif operation.name in entries:
            entries[operation.target] = entries.pop(operation.name)
    return entries


def _walk(entries: dict[int, dict[str, int]], folder: int, prefix: str) -> Iterator[Any]:
    for name, node in entries.get(folder, {}).items():
        yield prefix + name, node
        yield from _walk(entries, node, f"{prefix}{name}/")


def _list_contents(state: _State, nodes: set[int]) -> Iterator[dict[int, bytes]]:
    """Keep all bytes or drop the un-synced ones, and every part of them file by file."""
    versions = {node: each for node, each in state.versions.items() if node in nodes}
    kept = {node: each[-1] for node, each in versions.items()}
    dropped = {node: each[state.synced_versions.get(node, 0)] for node, each in versions.items()}
    for others in (kept, dropped):
        yield others
        for node, each in versions.items():
            for content in _tear(each[state.synced_versions.get(node, 0) :]):
                yield {**others, node: content}


def _tear(versions: list[bytes]) -> Iterator[bytes]:
    for old, new in pairwise(versions):
        start = len(old) if new.startswith(old) else 0
        yield from (new[:length] for length in range(start, len(new)))
        yield new
        # Some file systems store the length before the bytes.
        yield new[:start] + bytes(len(new) - start)


def build_tree(root: Path, tree: Tree) -> None:
    """Make a real folder of what a crash has left."""
    root.mkdir()
    for path, content in sorted(tree.items()):
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)
