"""What the graph of a SavedModel may do, looked at before TensorFlow loads it.

A SavedModel is a program: its operations can read and write files and call Python. Those of a
model that computes need not. Only the two functions with which a SavedModel saves and restores its
own weights do, and nothing else may call these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweeps.errors import UnsafeModelError

_FORBIDDEN = re.compile(
    r"File|PyFunc|Python|Summary|^Debug|Print|Dataset|Iterator|Reader|Rpc|Library|Checkpoint"
    r"|^Save|^Restore|^_?(Host)?(Send|Recv)|Infeed|Outfeed|XlaLaunch|TPU|Remote"
)
_FOR_SAVING = {"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"}
_GRAPH = "saved_model.pb"


def check_graph(folder: Path) -> None:
    """Make sure that a SavedModel only computes.

    Args:
        folder: Holds ``saved_model.pb``.

    Raises:
        UnsafeModelError: It holds an operation that reaches out; the message names it.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / _GRAPH
    try:
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise UnsafeModelError(f"{path}: this is no SavedModel ({error}).") from error
    for graph in saved.meta_graphs:
        for operation in _list_operations(graph):
            if _FORBIDDEN.search(operation):
                raise UnsafeModelError(
                    f"{path}: it holds the operation {operation}, which a model that computes does "
                    "not need. It was not loaded."
                )


def _list_operations(graph: Any) -> Iterator[str]:
    """List the operations of a graph, but those with which it saves and restores its weights."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    savers = _find_savers(graph, functions)
    for name, function in functions.items():
        for node in function.node_def:
            if not (name in savers and node.op in _FOR_SAVING):
                yield node.op
    yield from (node.op for node in graph.graph_def.node)


def _find_savers(graph: Any, functions: dict[str, Any]) -> set[str]:
    """Find the functions that only the saver of a graph calls."""
    saver = graph.saver_def
    names = (saver.filename_tensor_name, saver.save_tensor_name, saver.restore_op_name)
    nodes = {name.partition(":")[0] for name in names}
    called: set[str] = set()
    others = set(graph.object_graph_def.concrete_functions)
    for node in graph.graph_def.node:
        (called if node.name in nodes else others).update(_list_calls(node))
    for function in functions.values():
        others.update(*map(_list_calls, function.node_def))
    return called - others


def _list_calls(node: Any) -> set[str]:
    """List the functions that a node refers to."""
    found = {node.op}
    for value in node.attr.values():
        found.add(value.func.name)
        found.update(each.name for each in value.list.func)
    return found
