"""Read a space file into a `SweepSpec`, or report every mistake in it at once.

The file goes through four stages, each of which reports all of its mistakes: YAML with its lines,
canonical names (aliases and short forms), values, and what the values mean together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sweeps.errors import Problem
from sweeps.spec.aliases import rename_sections
from sweeps.spec.class_names import read_class_names
from sweeps.spec.constraints import parse_constraint
from sweeps.spec.expressions import find_names, parse_expression
from sweeps.spec.metrics import find_direction
from sweeps.spec.model import Choice, SweepSpec
from sweeps.spec.nodes import Node, collecting, find_node, raise_problems
from sweeps.spec.objectives import fill_direction, read_objectives
from sweeps.spec.ordering import check_conditions, order_parameters
from sweeps.spec.overrides import apply_overrides
from sweeps.spec.parameter_groups import expand_parameters
from sweeps.spec.parameter_reading import read_parameter
from sweeps.spec.parameters import Parameter
from sweeps.spec.rooms import Rooms, read_choice
from sweeps.spec.targets import resolve_target
from sweeps.spec.units import show_value
from sweeps.spec.validation import validate
from sweeps.spec.yaml_source import read_yaml

Check = Callable[[SweepSpec], Iterable[tuple[str, str]]]
"""A further check of a spec: yields pairs of dotted canonical key and message."""

_DEFAULT_NAMES = {"sampler": "tpe", "pruner": "asha"}


def load_spec(
    path: Path | str,
    *,
    rooms: Rooms,
    overrides: Sequence[str] = (),
    checks: Sequence[Check] = (),
) -> SweepSpec:
    """Read and validate a space file. Nothing that it names is imported or executed.

    Args:
        path: The space file.
        rooms: The samplers and pruners that may be chosen.
        overrides: ``dotted.key=value`` each, as given by ``--set``; later ones win.
        checks: Further checks, whose problems are located by line and reported with all others.

    Raises:
        SpecError: Every mistake found, in the order of the file.
    """
    path = Path(path)
    problems: list[Problem] = []
    root = canonicalize(read_yaml(path, problems), problems)
    root = apply_overrides(root, overrides, canonicalize, problems)
    spec = _read_spec(root, path, rooms, problems)
    if spec is not None:
        problems += _run_checks(checks, spec, root)
    raise_problems(sorted(problems, key=_by_line))
    assert spec is not None
    return spec


def locate_problems(path: Path | str, found: Iterable[tuple[str, str]]) -> list[Problem]:
    """Give each (dotted key, message) the line of its key, for mistakes that only building shows.

    Args:
        path: A space file that `load_spec` has accepted.
        found: Keys of the spec with what is wrong there.
    """
    ignored: list[Problem] = []
    root = canonicalize(read_yaml(Path(path), ignored), ignored)
    return [
        Problem(find_node(root, key.partition(" ")[0].split(".")).where, key, message)
        for key, message in found
    ]


def canonicalize(root: Node, problems: list[Problem]) -> Node:
    """Rename aliases and expand every short form of a space file, or of a part of one.

    What cannot be read becomes a problem and is left out.

    Raises:
        SpecError: The file is no mapping at all.
    """
    if not root.is_mapping or not root.value:
        given = f"got {show_value(root.to_python())}" if root.value else "the file is empty"
        raise root.error(f"{given}; expected a mapping with model, data and objective")
    root = rename_sections(root, problems)
    parameters = root.value.get("parameters")
    if parameters is None:
        return root
    expanded = expand_parameters(parameters, problems)
    return root.with_value({**root.value, "parameters": expanded})


def find_place(path: Path | str, keys: Sequence[str]) -> str:
    """Find the ``file:line`` at which a key of a readable space file stands, as far as it does."""
    root = canonicalize(read_yaml(Path(path), []), [])
    return find_node(root, keys).where


def _read_spec(root: Node, path: Path, rooms: Rooms, problems: list[Problem]) -> SweepSpec | None:
    """Read all sections, collecting problems; None where the spec cannot even be built."""
    values = root.to_python()
    values.setdefault("name", path.stem)
    for section in ("sampler", "pruner"):
        values[section] = _read_room(section, root, rooms, problems)
    section = root.value.get("parameters", root.with_value({}))
    parameters = _read_parameters(section, problems)
    values["parameters"] = ()
    values["constraints"] = _read_constraints(root, _stand_in(section, parameters), problems)
    _fill_objectives(values, root, problems)
    _fill_checkpoint(values)
    for key in ("model", "data"):
        with collecting(problems):
            _fill_target(key, values, root, path.parent)
    with collecting(problems):
        for section, key in (("training", "callbacks"), ("export", "preprocessing")):
            _fill_inner_target(section, key, values, root, path.parent)
    with collecting(problems):
        _fill_class_names(values, root, path.parent)
    with collecting(problems):
        spec = validate(SweepSpec, values, root)
        return spec.model_copy(update={"parameters": parameters})
    return None


def _read_room(section: str, root: Node, rooms: Rooms, problems: list[Problem]) -> Choice:
    menu = rooms.menu(section)
    node = root.value.get(section)
    default = _DEFAULT_NAMES[section]
    if node is None or node.value is None:
        node = root.with_value({})
    with collecting(problems):
        return read_choice(menu, node, default=default)
    return Choice(name=default)


def _read_parameters(section: Node, problems: list[Problem]) -> tuple[Parameter, ...]:
    """Read all parameters, parents first; one that is wrong is left out."""
    read: list[Parameter] = []
    for name, node in section.value.items():
        if node.value is not None:
            with collecting(problems):
                read.append(read_parameter(name, node))
    with collecting(problems):
        if len(read) == len(section.value):
            check_conditions(read, section)
            return order_parameters(read, section)
    return tuple(read)


def _read_constraints(
    root: Node, parameters: Sequence[Parameter], problems: list[Problem]
) -> tuple[str, ...]:
    section = root.value.get("constraints")
    if section is None or section.value is None:
        return ()
    texts: list[str] = []
    for node in section.value if section.is_list else [section]:
        with collecting(problems):
            texts.append(_read_constraint(node, parameters))
    return tuple(texts)


def _read_constraint(node: Node, parameters: Sequence[Parameter]) -> str:
    """Read a constraint; a name that is not in the file may be one that the code declares."""
    if not isinstance(node.value, str):
        raise node.wrong("expected an expression such as 'units * layers <= 1024'")
    try:
        known = {parameter.name for parameter in parameters}
        unknown = find_names(parse_expression(node.value)) - known
        stand_ins = [Parameter(name, "fixed") for name in sorted(unknown)]
        return parse_constraint(node.value, parameters=[*parameters, *stand_ins]).text
    except ValueError as error:
        raise node.error(str(error)) from error


def _stand_in(section: Node, parameters: Sequence[Parameter]) -> list[Parameter]:
    """Let a parameter that is wrong be known by its name, so that it is reported only once."""
    read = {parameter.name: parameter for parameter in parameters}
    return [read.get(name, Parameter(name, "fixed")) for name in section.value]


def _fill_objectives(values: dict[str, Any], root: Node, problems: list[Problem]) -> None:
    """Complete one objective, or read several; the first of them is the primary one."""
    one, node = root.value.get("objective"), root.value.get("objectives")
    if node is None:
        with collecting(problems):
            fill_direction(values.get("objective"), one or root, is_first=True)
        return
    if one is not None:
        problems.append(node.problem(f"'objective' ({one.where}) is given too; keep one"))
    first, *others = read_objectives(node, problems)
    values["objective"], values["other_objectives"] = first.model_dump(), others
    del values["objectives"]


def _fill_checkpoint(values: dict[str, Any]) -> None:
    """Let the checkpoint monitor the objective where the file does not say otherwise."""
    objective, checkpoint = values.get("objective"), values.setdefault("checkpoint", {})
    if not isinstance(objective, dict) or not isinstance(checkpoint, dict):
        return
    monitor = checkpoint.get("monitor") or objective.get("metric")
    direction = objective.get("direction")
    if monitor != objective.get("metric") and isinstance(monitor, str):
        direction = find_direction(monitor)
    checkpoint["monitor"] = monitor
    if checkpoint.get("mode") in (None, "auto") and direction:
        checkpoint["mode"] = "max" if direction == "maximize" else "min"


def _fill_inner_target(
    section: str, key: str, values: dict[str, Any], root: Node, folder: Path
) -> None:
    inner = values.get(section)
    given = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not isinstance(given, str) or not given.strip():
        return
    try:
        inner[key] = resolve_target(given, folder)
    except ValueError as error:
        raise find_node(root, (section, key)).error(f"got {given!r}; {error}") from error


def _fill_class_names(values: dict[str, Any], root: Node, folder: Path) -> None:
    """Put the names themselves where the file that holds them is named."""
    export = values.get("export")
    given = export.get("class_names") if isinstance(export, dict) else None
    if not isinstance(export, dict) or not isinstance(given, str):
        return
    try:
        export["class_names"] = read_class_names(given, folder)
    except (ValueError, OSError) as error:
        del export["class_names"]  # told here, and not once more as a text that is no list
        node = find_node(root, ("export", "class_names"))
        raise node.error(f"got {given!r}; {error}") from error


def _fill_target(key: str, values: dict[str, Any], root: Node, folder: Path) -> None:
    given = values.get(key)
    if not isinstance(given, str) or not given.strip():
        return
    node = find_node(root, (key,))
    try:
        values[key] = resolve_target(given, folder)
    except (ValueError, OSError) as error:
        raise node.error(f"got {given!r}; {error}") from error


def _run_checks(checks: Sequence[Check], spec: SweepSpec, root: Node) -> list[Problem]:
    return [
        Problem(find_node(root, key.split(".")).where, key, message)
        for check in checks
        for key, message in check(spec)
    ]


def _by_line(problem: Problem) -> tuple[str, int]:
    name, _, line = problem.where.rpartition(":")
    return (name, int(line)) if line.isdigit() else (problem.where, 0)
