"""Finds random numbers that a resumed trial cannot draw again: those of stateful TensorFlow ops.

Layers of Keras draw from seed generators, which are derived anew at every epoch. An op such as
`tf.random.normal` keeps its counter inside the process instead, where nothing can save it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

_STATEFUL = re.compile(
    "Multinomial|ParameterizedTruncatedNormal|TruncatedNormal|SampleDistortedBoundingBox(V2)?"
    "|Random(Crop|Gamma|Poisson|PoissonV2|Shuffle|StandardNormal|Uniform|UniformInt)"
    "|RngReadAndSkip|RngSkip"
    "|Stateful(RandomBinomial|StandardNormal|StandardNormalV2|TruncatedNormal)"
    "|StatefulUniform(Int|FullInt)?"
)


def watch_random_ops(model: Any, note: Callable[[str], None]) -> None:
    """Look at each step of a model once it is traced, and note the random ops in its graph.

    Nothing is traced for it, and a traced step costs nothing. A model that runs eagerly is not
    looked at: its ops draw from the seed that every epoch sets.

    Args:
        model: A compiled model; its training and its test step are watched.
        note: Called with a sentence where there are such ops, perhaps more than once.
    """
    for name in ("train_step", "test_step"):
        setattr(model, name, _watch(getattr(model, name), note))


def find_random_ops(graph: Any) -> list[str]:
    """Name the types of the stateful random ops of a graph and of all functions that it calls."""
    return sorted({op for op in _list_ops(graph) if _STATEFUL.fullmatch(op)})


def _watch(step: Callable[..., Any], note: Callable[[str], None]) -> Callable[..., Any]:
    @functools.wraps(step)
    def watched(*args: Any, **options: Any) -> Any:
        result = step(*args, **options)
        if not tf.executing_eagerly():
            found = find_random_ops(tf.compat.v1.get_default_graph())
            if found:
                note(
                    f"the model draws random numbers by TensorFlow's own ops ({', '.join(found)}), "
                    "whose state cannot be saved; keras.random with a SeedGenerator can"
                )
        return result

    return watched


def _list_ops(graph: Any) -> Iterator[str]:
    definition = graph.as_graph_def()
    yield from (node.op for node in definition.node)
    for function in definition.library.function:
        yield from (node.op for node in function.node_def)
