"""Tests of `sweeps.training.runtime`: threads and memory of a process that builds or trains."""

from __future__ import annotations

import os
import subprocess
import sys


def test_limit_memory_refuses_what_the_machine_does_not_have() -> None:
    """An allocation beyond all memory fails in the process; the kernel need not kill anything."""
    script = (
        "import numpy as np\n"
        "from sweeps.training.runtime import limit_memory\n"
        "def reserve():\n"
        "    try: return np.empty(1 << 40, 'uint8').size\n"
        "    except MemoryError: return 'refused'\n"
        "before = reserve()\n"
        "limit_memory()\n"
        "print(before, reserve(), np.ones(1 << 26, 'uint8').sum())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[1:] == ["refused", str(1 << 26)]


def test_list_operations_starts_nothing() -> None:
    """It starts no thread and no TensorFlow context, so that a fork stays possible."""
    code = """
from sweeps.training.runtime import list_operations
list_operations()
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
