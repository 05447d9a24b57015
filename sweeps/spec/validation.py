"""Turn pydantic's errors into problems that say where, what was given and what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sweeps.errors import Problem, SpecError
from sweeps.menu import suggest_name
from sweeps.spec.nodes import Node, describe_unknown_key, find_node
from sweeps.spec.units import show_value

ModelT = TypeVar("ModelT", bound=BaseModel)

HINTS: Mapping[str, str] = {
    "model": "Add such as 'model: digits_model.py:build'.",
    "data": "Add such as 'data: digits_model.py:load'.",
    "objective": "Add such as 'objective: {metric: val_accuracy, direction: maximize}'.",
    "metric": "Add such as 'metric: val_accuracy'.",
}
"""Required key -> what to add where it is missing."""


def validate(model: type[ModelT], values: Any, node: Node) -> ModelT:
    """Validate plain values against a model; `node` is where they were written.

    Raises:
        SpecError: All mistakes, each with its line, what was given and what was expected.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SpecError(
            [
                _describe(model, dict(detail), node)
                for detail in error.errors(include_url=False, include_input=True)
            ]
        ) from None


def _describe(model: type[BaseModel], detail: dict[str, Any], root: Node) -> Problem:
    location: tuple[str | int, ...] = detail["loc"]
    kind = detail["type"]
    if kind == "missing":
        return _describe_missing(location, find_node(root, location))
    node = find_node(root, location)
    if kind == "extra_forbidden":
        known = list(_fields_at(model, location[:-1]))
        return node.problem(describe_unknown_key(str(location[-1]), known))
    return node.problem(f"got {show_value(detail['input'])}; {_expected(detail)}")


def _describe_missing(location: Sequence[str | int], parent: Node) -> Problem:
    key = str(location[-1])
    dotted = ".".join((*parent.path, key))
    hint = HINTS.get(key, "Add it.")
    return Problem(parent.where, dotted, f"this key is missing. {hint}")


def _expected(detail: dict[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        names = str(context["expected"])
        hint = suggest_name(str(detail["input"]), re.findall("'([^']*)'", names))
        return f"expected {names}" + (f".{hint}" if hint else "")
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "expected a mapping of keys to values"
    if kind in ("tuple_type", "list_type"):
        return "expected a list"
    message: str = detail["msg"]
    return message.replace("Input should be", "expected", 1)


def _fields_at(model: type[BaseModel], location: Sequence[str | int]) -> Mapping[str, Any]:
    """Name the fields of the section at a location inside a model."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return {}
        model = field.annotation
    return model.model_fields
