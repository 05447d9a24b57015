"""A space file in the making."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sweeps.spec.conditions import is_number
from sweeps.spec.fields import MAX_NAME_CHARACTERS
from sweeps.spec.nodes import Node

_FOREIGN_LETTERS = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass
class Draft:
    """What a converter has found, in canonical words; each value knows where it came from.

    Attributes:
        sections: Value of each key at the top of the space file but ``parameters``.
        parameters: Canonical mapping of each parameter by name.
        notes: Remarks by dotted key, such as ``parameters.lr``; written as comments above it.
    """

    sections: dict[str, Node] = field(default_factory=dict)
    parameters: dict[str, Node] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def put(self, section: str, key: str, node: Node | None) -> None:
        """Put a value into a section, unless there is none."""
        if node is None:
            return
        older = self.sections.get(section, Node({}, node.where, node.path[:-1]))
        self.sections[section] = older.with_value({**older.value, key: node})

    def put_top(self, key: str, node: Node | None) -> None:
        """Put a single value at the top of the space file, unless there is none."""
        if node is not None:
            self.sections[key] = node

    def put_name(self, node: Node | None) -> None:
        """Take a name for the sweep's, with other letters where a folder could not be called so."""
        if node is None or not isinstance(node.value, str):
            return
        name = _FOREIGN_LETTERS.sub("-", node.value).strip("-.")[:MAX_NAME_CHARACTERS]
        if name:
            self.put_top("name", node.with_value(name))
        if name != node.value:
            self.note("name", f"was {node.value!r}")

    def put_objective(self, metric: Node | None, direction: Node, *, known: str = "") -> None:
        """Put metric and direction; without a metric, one that has to be replaced.

        Args:
            metric: Name of the metric; None where the file does not tell it.
            direction: ``minimize`` or ``maximize``.
            known: Why the file does not tell the metric.
        """
        if metric is None:
            name = "val_accuracy" if direction.value == "maximize" else "val_loss"
            metric = direction.with_value(name)
            self.note("objective", f"TODO: name the metric; {known}")
        elif isinstance(metric.value, str) and not metric.value.startswith("val_"):
            self.note("objective", "the metric must be a name in the logs of Keras")
        self.put("objective", "metric", metric)
        self.put("objective", "direction", direction)

    def put_parameter(self, name: str, node: Node, fields: Mapping[str, Node], *notes: str) -> None:
        """Declare a parameter by the canonical keys of its mapping.

        Raises:
            SpecError: The name is taken already, such as by a nested one.
        """
        if name in self.parameters:
            older = self.parameters[name]
            raise node.error(f"{name!r} is declared already ({older.where})")
        self.parameters[name] = node.with_value(dict(fields))
        for text in notes:
            self.note(f"parameters.{name}", text)

    def note(self, key: str, text: str) -> None:
        """Remark something that the reader of the space file has to know."""
        self.notes.setdefault(key, []).append(text)


def read_number(node: Node) -> float | int:
    """Read a number, also from a text such as ``"0.1"``.

    Raises:
        SpecError: It is no finite number.
    """
    from sweeps.spec.units import parse_number

    try:
        return parse_number(node.value)
    except ValueError as error:
        raise node.wrong(str(error)) from error


def raise_base(base: float, node: Node) -> Node:
    """Turn an exponent into the bound itself, to seven digits.

    Raises:
        SpecError: The bound is too large, or too near to 0, for a float.
    """
    exponent = read_number(node)
    try:
        bound = float(f"{base**exponent:.7g}")
    except OverflowError:
        bound = 0.0
    if bound == 0.0:
        raise node.wrong(f"expected an exponent; {base:.6g} to the power of it is no float")
    return node.with_value(bound)


def fit_steps(fields: dict[str, Node]) -> list[str]:
    """Lower `high` to the last step that is reached from `low`, as Optuna does; tells if it did."""
    if not {"low", "high", "step"} <= fields.keys():
        return []
    low, high, step = (read_number(fields[key]) for key in ("low", "high", "step"))
    if step <= 0 or high < low or abs((count := (high - low) / step) - round(count)) < 1e-6:
        return []
    last: Any = low + int(count) * step
    last = last if isinstance(last, int) else float(f"{last:.12g}")
    fields["high"] = fields["high"].with_value(last)
    return [f"high was {high!r}, which steps of {step!r} do not reach"]


def is_whole(*nodes: Node) -> bool:
    """Tell whether all of these are whole numbers, written as such."""
    return all(is_number(node.value) and isinstance(node.value, int) for node in nodes)
