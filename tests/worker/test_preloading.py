"""Tests of `sweeps.worker.preloading`."""

from __future__ import annotations

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
