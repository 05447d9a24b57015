"""Reading objectives: the direction that a metric's name implies, and lists of several."""

from __future__ import annotations

from typing import Any

from sweeps.errors import Problem
from sweeps.spec.metrics import MODEL_FACTS, find_direction
from sweeps.spec.model import Objective
from sweeps.spec.nodes import Node, collecting, find_node
from sweeps.spec.validation import validate

MAX_OBJECTIVES = 4
"""Beyond this nearly every trial is on the Pareto front, which then says nothing."""

_STAND_IN = Objective(metric="loss", direction="minimize")


def fill_direction(objective: Any, node: Node, *, is_first: bool) -> None:
    """Find the direction from the metric's name where the file does not say it.

    Args:
        objective: The plain values of one objective, completed in place.
        node: Where it was written.
        is_first: It is the primary one, or the only one.

    Raises:
        SpecError: The name does not tell the direction, or the metric cannot be the primary one.
    """
    metric = objective.get("metric") if isinstance(objective, dict) else None
    if not isinstance(metric, str):
        return
    direction = objective.setdefault("direction", find_direction(metric))
    place = find_node(node, ("metric",))
    if direction is None:
        objective["direction"] = "minimize"
        raise place.error(
            f"got {metric!r}, whose name does not tell whether more is better; "
            "add direction: maximize or direction: minimize"
        )
    if is_first and metric in MODEL_FACTS:
        raise place.error(
            f"got {metric!r}, which is the same after every epoch; the first objective chooses "
            "the best epoch, so it must be a metric that training logs, such as val_accuracy"
        )


def read_objectives(node: Node, problems: list[Problem]) -> tuple[Objective, ...]:
    """Read a list of objectives, each already in its long form.

    Args:
        node: The list.
        problems: Collects the mistakes.

    Returns:
        The objectives, the primary one first; one that is wrong has a stand-in, so that there is
        at least one.
    """
    items = node.value if node.is_list else []
    if not 2 <= len(items) <= MAX_OBJECTIVES:
        expected = f"expected a list of 2 to {MAX_OBJECTIVES} objectives; one goes to 'objective'"
        problems.extend(node.wrong(expected).problems)
    objectives = [
        _read_objective(item, problems, is_first=index == 0) for index, item in enumerate(items)
    ]
    read = [objective for objective in objectives if objective is not None]
    for index, (item, objective) in enumerate(zip(items, objectives, strict=True)):
        if objective is not None and objective.metric in _metrics(objectives[:index]):
            message = f"got {objective.metric!r} once more; expected metrics that differ"
            problems.append(find_node(item, ("metric",)).problem(message))
    return tuple(read) or (_STAND_IN,)


def _read_objective(node: Node, problems: list[Problem], *, is_first: bool) -> Objective | None:
    values = node.to_python()
    with collecting(problems):
        fill_direction(values, node, is_first=is_first)
        return validate(Objective, values, node)
    return None


def _metrics(objectives: list[Objective | None]) -> set[str]:
    return {objective.metric for objective in objectives if objective is not None}
