"""Small space files and a tiny fake room, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from sweeps.errors import SpecError
from sweeps.menu import Menu
from sweeps.spec.load import Check, load_spec
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter
from sweeps.spec.rooms import Rooms


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tpe:
    """A sampler with one option."""

    class Options(_Options):
        """Its options."""

        startup_trials: int = Field(10, ge=0)


class Asha:
    """A pruner with the options that aliases speak of."""

    class Options(_Options):
        """Its options."""

        min_epochs: int = Field(1, ge=1)
        reduction_factor: int = Field(3, ge=2)


class Plain:
    """A member without options."""

    class Options(_Options):
        """None."""


ROOMS = Rooms(
    samplers=Menu(
        "sampler",
        {name: f"{__name__}:{'Tpe' if name == 'tpe' else 'Plain'}" for name in ("tpe", "random")},
    ),
    pruners=Menu(
        "pruner",
        {
            "asha": f"{__name__}:Asha",
            "hyperband": f"{__name__}:Asha",
            "median": f"{__name__}:Plain",
            "none": f"{__name__}:Plain",
        },
    ),
)

HEAD = "model: m.py:build\ndata: m.py:load\nobjective: val_loss\n"
"""Three lines that every space file needs; what a test adds begins on line 4."""


def write_space(folder: Path, text: str) -> Path:
    """Write a space file, and the model file that it names."""
    (folder / "m.py").touch()
    path = folder / "space.yaml"
    path.write_text(text)
    return path


def load(
    folder: Path,
    text: str = "",
    *,
    head: str = HEAD,
    overrides: Sequence[str] = (),
    checks: Sequence[Check] = (),
) -> SweepSpec:
    """Load a space file made of the head and some text."""
    path = write_space(folder, head + text)
    return load_spec(path, rooms=ROOMS, overrides=overrides, checks=checks)


def problems_of(load_it: Callable[[], object]) -> list[str]:
    """List the problems that loading reports, without the folder of the file."""
    with pytest.raises(SpecError) as caught:
        load_it()
    return [
        str(problem).replace(str(Path(problem.where).parent) + "/", "")
        for problem in caught.value.problems
    ]


def refuse(folder: Path, text: str, *, head: str = HEAD) -> list[str]:
    """List the problems of a space file made of the head and some text."""
    return problems_of(lambda: load(folder, text, head=head))


def load_parameter(folder: Path, form: str) -> Parameter:
    """Load a space file with one parameter ``x`` and return it."""
    return load(folder, f"parameters:\n  x: {form}\n").parameters[0]


def refuse_parameter(folder: Path, form: str) -> str:
    """Return the only problem of a space file with one parameter ``x``."""
    (problem,) = refuse(folder, f"parameters:\n  x: {form}\n")
    return problem
