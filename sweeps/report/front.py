"""Several objectives for a person: the values of a trial, and the Pareto front. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from sweeps.report.text import NONE, clean, format_settings, format_trial, format_value
from sweeps.spec.metrics import MODEL_FACTS

if TYPE_CHECKING:
    from sweeps.reading import SweepReport
    from sweeps.search.trials import TrialRecord
    from sweeps.spec.model import Objective

CHOSEN = "chosen"


def describe_objectives(objectives: Iterable[Objective]) -> str:
    """Write ``maximize val_accuracy, minimize num_weights``."""
    return ", ".join(f"{each.direction} {clean(each.metric)}" for each in objectives)


def format_objective(metric: str, value: float | None) -> str:
    """Write an objective's value; what counts something as a whole number."""
    if value is not None and metric in MODEL_FACTS:
        return f"{value:,.0f}"
    return format_value(value)


def list_other_values(report: SweepReport, trial: TrialRecord) -> list[tuple[str, str]]:
    """Give each objective after the first one with the trial's value, written out."""
    metrics = [objective.metric for objective in report.spec.objectives[1:]]
    return [(metric, format_objective(metric, trial.values.get(metric))) for metric in metrics]


def is_on_front(report: SweepReport, trial: TrialRecord) -> bool:
    """Tell whether no other complete trial is better than this one in every objective."""
    return any(each.number == trial.number for each in report.front)


def render_front(report: SweepReport) -> Table:
    """Tell the trials of the Pareto front, best by the primary objective first."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("front", no_wrap=True)
    for objective in report.spec.objectives:
        table.add_column(clean(objective.metric), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("parameters", overflow="ellipsis", no_wrap=True)
    for trial in _sort_by_primary(report):
        is_chosen = report.best is not None and report.best.number == trial.number
        table.add_row(
            Text(format_trial(trial.number)),
            Text(format_value(trial.value)),
            *(Text(value) for _, value in list_other_values(report, trial)),
            Text(CHOSEN if is_chosen else "", style="green"),
            Text(format_settings(trial.params) or NONE, style="dim"),
        )
    return table


def _sort_by_primary(report: SweepReport) -> list[TrialRecord]:
    sign = 1.0 if report.spec.objective.direction == "minimize" else -1.0
    return sorted(report.front, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
