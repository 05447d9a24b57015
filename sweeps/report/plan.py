"""What `plan` and `check` tell of a sweep before it trains anything. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sweeps.report.pairs import align
from sweeps.report.text import (
    clean,
    count_of,
    format_bytes,
    format_duration,
    format_setting,
)

if TYPE_CHECKING:
    from sweeps.preflight import PlanReport
    from sweeps.spec.conditions import Condition
    from sweeps.spec.known_space import KnownParameter
    from sweeps.spec.parameters import Parameter

MAX_VALUES = 8  # choices told one by one
_OPERATORS = {"in": "=", "not_in": "is not"}
_RELATIONS = {
    "same": "file, as the code",
    "narrowed": "file, narrows the code",
    "fixed": "file, fixes the code",
    "widened": "file, widens the code",
}


def render_plan(report: PlanReport) -> list[RenderableType]:
    """Tell what a sweep will do: its space, its models, and what it will need at most."""
    objective = report.spec.objective
    head = Text.assemble(
        (clean(report.spec.name), "bold"), f"  {objective.direction} {objective.metric}"
    )
    return [head, Text(), *render_space(report)]


def render_space(report: PlanReport) -> list[RenderableType]:
    """Tell the parameters with their ranges, and what the sweep will need at most."""
    parts: list[RenderableType] = []
    if report.discovery.space.known:
        parts = [_render_parameters(report), Text()]
    estimates = [(name, Text(clean(text))) for name, text in _list_estimates(report)]
    warnings = [(name, Text(clean(text), "yellow")) for name, text in _list_warnings(report)]
    return [*parts, *align([*estimates, *warnings])]


def describe_values(parameter: Parameter) -> str:
    """Write the values of a parameter: ``32 to 256 in steps of 32``."""
    if parameter.type == "fixed":
        return format_setting(parameter.value)
    if parameter.type == "bool":
        return "true or false"
    if parameter.type == "categorical":
        shown = [format_setting(choice) for choice in parameter.choices[:MAX_VALUES]]
        more = len(parameter.choices) - len(shown)
        return ", ".join([*shown, f"… {more} more"] if more else shown)
    low, high = (format_setting(bound) for bound in parameter.bounds)
    scale = {"linear": "", "log": ", log", "reverse_log": ", reverse log"}[parameter.scale]
    if parameter.step is None or (parameter.type == "int" and parameter.step == 1):
        return f"{low} to {high}{scale}"
    how = "in steps of" if parameter.scale == "linear" else "by factors of"
    return f"{low} to {high} {how} {format_setting(parameter.step)}{scale}"


def describe_when(item: KnownParameter) -> str:
    """Write when a parameter is active: ``optimizer = sgd``."""
    if item.is_never_active:
        return "never"
    if item.is_joint:
        return " and ".join(map(_describe_condition, item.parameter.when))
    if item.found_with:
        return f"the code asks: with {_describe_settings(item.found_with)}"
    if item.missing_with:
        return f"the code asks: not with {_describe_settings(item.missing_with)}"
    return "the code asks"


def describe_origin(item: KnownParameter) -> str:
    """Say where a parameter comes from, and what the file made of the code's range."""
    if not item.in_file:
        return "code"
    return _RELATIONS.get(item.relation, "file")


def _render_parameters(report: PlanReport) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("parameter", overflow="fold")
    table.add_column("values")
    table.add_column("when")
    table.add_column("from")
    for item in report.discovery.space.known:
        cells = (
            item.parameter.name,
            describe_values(item.parameter),
            describe_when(item),
            describe_origin(item),
        )
        style = "dim" if item.is_never_active else ""
        table.add_row(*(Text(clean(cell), style) for cell in cells))
    return table


def _list_estimates(report: PlanReport) -> Iterator[tuple[str, str]]:
    spec, needs = report.spec, report.estimate
    yield "configurations", _describe_configurations(report)
    yield "models", _describe_models(report)
    epochs = count_of(spec.training.epochs, "epoch")
    yield (
        "budget",
        f"{count_of(needs.num_trials, 'trial')} of at most {epochs}, {needs.workers} at a time",
    )
    if limits := _describe_limits(report):
        yield "limits", limits
    if needs.disk_bytes is not None:
        yield "disk", f"at most {format_bytes(needs.disk_bytes)}"
    yield "time", _describe_time(report)


def _describe_configurations(report: PlanReport) -> str:
    count = report.estimate.num_configurations
    told = "infinitely many" if count is None else f"{count:,}"
    if count is not None and not report.discovery.space.is_whole:
        told = f"at least {told}; the code asks for more in some builds"
    return f"{told}, before constraints" if report.spec.constraints and count is not None else told


def _describe_models(report: PlanReport) -> str:
    found = report.discovery
    if found.smallest is None or found.largest is None:
        return "of unknown size"
    weights = _describe_range(f"{found.smallest.num_weights:,}", f"{found.largest.num_weights:,}")
    sizes = [each.checkpoint_bytes for each in (found.smallest, found.largest)]
    low, high = (format_bytes(size) for size in sizes)
    built = count_of(found.num_builds, "build")
    cut = f", {found.cut}" if found.cut else ""
    return f"{weights} weights, a checkpoint of {_describe_range(low, high)} ({built}{cut})"


def _describe_limits(report: PlanReport) -> str:
    spec = report.spec
    told = [f"{spec.max_params:,} weights"] if spec.max_params is not None else []
    if spec.max_model_bytes is not None:
        told.append(format_bytes(spec.max_model_bytes))
    return f"models above {' or '.join(told)} are not trained" if told else ""


def _describe_range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _describe_time(report: PlanReport) -> str:
    needs = report.estimate
    if needs.seconds is None or needs.epoch is None:
        return "unknown: no epoch could be measured"
    share = needs.epoch.share
    how = "" if share == 1 else f", measured on {100 * share:.2g} % of it"
    return (
        f"about {format_duration(max(1.0, needs.seconds))} without pruning "
        f"(an epoch of the default model takes {needs.epoch.seconds:.2g} s{how})"
    )


def _list_warnings(report: PlanReport) -> Iterator[tuple[str, str]]:
    found = report.discovery
    for name in found.space.unread:
        yield "unused", f"{name}: nothing reads this parameter of the space file"
    for item in found.space.known:
        if item.is_never_active:
            yield "unused", f"{item.parameter.name}: never becomes active"
    for failure in found.failures:
        yield "not built", f"with {failure}"
    yield from _list_limits(report)


def _list_limits(report: PlanReport) -> Iterator[tuple[str, str]]:
    spec, smallest = report.spec, report.discovery.smallest
    if smallest and spec.max_params is not None and smallest.num_weights > spec.max_params:
        yield "too large", f"even the smallest model found is above {spec.max_params:,} weights"


def _describe_condition(condition: Condition) -> str:
    values = " or ".join(format_setting(value) for value in condition.values)
    return f"{condition.parent} {_OPERATORS.get(condition.op, condition.op)} {values}"


def _describe_settings(values: Mapping[str, Any]) -> str:
    return " and ".join(f"{name} = {format_setting(value)}" for name, value in values.items())
