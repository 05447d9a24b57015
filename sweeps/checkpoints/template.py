"""File names of checkpoints: Keras' templates, checked before training and never escaping.

A template is a `str.format` string. Its fields are ``{trial}``, ``{epoch}`` (1-based),
``{attempt}``, ``{step}`` (optimizer updates), ``{repeat}`` (1-based) and every metric a trained
epoch logs; ``{batch}`` (1-based, within the epoch) where files are written every few batches.
Attribute access, indexing, conversions and nested fields, which `str.format` would allow, are
refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from string import Formatter

from sweeps.menu import suggest_name

COUNTERS = ("trial", "epoch", "attempt", "step", "repeat")
BATCH = "batch"
_INTEGER_FORMAT = re.compile(r"0?[0-9]{0,2}d?")
_FLOAT_FORMAT = re.compile(r"0?[0-9]{0,2}(\.[0-9]{1,2})?[eEfFgG]?")
_LONGEST_NAME = 200
_LONGEST_INTEGER = 10
_LONGEST_FLOAT = 41  # -3.4e38, the largest of Keras' floats, written out by :f


def find_template_problems(
    template: str,
    *,
    save_weights_only: bool,
    save_best_only: bool,
    metrics: Iterable[str] | None = None,
    by_batch: bool = False,
) -> list[str]:
    """List what is wrong with a template, in words a user can act on.

    Args:
        template: The template, such as ``{trial:04d}-epoch{epoch:02d}-{val_loss:.3f}.keras``.
        save_weights_only: Decides the suffix, as in Keras.
        save_best_only: Where False, every epoch's file stays, so that names must differ by epoch.
        metrics: Names that are logged when a file is written; None where they are not known yet.
        by_batch: Files are written every so many batches (``save_freq: 100``), not by epoch.

    Returns:
        One sentence a mistake; empty where the template is fine.
    """
    try:
        fields = list(_parse_fields(template))
    except ValueError as error:
        return [f"got {template!r}, which is not a valid template: {error}"]
    problems = list(_find_name_problems(template, save_weights_only=save_weights_only))
    counters = (*COUNTERS, BATCH) if by_batch else COUNTERS
    known = None if metrics is None else [*counters, *metrics]
    names = {name for name, _ in fields}
    for name, format_spec in fields:
        if name != BATCH or by_batch:
            problems += _find_field_problems(name, format_spec, known)
    if BATCH in names and not by_batch:
        problems.append(
            "got the field {batch}, which files written by epoch do not have; "
            "leave it out, or set save_freq to a number of batches."
        )
    if not problems and (longest := _measure_longest_name(template)) > _LONGEST_NAME:
        problems.append(
            f"got {template!r}, which makes names of up to {longest} bytes; "
            f"expected at most {_LONGEST_NAME}."
        )
    if not save_best_only:
        problems += _find_collisions(template, names, by_batch=by_batch)
    return problems


def format_name(template: str, values: Mapping[str, float], taken: Iterable[str] = ()) -> str:
    """Fill a template that `find_template_problems` found nothing wrong with.

    Args:
        template: The template.
        values: Values of the fields; NaN stands for one that is missing, as in an epoch that is not
            validated.
        taken: Names in use. A name that rounds to one of them gets ``-2``, ``-3`` and so on before
            its suffix, so that a new checkpoint never overwrites an older one.
    """
    unknown = dict.fromkeys((field for field, _ in _parse_fields(template)), math.nan)
    name = template.format_map(unknown | dict(values))
    used = set(taken)
    if name not in used:
        return name
    stem, suffix = split_suffix(name)
    count = 2
    while f"{stem}-{count}{suffix}" in used:
        count += 1
    return f"{stem}-{count}{suffix}"


def split_suffix(name: str) -> tuple[str, str]:
    """Split a file name before ``.keras`` or ``.weights.h5``."""
    suffix = ".weights.h5" if name.endswith(".weights.h5") else ".keras"
    return name.removesuffix(suffix), suffix


def _parse_fields(template: str) -> Iterator[tuple[str, str]]:
    for _, name, format_spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if conversion:
            message = f"{{{name}!{conversion}}} has a conversion; leave out '!{conversion}'."
            raise ValueError(message)
        yield name, format_spec or ""


def _find_name_problems(template: str, *, save_weights_only: bool) -> Iterator[str]:
    suffix = ".weights.h5" if save_weights_only else ".keras"
    if not template.endswith(suffix):
        yield (
            f"got {template!r}; with save_weights_only: {str(save_weights_only).lower()} "
            f"the name must end in {suffix!r}."
        )
    if re.search(r"[/\\]", template) or not template.isprintable() or template.startswith("."):
        yield (
            f"got {template!r}; expected a plain file name. "
            "It lies in the trial's own folder, trials/NNNN/checkpoints, already."
        )


def _find_collisions(template: str, names: set[str], *, by_batch: bool) -> Iterator[str]:
    if by_batch and "step" not in names and not {"epoch", BATCH} <= names:
        yield (
            f"got {template!r}, which gives several files the same name; with "
            "save_best_only: false and save_freq in batches it needs {epoch} and {batch}, or "
            "{step}, such as '{epoch:02d}-{batch:04d}.keras'."
        )
    elif not {"epoch", "step"} & names:
        yield (
            f"got {template!r}, which gives every epoch the same name; "
            "with save_best_only: false it needs {epoch}, such as '{epoch:02d}.keras'."
        )


def _find_field_problems(name: str, format_spec: str, known: list[str] | None) -> Iterator[str]:
    # Keras allows metrics such as 'top-5'; dots and brackets would look into the value.
    if not re.fullmatch(r"[^\W\d][^.\[\]{}]*", name):
        yield f"got the field {{{name}}}; expected a plain name such as {{epoch}} or {{val_loss}}."
        return
    if name in (*COUNTERS, BATCH):
        expected, example = _INTEGER_FORMAT, "04d"
    else:
        expected, example = _FLOAT_FORMAT, ".4f"
        if known is not None and name not in known:
            yield (
                f"got the unknown field {{{name}}}; expected one of {', '.join(known)}."
                + suggest_name(name, known)
            )
    if not expected.fullmatch(format_spec):
        yield (
            f"got the format {format_spec!r} for {{{name}}}; expected one such as "
            f"{{{name}:{example}}}."
        )


def _measure_longest_name(template: str) -> int:
    return sum(
        len(literal.encode()) + (0 if name is None else _measure_field(name, format_spec or ""))
        for literal, name, format_spec, _ in Formatter().parse(template)
    )


def _measure_field(name: str, format_spec: str) -> int:
    width, _, precision = format_spec.rstrip("deEfFgG").partition(".")
    longest = (
        _LONGEST_INTEGER if name in (*COUNTERS, BATCH) else _LONGEST_FLOAT + int(precision or 6)
    )
    return max(int(width or 0), longest)
