"""Words of other tools that a space file may use, as tables, and their renaming to ours."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from sweeps.errors import Problem
from sweeps.spec.model import (
    Checkpoint,
    Export,
    Keep,
    Limits,
    Objective,
    Resources,
    SweepSpec,
    Training,
)
from sweeps.spec.nodes import Node, describe_unknown_key

# In a file all objectives stand in one list.
_SPELLED = {"other_objectives": "objectives"}

TOP_KEYS = tuple(_SPELLED.get(name, name) for name in SweepSpec.model_fields)
"""Canonical keys of a space file, in the order in which they are documented."""

SECTIONS: Mapping[str, type[BaseModel]] = {
    "objective": Objective,
    "limits": Limits,
    "resources": Resources,
    "training": Training,
    "checkpoint": Checkpoint,
    "keep": Keep,
    "export": Export,
}
"""Keys whose values are mappings with keys of their own."""

IGNORED_KEYS = ("$schema",)

TRIALS = ("n_trials", "max_trials", "run_cap")
WORKERS = ("n_jobs", "jobs")

TOP_ALIASES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("parameters",): ("search_space", "params", "hyperparameters"),
    ("objective",): ("metric",),
    ("objective", "direction"): ("direction",),
    ("sampler",): ("method",),
    ("pruner",): ("early_terminate",),
    ("limits", "trials"): TRIALS,
    ("limits", "workers"): WORKERS,
}
"""Canonical path -> other keys at the top of the file that put their value there."""

SECTION_ALIASES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "objective": {"metric": ("name", "monitor"), "direction": ("goal", "mode")},
    "sampler": {"name": ("type",)},
    "pruner": {"name": ("type",), "min_epochs": ("min_iter",), "reduction_factor": ("eta",)},
    "limits": {"trials": TRIALS, "workers": WORKERS},
    "checkpoint": {"path": ("filepath",)},
}
"""Section -> canonical key -> other spellings."""

SHORTHANDS: Mapping[str, str] = {
    "objective": "metric",
    "sampler": "name",
    "pruner": "name",
    "export": "formats",
}
"""Section that may be written as one value -> the key which that value is for."""

VALUE_ALIASES: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("objective", "direction"): {"max": "maximize", "min": "minimize"},
    ("sampler", "name"): {"bayes": "tpe", "bayesian": "tpe"},
    ("pruner", "name"): {"median_stopping": "median", "medianstop": "median"},
}
"""Section and key -> value of another tool -> ours."""

PARAMETER_ALIASES: Mapping[str, tuple[str, ...]] = {
    "low": ("min", "min_value", "minval"),
    "high": ("max", "max_value", "maxval"),
    "choices": ("values", "vals", "list"),
    "step": ("q",),
    "value": ("val",),
    "scale": ("sampling",),
}
"""Canonical key inside a parameter -> other spellings."""

_TOP_PATHS = {key: path for path, keys in TOP_ALIASES.items() for key in keys}


def rename_sections(root: Node, problems: list[Problem]) -> Node:
    """Give every key of a space file its canonical name and every section its full form.

    Unknown keys, and a second spelling of one thing, become problems and are left out.
    """
    sections: dict[str, Node] = {}
    for key, node in root.value.items():
        if key in IGNORED_KEYS:
            continue
        path = _TOP_PATHS.get(key, (key,))
        if path[0] not in TOP_KEYS:
            problems.append(node.problem(_describe_unknown_top_key(key)))
        elif problem := _place(sections, path, _expand_section(path, node, problems)):
            problems.append(problem)
    return root.with_value(sections)


def rename_keys(
    node: Node, aliases: Mapping[str, tuple[str, ...]], problems: list[Problem]
) -> Node:
    """Rename the keys of one mapping; two spellings of one key are a problem."""
    canonical = {spelling: key for key, spellings in aliases.items() for spelling in spellings}
    renamed: dict[str, Node] = {}
    for key, child in node.value.items():
        name = canonical.get(key, key)
        if name in renamed:
            problems.append(_two_spellings(renamed[name], child))
        renamed.setdefault(name, child)
    return node.with_value(renamed)


def _expand_section(path: tuple[str, ...], node: Node, problems: list[Problem]) -> Node:
    section = path[0]
    if len(path) > 1 or section == "parameters":
        return _rename_value(path, node)
    if section == "objectives" and node.is_list:
        return node.with_value(
            [_expand_section(("objective",), item, problems) for item in node.value]
        )
    if section in SHORTHANDS and not node.is_mapping and node.value is not None:
        node = node.with_value({SHORTHANDS[section]: node})
    if node.is_mapping:
        node = rename_keys(node, SECTION_ALIASES.get(section, {}), problems)
        renamed = {key: _rename_value((section, key), node.value[key]) for key in node.value}
        node = node.with_value(renamed)
    return node


def _rename_value(path: tuple[str, ...], node: Node) -> Node:
    names = VALUE_ALIASES.get((path[0], path[-1]), {})
    if isinstance(node.value, str) and node.value in names:
        return node.with_value(names[node.value])
    return node


def _place(sections: dict[str, Node], path: tuple[str, ...], node: Node) -> Problem | None:
    """Put a node at its canonical place, merging sections; return a clash as a problem."""
    section = path[0]
    if len(path) == 1:
        added = node.value if node.is_mapping else None
    else:
        added = {path[1]: node}
        node = Node(added, node.where, node.path[:-1])
    older = sections.get(section)
    if older is None:
        sections[section] = node
        return None
    if not older.is_mapping or added is None or section == "parameters":
        return _two_spellings(older, node)
    clashing = [key for key in added if key in older.value]
    if clashing:
        return _two_spellings(older.value[clashing[0]], added[clashing[0]])
    sections[section] = older.with_value({**older.value, **added})
    return None


def _two_spellings(first: Node, second: Node) -> Problem:
    return second.problem(f"this is already given as {first.key!r} ({first.where}); keep one")


def _describe_unknown_top_key(key: str) -> str:
    for section, model in SECTIONS.items():
        if key in model.model_fields:
            return f"unknown key {key!r} at the top of the file. Did you mean '{section}.{key}'?"
    return describe_unknown_key(key, TOP_KEYS)
