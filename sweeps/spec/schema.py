"""The JSON Schema of a space file, for editors and for validators other than ours.

It is wider than `load_spec`: what needs more than one value to be judged (low above high, names in
constraints) is left to it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from sweeps.menu import Menu
from sweeps.spec.aliases import (
    PARAMETER_ALIASES,
    SECTION_ALIASES,
    SECTIONS,
    SHORTHANDS,
    TOP_ALIASES,
    TOP_KEYS,
    VALUE_ALIASES,
)
from sweeps.spec.model import SweepSpec
from sweeps.spec.objectives import MAX_OBJECTIVES
from sweeps.spec.parameter_forms import DISTRIBUTIONS, TYPES
from sweeps.spec.parameter_reading import SCALES
from sweeps.spec.rooms import Rooms

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_NUMBER = {"type": ["number", "string"]}
_NAMES = {"sampler": "who proposes the parameters", "pruner": "who stops weak trials early"}


def json_schema(rooms: Rooms | None = None) -> dict[str, Any]:
    """Describe every space file that `load_spec` may accept, aliases included.

    Args:
        rooms: The samplers and pruners there are, with their options. Where None, any is allowed.
    """
    properties = {name: _describe_key(name, rooms) for name in TOP_KEYS}
    for path, spellings in TOP_ALIASES.items():
        for spelling in spellings:
            properties[spelling] = _describe_alias(path, rooms)
    properties["$schema"] = {"type": "string", "description": "Where this schema lies."}
    return {
        "$schema": DIALECT,
        "title": "Space file of keras-sweeps",
        "type": "object",
        "properties": properties,
        "allOf": [
            {"required": ["model", "data"]},
            {"anyOf": [{"required": [key]} for key in ("objective", "objectives", "metric")]},
        ],
        "additionalProperties": False,
        "$defs": {"parameters": _describe_parameters(), "parameter": _describe_parameter()},
    }


def _describe_key(name: str, rooms: Rooms | None) -> dict[str, Any]:
    if name in SECTIONS:
        return _describe_section(name)
    if name in ("sampler", "pruner"):
        return _describe_room(name, rooms)
    if name == "objectives":
        return _describe_objectives()
    if name == "parameters":
        return {"$ref": "#/$defs/parameters"}
    if name == "constraints":
        return _describe_constraints()
    described: dict[str, Any] = SweepSpec.model_json_schema()["properties"][name]
    return _without_title(described)


def _describe_alias(path: tuple[str, ...], rooms: Rooms | None) -> dict[str, Any]:
    described = _describe_key(path[0], rooms)
    if len(path) > 1:
        described = _describe_fields(path[0])[path[1]]
    return {**described, "description": f"Another word for {'.'.join(path)}."}


def _describe_section(name: str) -> dict[str, Any]:
    model = SECTIONS[name]
    mapping = _make_object(_describe_fields(name))
    short = SHORTHANDS.get(name)
    described: dict[str, Any] = {"description": model.__doc__}
    if short is None:
        return {**mapping, **described}
    fields = _describe_fields(name)
    return {"anyOf": [mapping, fields[short]], **described}


def _describe_fields(section: str) -> dict[str, Any]:
    """Describe the keys of a section, with their other spellings."""
    fields = {
        key: _without_title(field)
        for key, field in _read_schema(SECTIONS[section])["properties"].items()
    }
    for key, field in fields.items():
        if names := VALUE_ALIASES.get((section, key)):
            field["enum"] = [*field["enum"], *names]
    for key, spellings in SECTION_ALIASES.get(section, {}).items():
        for spelling in spellings:
            fields[spelling] = {**fields[key], "description": f"Another word for {key}."}
    return fields


def _describe_room(section: str, rooms: Rooms | None) -> dict[str, Any]:
    described: dict[str, Any] = {"description": f"Chooses {_NAMES[section]}."}
    if rooms is None:
        return {"type": ["string", "object"], **described}
    menu = rooms.menu(section)
    aliases = VALUE_ALIASES.get((section, "name"), {})
    names = {"enum": [*menu, *aliases]}
    members = [_describe_member(section, menu, name) for name in menu]
    return {"anyOf": [names, *members], **described}


def _describe_member(section: str, menu: Menu, name: str) -> dict[str, Any]:
    aliases = VALUE_ALIASES.get((section, "name"), {})
    spelled = [name, *(alias for alias, meant in aliases.items() if meant == name)]
    fields = {"name": {"enum": spelled}, **_read_schema(menu.load(name).Options)["properties"]}
    for key, spellings in SECTION_ALIASES[section].items():
        if key in fields:
            for spelling in spellings:
                fields[spelling] = fields[key]
    return _make_object(fields)


def _describe_objectives() -> dict[str, Any]:
    return {
        "description": "Several objectives instead of one; the first is the primary one.",
        "type": "array",
        "items": _describe_section("objective"),
        "minItems": 2,
        "maxItems": MAX_OBJECTIVES,
    }


def _describe_constraints() -> dict[str, Any]:
    text = {"type": "string", "description": "Such as 'units * layers <= 1024'."}
    return {
        "description": "Expressions over the parameters that every trial must fulfil.",
        "anyOf": [text, {"type": "array", "items": text}, {"type": "null"}],
    }


def _describe_parameters() -> dict[str, Any]:
    parameter = {"$ref": "#/$defs/parameter"}
    named = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    return {
        "description": "What the sweep varies. It may be left out where the model declares it.",
        "anyOf": [
            {"type": "object", "minProperties": 1, "additionalProperties": parameter},
            {"type": "array", "minItems": 1, "items": named},
        ],
    }


def _describe_parameter() -> dict[str, Any]:
    return {
        "description": "A range, a list of choices, a fixed value, or 'int(8, 64, step=8)'.",
        "anyOf": [
            {"type": ["string", "number", "boolean"]},
            {"type": "array", "minItems": 1, "items": _SCALAR},
            _make_object(_describe_parameter_keys()),
        ],
    }


def _describe_parameter_keys() -> dict[str, Any]:
    kinds = [spelling for spellings in TYPES.values() for spelling in spellings]
    keys: dict[str, Any] = {
        "type": {"enum": kinds, "description": "May be left out where the rest says it."},
        "low": {**_NUMBER, "description": "Smallest value."},
        "high": {**_NUMBER, "description": "Largest value, included."},
        "step": {**_NUMBER, "description": "Distance between values; with log the factor."},
        "log": {"type": "boolean", "description": "Draw evenly on the logarithmic scale."},
        "scale": {"enum": list(SCALES), "description": "How a number is drawn."},
        "choices": _describe_choices(),
        "value": {**_SCALAR, "description": "The value of a fixed parameter."},
        "default": {**_SCALAR, "description": "The value tried first."},
        "distribution": {"enum": list(DISTRIBUTIONS), "description": "As in W&B."},
        "when": _describe_when(),
    }
    for key, spellings in PARAMETER_ALIASES.items():
        for spelling in spellings:
            keys[spelling] = {**keys[key], "description": f"Another word for {key}."}
    return keys


def _describe_choices() -> dict[str, Any]:
    parameters = {"parameters": {"$ref": "#/$defs/parameters"}}
    group = {"anyOf": [{"type": "null"}, _make_object(parameters)]}
    return {
        "description": "A list of values, or a mapping of values to parameters that exist then.",
        "anyOf": [
            {"type": "array", "minItems": 1, "items": _SCALAR},
            {"type": "object", "minProperties": 1, "additionalProperties": group},
        ],
    }


def _describe_when() -> dict[str, Any]:
    wanted = {"anyOf": [_SCALAR, {"type": "array", "minItems": 1, "items": _SCALAR}]}
    mapping = {"type": "object", "minProperties": 1, "additionalProperties": wanted}
    return {
        "description": "Other parameters' values for which this one exists, such as "
        "{optimizer: sgd}, {optimizer: [sgd, rmsprop]} or {layers: '> 2'}. All must hold.",
        "anyOf": [mapping, {"type": "array", "minItems": 1, "items": mapping}],
    }


def _make_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _read_schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _without_title(field: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in field.items() if key != "title"}
