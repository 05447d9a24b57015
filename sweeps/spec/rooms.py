"""The menus that a spec is validated against, handed in by those who may import them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sweeps.errors import SweepsError
from sweeps.menu import Menu
from sweeps.spec.model import Choice
from sweeps.spec.nodes import Node
from sweeps.spec.validation import validate


@dataclass(frozen=True)
class Rooms:
    """What may be chosen by name in a space file.

    Every member of a menu has an attribute ``Options``, a pydantic model of its options, and can be
    loaded without Optuna.

    Attributes:
        samplers: Who proposes.
        pruners: Who stops early.
    """

    samplers: Menu
    pruners: Menu

    def menu(self, section: str) -> Menu:
        """Choose the menu of the section ``sampler`` or ``pruner``."""
        return self.samplers if section == "sampler" else self.pruners


def read_choice(menu: Menu, node: Node, *, default: str) -> Choice:
    """Read ``{name: tpe, option: value, ...}`` and fill in the defaults of the options.

    Options without a name are those of the member called `default`.

    Raises:
        SpecError: The name is not on the menu, or its options are wrong.
    """
    if not node.is_mapping:
        raise node.wrong(f"expected the name of a {menu.room}: one of {', '.join(menu)}")
    given: Mapping[str, Node] = node.value
    name = given.get("name", node.with_value(default))
    if not name.is_one_of(menu):
        raise name.error(menu.describe_unknown(str(name.to_python())))
    options = {key: child.to_python() for key, child in given.items() if key != "name"}
    return Choice(name=name.value, options=validate_options(menu, name.value, options, node))


def validate_options(
    menu: Menu, name: str, options: Mapping[str, Any], node: Node
) -> dict[str, Any]:
    """Validate the options of one member of a menu, and fill in their defaults.

    Raises:
        SpecError: All mistakes in the options, each at its line.
    """
    try:
        model: type[BaseModel] = menu.load(name).Options
    except SweepsError as error:  # a package is missing; the message says how to install it
        raise node.error(str(error)) from error
    return validate(model, options, node).model_dump(mode="json")
