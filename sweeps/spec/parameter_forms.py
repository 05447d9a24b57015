"""Bring every way to write a parameter into one canonical mapping.

The canonical keys are those of `KEYS`; `parameter_reading` turns such a mapping into a `Parameter`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from sweeps.errors import Problem, SpecError
from sweeps.menu import suggest_name
from sweeps.spec.aliases import PARAMETER_ALIASES, rename_keys
from sweeps.spec.conditions import is_number
from sweeps.spec.nodes import (
    Node,
    collecting,
    describe_unknown_key,
    raise_problems,
    resolve_scalar,
)
from sweeps.spec.units import show_value
from sweeps.spec.yaml_source import parse_yaml

KEYS = ("type", "low", "high", "step", "log", "choices", "value", "default", "when")

TYPES: Mapping[str, tuple[str, ...]] = {
    "float": ("float", "double"),
    "int": ("int", "integer"),
    "categorical": ("categorical", "choice", "discrete"),
    "bool": ("bool", "boolean"),
    "fixed": ("fixed", "constant", "const"),
}
"""Type -> its spellings, in any case."""

DISTRIBUTIONS: Mapping[str, Mapping[str, str]] = {
    "uniform": {"type": "float"},
    "int_uniform": {"type": "int"},
    "q_uniform": {"type": "float"},
    "log_uniform_values": {"type": "float", "scale": "log"},
    "categorical": {"type": "categorical"},
    "constant": {"type": "fixed"},
}
"""W&B's distribution -> what it means in our keys."""

CALLS: Mapping[str, tuple[str, ...]] = {
    "uniform": ("low", "high", "step"),
    "loguniform": ("low", "high", "step"),
    "float": ("low", "high", "step", "log", "default"),
    "int": ("low", "high", "step", "log", "default"),
    "choice": (),
}
"""Function of a shorthand string -> the names of its arguments; choice takes any number."""

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*", re.DOTALL)
_CALL_START = re.compile(r"\s*[A-Za-z_]\w*\(")
_KEYWORD = re.compile(r"([A-Za-z_]\w*)\s*=\s*(.*)", re.DOTALL)
_YAML_1_1_BOOLS = {"yes", "no", "on", "off", "y", "n"}


def expand_parameter(node: Node) -> Node:
    """Bring one parameter into canonical form: a mapping with keys of `KEYS` or ``scale``.

    Raises:
        SpecError: The form is unknown or ambiguous; all mistakes at once.
    """
    if node.is_list:
        return node.with_value({"choices": node})
    if node.is_mapping:
        return _expand_mapping(node)
    if isinstance(node.value, str) and _CALL_START.match(node.value):
        return _expand_call(node)
    if node.value is None:
        raise node.error("there is no value; expected a range, a list of choices or a value")
    return node.with_value({"value": node})


def refuse_old_bool(node: Node) -> None:
    """Refuse an unquoted yes, no, on or off, which YAML 1.1 took for a boolean."""
    if is_old_bool(node):
        raise node.error(
            f"got {node.value}, which some YAML readers take for a boolean; "
            f"write true or false, or quote it ('{node.value}') for the text"
        )


def is_old_bool(node: Node) -> bool:
    """Tell whether a value is an unquoted word that YAML 1.1 took for a boolean."""
    return node.plain and isinstance(node.value, str) and node.value.lower() in _YAML_1_1_BOOLS


def _expand_mapping(node: Node) -> Node:
    problems: list[Problem] = []
    node = rename_keys(node, PARAMETER_ALIASES, problems)
    raise_problems(problems)
    fields = dict(node.value)
    _refuse_exponents(node, fields)
    for expand in (_expand_distribution, _expand_type, _expand_log):
        with collecting(problems):
            fields = expand(node, fields)
    problems += [
        child.problem(describe_unknown_key(key, KEYS))
        for key, child in fields.items()
        if key not in (*KEYS, "scale", "distribution")
    ]
    raise_problems(problems)
    return node.with_value(fields)


def _refuse_exponents(node: Node, fields: dict[str, Node]) -> None:
    """Refuse bounds that are exponents, and show the line with the bounds themselves."""
    distribution, kind = fields.get("distribution"), fields.get("type")
    if distribution is not None and distribution.value in ("log_uniform", "q_log_uniform"):
        line = _rewrite(node, fields, math.e)
        raise distribution.error(f"W&B's {distribution.value} takes exponents as bounds; {line}")
    if kind is not None and kind.value == "log":
        base = fields["base"].value if "base" in fields else 10.0
        base = base if isinstance(base, int | float) and base > 1 else 10.0
        line = _rewrite(node, fields, base)
        raise kind.error(f"Determined's log takes exponents as bounds; {line}")


