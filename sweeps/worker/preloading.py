"""Importing what a process needs all its life."""

from __future__ import annotations

import contextlib
import gc
import importlib
from collections.abc import Iterable


def import_modules(names: Iterable[str]) -> None:
    """Import modules without looking for garbage meanwhile, and never look through them again.

    Nearly all that an import of TensorFlow makes stays; the collector would go through it again and
    again, for a quarter of the time that the import takes. Processes that are forked from this one
    share it.

    Args:
        names: Dotted names.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for name in names:
            importlib.import_module(name)
    finally:
        if was_enabled:
            gc.enable()
    gc.freeze()


def list_operations() -> None:
    """Let TensorFlow list its operations here, and not once in each process that is forked.

    It does so, for some 10 ms, when a name is looked up for the first time that is no operation's,
    as that of every traced function is. Nothing is computed.
    """
    with contextlib.suppress(ImportError):  # inner parts of TensorFlow may move
        from tensorflow.python.framework import op_def_registry

        op_def_registry.get("NoSuchOperation")
