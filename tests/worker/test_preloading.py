"""Tests of `sweeps.worker.preloading`."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import gc
from sweeps.worker.preloading import import_modules
collected = []
gc.callbacks.append(lambda phase, info: collected.append(phase))
import_modules(["pydantic", "optuna"])
print(gc.isenabled(), collected, gc.get_freeze_count() > 10_000, "optuna" in sys.modules)
"""


def test_import_modules_collects_nothing_and_freezes_all() -> None:
    """The collector is on again afterwards, and has nothing to look through."""
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\n{CODE}"], check=True, capture_output=True, text=True
    )
    assert ran.stdout.split() == ["True", "[]", "True", "True"]


def test_list_operations_starts_nothing() -> None:
    """What was looked up in the server is known to its children; a fork stays possible."""
    code = """
from sweeps.worker.preloading import list_operations
list_operations()
import threading
from pathlib import Path
from tensorflow.python.eager import context
from tensorflow.python.framework import op_def_registry
print(op_def_registry.get("NoSuchOperation"), len(list(Path("/proc/self/task").iterdir())),
      context.context()._initialized)
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    assert ran.stdout.split() == ["None", "1", "False"]
