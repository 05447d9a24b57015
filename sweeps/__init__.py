"""Hyperparameter sweeps for Keras that survive interruption and end in a verified bundle.

The public names below are imported on first use: ``import sweeps`` alone costs next to nothing and
never loads pydantic, Optuna or TensorFlow.
"""

from importlib import import_module

TYPE_CHECKING = False  # neither `typing` nor `__future__` is imported: see __main__
if TYPE_CHECKING:
    from sweeps.bundles.predict import predict
    from sweeps.bundles.verify import BundleReport, verify
    from sweeps.errors import SpecError, SweepsError
    from sweeps.exporting import ExportReport, export
    from sweeps.preflight import CheckReport, PlanReport, check, plan
    from sweeps.reading import SweepReport, read
    from sweeps.retraining import retrain
    from sweeps.search.trials import TrialRecord
    from sweeps.sweep import enqueue, extend, load, resume, run

__version__ = "0.1.0"

__all__ = [
    "BundleReport",
    "CheckReport",
    "ExportReport",
    "PlanReport",
    "SpecError",
    "SweepReport",
    "SweepsError",
    "TrialRecord",
    "check",
    "enqueue",
    "export",
    "extend",
    "load",
    "plan",
    "predict",
    "read",
    "resume",
    "retrain",
    "run",
    "verify",
]

_HOMES = {
    "BundleReport": "sweeps.bundles.verify",
    "CheckReport": "sweeps.preflight",
    "ExportReport": "sweeps.exporting",
    "PlanReport": "sweeps.preflight",
    "SpecError": "sweeps.errors",
    "SweepReport": "sweeps.reading",
    "SweepsError": "sweeps.errors",
    "TrialRecord": "sweeps.search.trials",
    "check": "sweeps.preflight",
    "enqueue": "sweeps.sweep",
    "export": "sweeps.exporting",
    "extend": "sweeps.sweep",
    "load": "sweeps.sweep",
    "plan": "sweeps.preflight",
    "predict": "sweeps.bundles.predict",
    "read": "sweeps.reading",
    "resume": "sweeps.sweep",
    "retrain": "sweeps.retraining",
    "run": "sweeps.sweep",
    "verify": "sweeps.bundles.verify",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'sweeps' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
