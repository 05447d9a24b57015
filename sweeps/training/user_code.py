"""Importing what a space file names: ``file.py:attribute`` or ``package.module:attribute``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from sweeps.errors import OptionError
from sweeps.menu import suggest_name


def load_target(target: str) -> Any:
    """Import the module of a target and give its attribute.

    A file's folder goes to the *end* of ``sys.path``, so that its siblings can be imported but
    shadow nothing.

    Args:
        target: ``/folder/model.py:build`` or ``package.module:build``.

    Raises:
        OptionError: The module has no such attribute.
        Exception: Whatever importing the module raises.
    """
    module_name, _, attribute = target.rpartition(":")
    module = load_module(module_name)
    if not hasattr(module, attribute):
        names = [name for name in vars(module) if not name.startswith("_")]
        raise OptionError(
            f"{module_name} has no {attribute!r}; it has {', '.join(names)}."
            + suggest_name(attribute, names)
        )
    return getattr(module, attribute)


def load_module(source: str) -> ModuleType:
    """Import a Python file by its path, or a module by its dotted name.

    Raises:
        Exception: Whatever importing the module raises.
    """
    return _load_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)


def _load_file(path: Path) -> ModuleType:
    name = path.stem if _is_free(path) else f"_sweeps_space_{path.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OptionError(f"{path}: expected a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # else the next import would find half a module
        raise
    return module


def _is_free(path: Path) -> bool:
    """Tell whether no other module has a file's name, imported already or importable."""
    if (loaded := sys.modules.get(path.stem)) is not None:
        return getattr(loaded, "__file__", None) == str(path)
    found = importlib.util.find_spec(path.stem) if path.stem.isidentifier() else None
    return found is None or found.origin == str(path)
