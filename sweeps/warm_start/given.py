"""Read known-good parameters that the user has written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sweeps.errors import Problem
from sweeps.spec.nodes import Node, raise_problems
from sweeps.spec.yaml_source import parse_yaml, read_yaml
from sweeps.warm_start.candidates import Candidate

SET = "--set"


def read_values_file(path: Path) -> list[Candidate]:
    """Read a YAML list of mappings, name of parameter to value, one a trial.

    Raises:
        SpecError: It is no such list; all mistakes, each with its line.
    """
    problems: list[Problem] = []
    root = read_yaml(path, problems)
    if not root.is_list or not root.value:
        problems += root.wrong("expected a list of mappings, such as '- {units: 64}'").problems
    items = root.value if root.is_list else []
    problems += [problem for item in items for problem in _find_problems(item)]
    raise_problems(problems)
    return [Candidate(item.to_python(), item.where) for item in items]


def parse_settings(settings: Sequence[str]) -> Candidate:
    """Read ``name=value`` each, the value in YAML; together they are one trial.

    Raises:
        SpecError: There is no ``=``, a name is given twice, or a value is none.
    """
    problems: list[Problem] = []
    nodes: dict[str, Node] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name or name in nodes:
            twice = " once" if name in nodes else ""
            message = f"got {text!r}; expected name=value{twice}, such as units=64"
            problems.append(Problem(SET, "", message))
        else:
            node = parse_yaml(value, name=SET, problems=problems)
            nodes[name] = Node(node.value, SET, (name,), plain=node.plain)
    problems += _find_problems(Node(nodes, SET))
    raise_problems(problems)
    return Candidate({name: node.value for name, node in nodes.items()}, SET)


def _find_problems(item: Node) -> list[Problem]:
    if not item.is_mapping:
        return list(item.wrong("expected a mapping such as {units: 64}").problems)
    return [
        problem
        for node in item.value.values()
        if node.is_mapping or node.is_list
        for problem in node.wrong("expected one number, text, true or false").problems
    ]
