"""``schema``: the JSON Schema of a space file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweeps.spec.rooms import Rooms

SCHEMA_FILE = "space.schema.json"
EDITOR_LINE = f"yaml-language-server: $schema=./{SCHEMA_FILE}"
"""First line, behind its ``# ``, of a space file that has the schema beside it."""


def schema() -> int:
    """Print the JSON Schema of a space file, for editors and validators.

    Write it beside a space file, as space.schema.json, and begin that file with the line
    ``# yaml-language-server: $schema=./space.schema.json``: editors then explain and complete keys.
    """
    sys.stdout.write(write_schema())
    return 0


def write_schema() -> str:
    """Write the schema as indented JSON."""
    from sweeps.spec.schema import json_schema

    return json.dumps(json_schema(open_rooms()), indent=2, ensure_ascii=False) + "\n"


def open_rooms() -> Rooms:
    """Name the samplers and pruners there are."""
    from sweeps.search.pruners import PRUNERS
    from sweeps.search.samplers import SAMPLERS
    from sweeps.spec.rooms import Rooms

    return Rooms(samplers=SAMPLERS, pruners=PRUNERS)
