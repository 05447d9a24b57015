"""Hyperparameter sweeps for Keras that survive interruption and end in a verified bundle.

The public names below are imported on first use: ``import sweeps`` alone costs next to nothing and
never loads pydantic, Optuna or TensorFlow.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # `typing` itself is not imported: see drop_working_directory in __main__
if TYPE_CHECKING:
    from sweeps.errors import SpecError, SweepsError
    from sweeps.preflight import CheckReport, check
    from sweeps.reading import SweepReport, read
    from sweeps.search.trials import TrialRecord
    from sweeps.sweep import load, resume, run

__version__ = "0.1.0"

__all__ = [
    "CheckReport",
    "SpecError",
    "SweepReport",
    "SweepsError",
    "TrialRecord",
    "check",
    "load",
    "read",
    "resume",
    "run",
]

_HOMES = {
    "CheckReport": "sweeps.preflight",
    "SpecError": "sweeps.errors",
    "SweepReport": "sweeps.reading",
    "SweepsError": "sweeps.errors",
    "TrialRecord": "sweeps.search.trials",
    "check": "sweeps.preflight",
    "load": "sweeps.sweep",
    "read": "sweeps.reading",
    "resume": "sweeps.sweep",
    "run": "sweeps.sweep",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'sweeps' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
