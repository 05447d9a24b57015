"""Importing what a process needs all its life."""

from __future__ import annotations

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
