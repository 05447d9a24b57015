"""The fields of a space file: how the value of each kind is read, and what its JSON schema says."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from sweeps.causes import RETRIES
from sweeps.menu import suggest_name
from sweeps.spec.class_names import parse_class_names
from sweeps.spec.units import (
    parse_amount,
    parse_count,
    parse_duration,
    parse_number,
    parse_seed,
    parse_size,
)

MAX_NAME_CHARACTERS = 100

_GPU = re.compile(r"[A-Za-z0-9_/.:-]+")
_SWEEP_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def check_sweep_name(name: Any) -> str:
    """Check that a sweep's name is safe as the name of a folder, and return it."""
    if (
        not isinstance(name, str)
        or len(name) > MAX_NAME_CHARACTERS
        or not _SWEEP_NAME.fullmatch(name)
    ):
        raise ValueError(
            "expected a name of letters, digits, '-', '_' and '.', such as digits-2; "
            "it names the folder of the results"
        )
    return name


def _parse_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a text that is not empty")
    if any(ord(character) < 32 for character in value):
        raise ValueError("expected a text on one line, without control characters")
    return value


def _parse_workers(value: Any) -> int | str:
    if value == "auto":
        return "auto"
    try:
        return parse_count(value)
    except ValueError as error:
        raise ValueError("expected a whole number, at least 1, or auto") from error


def _parse_gpus(value: Any) -> int | tuple[str, ...] | str:
    if value == "auto":
        return "auto"
    if isinstance(value, list | tuple):
        ids = tuple(str(each) for each in value if type(each) in (int, str))
        if ids and len(set(ids)) == len(value) and all(map(_GPU.fullmatch, ids)):
            return ids
        raise ValueError("expected a list of different ids of GPUs, such as [0, 1]")
    try:
        return parse_amount(value)
    except ValueError as error:
        raise ValueError("expected a number of GPUs, a list of their ids, or auto") from error


def _parse_save_freq(value: Any) -> int | str:
    if value == "epoch":
        return "epoch"
    try:
        return parse_count(value)
    except ValueError as error:
        raise ValueError("expected epoch, or a number of batches, at least 1") from error


def _parse_patience(value: Any) -> int:
    if isinstance(value, dict) and list(value) == ["patience"]:
        value = value["patience"]
    try:
        return parse_count(value)
    except ValueError as error:
        raise ValueError("expected a number of epochs (the patience), at least 1") from error


