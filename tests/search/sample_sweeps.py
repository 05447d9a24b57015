"""Small spaces, and a model of training that takes no time, for tests of the search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sweeps.search.study import Study
from sweeps.search.trials import AskedTrial, TrialOutcome, TrialRecord
from sweeps.spec.conditions import Condition
from sweeps.spec.model import Choice, Objective, SweepSpec, Training
from sweeps.spec.parameters import Parameter

EPOCHS = 8
NUM_WEIGHTS = Objective(metric="num_weights", direction="minimize")
SWEEP_ID = "digits-1"

_SGD = Condition("optimizer", "in", ("sgd",))

MIXED = (
    Parameter("optimizer", "categorical", choices=("adam", "sgd")),
    Parameter("momentum", "float", low=0.0, high=0.99, when=(_SGD,)),
    Parameter("nesterov", "bool", when=(Condition("momentum", ">", (0.5,)),)),
    Parameter("rate", "float", low=1e-4, high=1e-1, scale="log"),
    Parameter("units", "int", low=32, high=256, step=32),
    Parameter("width", "int", low=1, high=128, step=2, scale="log"),
    Parameter("decay", "float", low=0.9, high=0.999, scale="reverse_log"),
    Parameter("layers", "fixed", value=3),
)

FINITE = (
    Parameter("optimizer", "categorical", choices=("adam", "sgd")),
    Parameter("nesterov", "bool", when=(_SGD,)),
    Parameter("units", "int", low=32, high=96, step=32),
    Parameter("rate", "float", low=0.1, high=0.3, step=0.1),
)


def make_spec(
    sampler: str = "random",
    pruner: str = "none",
    *,
    parameters: tuple[Parameter, ...] = MIXED,
    direction: str = "maximize",
    **options: Any,
) -> SweepSpec:
    """Make a spec of 8 epochs; further options are fields of the spec, or options by room."""
    return SweepSpec(
        name="digits",
        model="model.py:build",
        data="model.py:load",
        objective=Objective(metric="val_accuracy", direction=direction),
        parameters=parameters,
        sampler=Choice(name=sampler, options=options.pop("sampler_options", {})),
        pruner=Choice(name=pruner, options=options.pop("pruner_options", {})),
        training=Training(epochs=options.pop("epochs", EPOCHS)),
        **options,
    )


def score(values: Mapping[str, Any], epoch: int) -> float:
    """A learning curve: the closer `rate` is to 0.01 and `units` to 128, the higher.

    No two curves are parallel: SciPy's signed-rank test is slow where differences tie.
    """
    distance = (math.log10(values.get("rate", 0.01)) + 2) ** 2
    distance += (values.get("units", 128) / 128 - 1) ** 2
    return 1.0 - 0.1 * distance * (1 + 0.1 / epoch) - 1.0 / (epoch + 1)


def measure(values: Mapping[str, Any]) -> dict[str, float]:
    """The size of a model: a second objective, told also where nobody asked for it."""
    return {"num_weights": 10.0 * values.get("units", 128) + values.get("width", 0)}


def train(study: Study, asked: AskedTrial, *, epochs: int = EPOCHS) -> None:
    """Train one trial to its end, from epoch 1 as an attempt without checkpoint does."""
    others = measure(asked.values)
    values = [score(asked.values, epoch) for epoch in range(1, epochs + 1)]
    for epoch, value in enumerate(values, start=1):
        if study.report(asked.number, epoch, value):
            best = max(values[:epoch])
            study.tell(asked.number, TrialOutcome("pruned", best, epoch, others=others))
            return
    study.tell(asked.number, TrialOutcome("complete", max(values), epochs, others=others))


def finish(study: Study, num_trials: int) -> None:
    """Continue what was interrupted, then train new trials until there are `num_trials`."""
    for record in study.interrupted():
        train(study, study.resume(record.number))
    while study.num_trials < num_trials:
        train(study, study.ask())


def without_times(records: tuple[TrialRecord, ...]) -> list[tuple[Any, ...]]:
    """What two runs of the same sweep must agree on."""
    return [
        (item.number, item.state, item.value, item.epoch, dict(item.params), dict(item.reports))
        for item in records
    ]
