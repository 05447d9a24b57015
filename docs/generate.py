"""Write the generated parts of docs/reference anew from the code: ``python docs/generate.py``.

A generated part lies between ``<!-- generated: NAME -->`` and ``<!-- end -->``. A test compares
each with what this program would write, so that the reference cannot fall behind the code.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.models import ArgumentInfo

REFERENCE = Path(__file__).parent / "reference"
PART = re.compile(r"<!-- generated: (?P<name>[\w ]+) -->\n.*?<!-- end -->", re.DOTALL)
TABLE_HEAD = ["| {0} | default | what it means |", "|---|---|---|"]


def main() -> None:
    """Renew every page of the reference."""
    for page in sorted(REFERENCE.glob("*.md")):
        page.write_text(renew_page(page.read_text(encoding="utf-8")), encoding="utf-8")


def renew_page(text: str) -> str:
    """Replace every generated part of a page by what the code says now."""
    return PART.sub(lambda part: write_part(part["name"]), text)


def write_part(name: str) -> str:
    """Write one part, its markers included."""
    kind, _, argument = name.partition(" ")
    lines = PARTS[kind](argument)
    return "\n".join([f"<!-- generated: {name} -->", *lines, "<!-- end -->"])


def write_section(name: str) -> Iterator[str]:
    """Give the table of the keys of a section of the space file, or of its top."""
    from sweeps.spec.model import SweepSpec

    section = SweepSpec if name == "top" else SweepSpec.model_fields[name].annotation
    assert isinstance(section, type)
    assert issubclass(section, BaseModel)
    yield from (line.format("key") for line in TABLE_HEAD)
    for key, field in section.model_fields.items():
        if field.description:
            default = show_default(field.default, told=field.description)
            yield f"| `{key}` | {default} | {escape(field.description)} |"


def write_aliases(_: str) -> Iterator[str]:
    """Give the words of other tools that a space file may use."""
    from sweeps.spec import aliases

    yield "| where | also accepted | means |"
    yield "|---|---|---|"
    for alias, path in aliases.TOP_ALIASES.items():
        yield f"| top of the file | `{alias}` | `{'.'.join(path)}` |"
    for section, names in aliases.SECTION_ALIASES.items():
        for alias, key in names.items():
            yield f"| `{section}` | `{alias}` | `{key}` |"
    for alias, key in aliases.PARAMETER_ALIASES.items():
        yield f"| a parameter | `{alias}` | `{key}` |"
    for (section, key), values in aliases.VALUE_ALIASES.items():
        for alias, value in values.items():
            yield f"| `{section}.{key}` | `{alias}` | `{value}` |"


def write_members(room: str) -> Iterator[str]:
    """Give every member of a room with what it does and its options."""
    menu = load_menu(room)
    for name in menu:
        member = menu.load(name)
        yield from ("", f"### {name}", "", unfold(member.__doc__), "")
        options = getattr(member, "Options", None)
        if options is not None:
            yield from write_options(options)


def write_options(options: type[BaseModel]) -> Iterator[str]:
    """Give the table of a member's options, told by the descriptions of their fields."""
    if not options.model_fields:
        yield "No options."
        return
    yield from (line.format("option") for line in TABLE_HEAD)
    for key, field in options.model_fields.items():
        yield f"| `{key}` | {show_default(field.default)} | {escape(field.description or '')} |"


def write_commands(_: str) -> Iterator[str]:
    """Give every command with its help, its arguments and its options."""
    menu = load_menu("commands")
    for name in menu:
        command = menu.load(name)
        yield from ("", f"### {name}", "", unfold(command.__doc__), "")
        yield from ("| argument or option | what it means |", "|---|---|")
        for declared, told in read_arguments(command):
            yield f"| `{declared}` | {escape(told)} |"


def read_arguments(command: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Give how each argument is written and what its help says, from Typer's annotations."""
    for name, hint in get_type_hints(command, include_extras=True).items():
        if get_origin(hint) is not Annotated:
            continue
        info = get_args(hint)[1]
        if info.hidden:  # such as the one of `show`, which the docstring explains
            continue
        if isinstance(info, ArgumentInfo):
            yield info.metavar or name.upper(), info.help or ""
        else:
            # Typer takes the first name of an option for its default until it builds the command.
            written = ", ".join(filter(None, (info.default, *(info.param_decls or ()))))
            yield f"{written} {info.metavar or ''}".strip(), info.help


def write_causes(_: str) -> Iterator[str]:
    """Give what every cause means, what to do, and what the sweep does by itself."""
    from sweeps.causes import FACTS

    yield "| cause | the trial is | what happened | what to do | what the sweep does | retries |"
    yield "|---|---|---|---|---|---|"
    for cause, facts in FACTS.items():
        retries = "-" if facts.retries is None else facts.retries
        cells = (facts.state, facts.meaning, facts.advice or "-", facts.policy, retries)
        yield " | ".join([f"| `{cause}`", *(escape(str(cell)) for cell in cells)]) + " |"


def load_menu(room: str) -> Any:
    """Import the menu of a room."""
    from sweeps.bundles.formats import FORMATS
    from sweeps.cli import COMMANDS
    from sweeps.engines import ENGINES
    from sweeps.search.pruners import PRUNERS
    from sweeps.search.samplers import SAMPLERS

    return {
        "commands": COMMANDS,
        "engines": ENGINES,
        "formats": FORMATS,
        "pruners": PRUNERS,
        "samplers": SAMPLERS,
    }[room]


def unfold(docstring: str | None) -> str:
    """Put each paragraph of a docstring on one line, in Markdown's quotes."""
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs).replace("``", "`")


def show_default(value: Any, *, told: str = "") -> str:
    """Write a default; where there is no fixed one, the description may tell what is taken."""
    if value is PydanticUndefined:
        return "" if "default" in told or "left out" in told else "required"
    if value is None or isinstance(value, bool):
        return "none" if value is None else f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:.4g}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, dict):
        return f"`{{{', '.join(f'{key}: {part}' for key, part in value.items())}}}`"
    return f"`{value}`"


def escape(text: str) -> str:
    """Fit a text into a cell of a table."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


PARTS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "section": write_section,
    "aliases": write_aliases,
    "members": write_members,
    "commands": write_commands,
    "causes": write_causes,
}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