def _parse_retries(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        raise ValueError("expected a mapping of causes to numbers, such as {killed: 2}")  # noqa: TRY004
    unknown = next((str(name) for name in value if name not in RETRIES), None)
    if unknown is not None:
        hint = suggest_name(unknown, list(RETRIES))
        raise ValueError(f"expected causes among {', '.join(RETRIES)}.{hint}")
    return {**RETRIES, **{name: parse_amount(number) for name, number in value.items()}}


def _parse_class_weight(value: Any) -> dict[int, float]:
    if not isinstance(value, dict) or not value:
        raise ValueError("expected a mapping of classes to weights, such as {0: 1.0, 1: 5.0}")
    weights: dict[int, float] = {}
    for name, weight in value.items():
        try:
            weights[parse_amount(name)] = _parse_float(weight)
        except ValueError as error:
            message = (
                f"got {name}: {weight}; expected a whole number and its weight, such as 1: 5.0"
            )
            raise ValueError(message) from error
    if min(weights.values()) < 0:
        raise ValueError("expected weights of at least 0")
    return weights


def _parse_share(value: Any) -> float:
    share = _parse_float(value)
    if not 0 < share < 1:
        raise ValueError("expected a share between 0 and 1, such as 0.2")
    return share


def _parse_folds(value: Any) -> int:
    folds = parse_count(value)
    if folds < 2:
        raise ValueError("expected a whole number of folds, at least 2")
    return folds


def _parse_flag(value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    flag = words.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise ValueError("expected true or false")  # noqa: TRY004 - pydantic reads ValueErrors
    return flag


def _parse_verbosity(value: Any) -> int:
    if value in (0, 1) or value in ("0", "1"):
        return int(value)
    try:
        return int(_parse_flag(value))
    except ValueError as error:
        raise ValueError("expected 0 or 1") from error


def _parse_float(value: Any) -> float:
    return float(parse_number(value))


def _check_formats(formats: tuple[str, ...]) -> tuple[str, ...]:
    if not formats or len(set(formats)) < len(formats):
        raise ValueError("expected at least one format, each of them once")
    return formats


def _json(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


def _count(*names: str) -> list[dict[str, Any]]:
    words = [{"enum": list(names)}] if names else []
    return [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+$"}, *words]


Direction = Literal["minimize", "maximize"]
Text = Annotated[str, BeforeValidator(_parse_text), _json(type="string", minLength=1)]
Count = Annotated[int, BeforeValidator(parse_count), _json(anyOf=_count())]
Amount = Annotated[
    int,
    BeforeValidator(parse_amount),
    _json(anyOf=[{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+$"}]),
]
Seed = Annotated[int, BeforeValidator(parse_seed), _json(type="integer", minimum=0)]
Flag = Annotated[
    bool,
    BeforeValidator(_parse_flag),
    _json(anyOf=[{"type": "boolean"}, {"enum": ["yes", "no", "on", "off"]}]),
]
ClassNames = Annotated[
    tuple[str, ...],
    BeforeValidator(parse_class_names),
    _json(
        anyOf=[
            {"type": "array", "items": {"type": ["string", "number"]}},
            {"type": "string", "minLength": 1},
        ]
    ),
]
Number = Annotated[float, BeforeValidator(_parse_float), _json(type="number")]
Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    _json(
        anyOf=[
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "string", "pattern": r"^\s*([0-9.]+|[0-9.]+\s*[smhd])\s*$"},
        ]
    ),
]
Bytes = Annotated[
    int,
    BeforeValidator(parse_size),
    _json(
        anyOf=[
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": r"^\s*([0-9.]+|[0-9.]+\s*([KMGTkmgt][Ii]?)?[Bb])\s*$"},
        ]
    ),
]
ClassWeight = Annotated[
    dict[int, float],
    BeforeValidator(_parse_class_weight),
    _json(
        type="object",
        patternProperties={"^[0-9]+$": {"type": "number", "minimum": 0}},
        additionalProperties=False,
        minProperties=1,
    ),
]
Share = Annotated[
    float,
    BeforeValidator(_parse_share),
    _json(type="number", exclusiveMinimum=0, exclusiveMaximum=1),
]
Folds = Annotated[int, BeforeValidator(_parse_folds), _json(type="integer", minimum=2)]
Workers = Annotated[
    int | Literal["auto"], BeforeValidator(_parse_workers), _json(anyOf=_count("auto"))
]
Gpus = Annotated[
    int | tuple[str, ...] | Literal["auto"],
    BeforeValidator(_parse_gpus),
    _json(
        anyOf=[
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": "^[0-9]+$"},
            {"enum": ["auto"]},
            {
                "type": "array",
                "items": {"type": ["integer", "string"]},
                "minItems": 1,
                "uniqueItems": True,
            },
        ]
    ),
]
SaveFrequency = Annotated[
    int | Literal["epoch"], BeforeValidator(_parse_save_freq), _json(anyOf=_count("epoch"))
]
Verbosity = Annotated[
    int,
    BeforeValidator(_parse_verbosity),
    _json(anyOf=[{"enum": [0, 1]}, {"type": "boolean"}]),
]
Retries = Annotated[
    dict[str, int],
    BeforeValidator(_parse_retries),
    _json(
        type="object",
        properties={cause: {"type": "integer", "minimum": 0} for cause in RETRIES},
        additionalProperties=False,
    ),
]
Patience = Annotated[
    int,
    BeforeValidator(_parse_patience),
    _json(
        anyOf=[
            *_count(),
            {
                "type": "object",
                "properties": {"patience": {"type": "integer", "minimum": 1}},
                "required": ["patience"],
                "additionalProperties": False,
            },
        ]
    ),
]
Formats = Annotated[
    tuple[Literal["keras", "saved_model", "onnx", "litert"], ...], AfterValidator(_check_formats)
]
