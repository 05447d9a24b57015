"""Write a space file with comments, from what a converter has found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweeps.converters.foreign import LeftOut
from sweeps.spec.nodes import resolve_scalar
from sweeps.spec.parameters import Parameter
from sweeps.spec.units import show_value

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*")
_OLD_BOOLS = {"yes", "no", "on", "off", "y", "n"}
_MAX_LINE = 96

Notes = Mapping[str, Sequence[str]]


def write_space(
    sections: Mapping[str, Any],
    parameters: Sequence[Parameter],
    notes: Notes,
    *,
    header: Sequence[str],
    left_out: Sequence[LeftOut],
) -> str:
    """Write a canonical space file.

    Args:
        sections: Plain values by key, in the order in which they are to stand; a ``parameters``
            among them only marks the place.
        parameters: The parameters.
        notes: Comments by dotted key, such as ``limits`` or ``parameters.lr``.
        header: Comment lines at the top.
        left_out: What the space file does not say, named at its end.
    """
    lines = [_comment(text) for text in header] + [""]
    for key, value in sections.items():
        lines += (_comment(text) for text in notes.get(key, ()))
        if key == "parameters":
            lines += ["parameters:", *_write_parameters(parameters, notes)]
        else:
            lines.append(f"{key}: {write_flow(value)}")
    if left_out:
        lines += ["", "# Left out:"]
        lines += (_comment(f"  {_describe(item)}") for item in left_out)
    return "\n".join(lines) + "\n"


def write_flow(value: Any) -> str:
    """Write a plain value on one line of YAML, read back as the same by YAML 1.2."""
    if isinstance(value, dict):
        pairs = (f"{write_flow(str(key))}: {write_flow(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(write_flow, value)) + "]"
    if isinstance(value, str):
        return _write_text(value)
    return json.dumps(value)


def _write_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and resolve_scalar(text) == text and text.lower() not in _OLD_BOOLS:
        return text
    return "".join(map(_escape, json.dumps(text, ensure_ascii=False)))


def _escape(letter: str) -> str:
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


def _write_parameters(parameters: Sequence[Parameter], notes: Notes) -> Iterator[str]:
    for parameter in parameters:
        for text in notes.get(f"parameters.{parameter.name}", ()):
            yield f"  {_comment(text)}"
        value = _to_plain(parameter)
        line = f"  {_write_text(parameter.name)}: {write_flow(value)}"
        if len(line) > _MAX_LINE and isinstance(value, list):
            yield f"  {_write_text(parameter.name)}:"
            yield from (f"    - {write_flow(item)}" for item in value)
        else:
            yield line


def _to_plain(parameter: Parameter) -> Any:
    """Give the shortest form that means this parameter."""
    if parameter.type == "categorical":
        return list(parameter.choices)
    if parameter.type == "fixed":
        is_short = not isinstance(parameter.value, str | None) or _is_word(parameter.value)
        return parameter.value if is_short else {"type": "fixed", "value": parameter.value}
    fields: dict[str, Any] = {"type": parameter.type}
    for key in ("low", "high", "step", "default"):
        if getattr(parameter, key) is not None:
            fields[key] = getattr(parameter, key)
    return {**fields, "log": True} if parameter.scale == "log" else fields


def _is_word(text: str | None) -> bool:
    return text is not None and "(" not in text


def _describe(item: LeftOut) -> str:
    line = item.node.where.rpartition(":")[2]
    shown = show_value(item.node.to_python())
    return f"line {line}: {item.node.key}: {shown}: {item.reason}"


def _comment(text: str) -> str:
    return f"# {''.join(map(_escape, text))}"
