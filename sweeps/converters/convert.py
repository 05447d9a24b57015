"""Convert a file of another tool into a space file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.converters import CONVERTERS
from sweeps.converters.draft import Draft
from sweeps.converters.foreign import ForeignFile, LeftOut
from sweeps.converters.writing import write_space
from sweeps.errors import OptionError, Problem
from sweeps.spec.aliases import SECTIONS, TOP_KEYS
from sweeps.spec.nodes import Node, collecting, raise_problems
from sweeps.spec.parameter_groups import expand_parameters
from sweeps.spec.parameter_reading import read_parameter
from sweeps.spec.parameters import Parameter
from sweeps.spec.rooms import Rooms, read_choice
from sweeps.spec.units import parse_seed
from sweeps.spec.validation import validate
from sweeps.spec.yaml_source import read_yaml

# Targets in the form of a module: a space file that names a file which is not there cannot be read.
TARGETS = {"model": "TODO_model:build", "data": "TODO_data:load"}
_TARGET_NOTES = {
    "model": "TODO: file.py:function that builds and compiles a model: build(hp), as KerasTuner's",
    "data": "TODO: file.py:function that returns {train: (x, y), validation: (x, y)}",
}


@dataclass(frozen=True)
class Converted:
    """A space file made from the file of another tool.

    Attributes:
        text: The space file. It can be loaded and checked; what is to be filled in says TODO.
        format: Name of the format on the menu.
        title: What a file of that format is called.
        left_out: What the space file does not say; named in its comments as well.
    """

    text: str
    format: str
    title: str
    left_out: tuple[LeftOut, ...]


def convert_file(
    path: Path,
    *,
    rooms: Rooms,
    format_name: str | None = None,
    targets: Mapping[str, str] | None = None,
    header: tuple[str, ...] = (),
) -> Converted:
    """Convert a file of another tool. Nothing that it names is imported or executed.

    Args:
        path: The file.
        rooms: The samplers and pruners there are.
        format_name: A name of the menu; None finds it out.
        targets: ``model`` and ``data`` where they are known.
        header: Comment lines at the top of the space file.

    Raises:
        SpecError: Every mistake found in the file, each with its line.
        OptionError: The format is unknown, or cannot be told from the file.
    """
    problems: list[Problem] = []
    root = read_yaml(path, problems)
    raise_problems(problems)
    if not root.is_mapping or not root.value:
        raise root.wrong("expected a mapping, as in the files of W&B, Katib, Determined and Hydra")
    name = format_name or find_format(root, path)
    if name not in CONVERTERS:
        raise OptionError(f"--from: {CONVERTERS.describe_unknown(name)}")
    converter = CONVERTERS.load(name)
    file = ForeignFile(root)
    draft = converter.convert(file)
    parameters = _read_draft(draft, root, rooms)
    left_out = tuple(file.list_left_out())
    made_from = f"Converted from the {converter.title} {path.name!r}. Look for TODO below."
    text = write_space(
        _arrange(draft, targets or {}),
        parameters,
        _add_target_notes(draft, targets or {}),
        header=(*header, made_from),
        left_out=left_out,
    )
    return Converted(text, name, converter.title, left_out)


def find_format(root: Node, path: Path) -> str:
    """Find the only format that a file can be of.

    Raises:
        OptionError: There is none, or it is a space file already.
    """
    if {"model", "data"} <= root.value.keys():
        raise OptionError(f"{path}: this is a space file already; there is nothing to convert.")
    names = [name for name in CONVERTERS if CONVERTERS.load(name).is_mine(root)]
    if len(names) != 1:
        listed = ", ".join(f"--from {name}" for name in names or CONVERTERS)
        raise OptionError(f"{path}: cannot tell which tool this file is for. Say it: {listed}.")
    return names[0]


def _read_draft(draft: Draft, root: Node, rooms: Rooms) -> list[Parameter]:
    """Read the draft as a space file is read, so that mistakes are told where they were made."""
    problems: list[Problem] = []
    for key, node in draft.sections.items():
        with collecting(problems):
            _check_section(key, node, rooms)
    parameters: list[Parameter] = []
    section = root.with_value(draft.parameters)
    for name, node in expand_parameters(section, problems).value.items():
        if node.value is not None:
            with collecting(problems):
                parameters.append(read_parameter(name, node))
    raise_problems(problems)
    return parameters


def _check_section(key: str, node: Node, rooms: Rooms) -> None:
    if key in SECTIONS:
        validate(SECTIONS[key], node.to_python(), node)
    elif key in ("sampler", "pruner"):
        read_choice(rooms.menu(key), node, default="")
    elif key == "seed":
        try:
            parse_seed(node.value)
        except ValueError as error:
            raise node.wrong(str(error)) from error


def _arrange(draft: Draft, targets: Mapping[str, str]) -> dict[str, Any]:
    found = {key: node.to_python() for key, node in draft.sections.items()}
    found |= {**TARGETS, **targets, "parameters": None}
    return {key: found[key] for key in TOP_KEYS if key in found}


def _add_target_notes(draft: Draft, targets: Mapping[str, str]) -> dict[str, list[str]]:
    missing = {key: [text] for key, text in _TARGET_NOTES.items() if key not in targets}
    return {**draft.notes, **missing}