def _rewrite(node: Node, fields: dict[str, Node], base: float) -> str:
    name = node.path[-1]
    low, high = (_value_of(fields, key) for key in ("low", "high"))
    if not (_is_exponent(low) and _is_exponent(high)):
        return f"write {name}: {{type: float, low: ..., high: ..., log: true}}"
    written = f"write {_log_line(name, _round(base**low), _round(base**high))}"
    if 0 < low < high:
        written += f", or {_log_line(name, low, high)} if these are the bounds themselves"
    return written


def _value_of(fields: dict[str, Node], key: str) -> Any:
    return fields[key].value if key in fields else None


def _is_exponent(value: Any) -> bool:
    return is_number(value) and abs(value) < 100


def _log_line(name: str, low: float, high: float) -> str:
    return f"{name}: {{type: float, low: {low}, high: {high}, log: true}}"


def _round(value: float) -> float:
    return float(f"{value:.6g}")


def _expand_distribution(_: Node, fields: dict[str, Node]) -> dict[str, Node]:
    given = fields.get("distribution")
    if given is None:
        return fields
    rest = {key: node for key, node in fields.items() if key != "distribution"}
    if not given.is_one_of(DISTRIBUTIONS):
        names = list(DISTRIBUTIONS)
        hint = suggest_name(str(given.value), names)
        raise given.wrong(f"expected one of {', '.join(names)}.{hint}")
    for key, value in DISTRIBUTIONS[given.value].items():
        if key in rest and rest[key].value != value:
            raise given.error(f"{given.value} contradicts {rest[key].key} ({rest[key].where})")
        rest[key] = given.with_value(value)
    return rest


def _expand_type(_: Node, fields: dict[str, Node]) -> dict[str, Node]:
    given = fields.get("type")
    if given is None:
        return fields
    name = str(given.value).lower()
    for kind, spellings in TYPES.items():
        if name in spellings:
            return {**fields, "type": given.with_value(kind)}
    if "log" in name:
        raise given.wrong("tools disagree on its bounds; write type: float with log: true")
    raise given.wrong(f"expected one of {', '.join(TYPES)}.{suggest_name(name, list(TYPES))}")


def _expand_log(_: Node, fields: dict[str, Node]) -> dict[str, Node]:
    """Turn ``log: true`` into ``scale: log``."""
    given = fields.get("log")
    if given is None:
        return fields
    if not isinstance(given.value, bool):
        raise given.wrong("expected true or false")
    scale = fields.get("scale")
    if scale is not None and scale.key != given.key:
        raise given.error(f"this is already given as {scale.key!r} ({scale.where}); keep one")
    rest = {key: node for key, node in fields.items() if key != "log"}
    return {**rest, "scale": given.with_value("log" if given.value else "linear")}


def _expand_call(node: Node) -> Node:
    match = _CALL.fullmatch(node.value)
    if match is None:
        raise node.wrong(
            "expected a closing bracket, as in loguniform(1e-4, 1e-1); "
            "inside {...} or [...] put it in quotes"
        )
    function = match[1].lower()
    if function not in CALLS:
        raise node.wrong(_describe_unknown_call(function))
    arguments = _read_arguments(node, match[2])
    if function == "choice":
        return node.with_value({"choices": node.with_value(arguments)})
    fields = _name_arguments(node, arguments, CALLS[function])
    fields["type"] = node.with_value("int" if function == "int" else "float")
    if function == "loguniform":
        fields["log"] = node.with_value(True)
    return _expand_mapping(node.with_value(fields))


def _describe_unknown_call(function: str) -> str:
    if function in ("randint", "range", "lograndint", "qrandint"):
        return "tools disagree on its upper bound; write int(low, high), both inclusive"
    if function in ("log_uniform", "qloguniform", "quniform"):
        return "tools disagree on it; write loguniform(low, high) or uniform(low, high, step=...)"
    hint = suggest_name(function, list(CALLS))
    return f"expected one of {', '.join(CALLS)}, or quotes around a text.{hint}"


def _read_arguments(node: Node, text: str) -> list[Node]:
    try:
        parsed = parse_yaml(f"[{text}]", name="", problems=[])
    except SpecError as error:
        raise node.wrong("expected arguments as in int(8, 64, step=8)") from error
    return [
        Node(argument.value, node.where, node.path, plain=argument.plain)
        for argument in parsed.value
    ]


def _name_arguments(node: Node, arguments: list[Node], names: tuple[str, ...]) -> dict[str, Node]:
    fields: dict[str, Node] = {}
    for position, argument in enumerate(arguments):
        keyword = _KEYWORD.fullmatch(argument.value) if isinstance(argument.value, str) else None
        name = keyword[1] if keyword else names[min(position, len(names) - 1)]
        value = resolve_scalar(keyword[2]) if keyword else argument.value
        if name not in names or name in fields:
            raise node.wrong(f"expected arguments {', '.join(names)}; {show_value(name)} is wrong")
        fields[name] = argument.with_value(value)
    return fields
