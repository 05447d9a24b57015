"""Write a space file and its code, ready to run and to be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from sweeps.durable import make_dir, write_bytes
from sweeps.errors import OptionError
from sweeps.menu import suggest_name
from sweeps.spec.fields import check_sweep_name

STARTERS: Mapping[str, str] = {
    "mlp": "a dense network for rows of numbers",
    "cnn": "a convolutional network for images",
    "own": "the smallest model that runs, to be replaced by your own",
}
"""Kind of model -> what it is. Each has a template of the same name."""

METRICS: Mapping[str, str] = {"val_accuracy": "maximize", "val_loss": "minimize"}
"""Metric that every starter logs -> its direction."""

SPACE_FILE, MODEL_FILE = "space.yaml", "model.py"


@dataclass(frozen=True)
class Starter:
    """What the user chose.

    Attributes:
        name: Name of the sweep.
        model: A name of `STARTERS`.
        metric: A name of `METRICS`.
    """

    name: str = "first"
    model: str = "mlp"
    metric: str = "val_accuracy"


def write_starter(
    folder: Path, starter: Starter, *, editor_line: str, schema: tuple[str, str]
) -> list[Path]:
    """Write the files of a starter into a folder, which is made where there is none.

    Args:
        folder: Where the files go.
        starter: What the user chose.
        editor_line: First line of the space file, which names the schema.
        schema: Name and content of the schema file.

    Returns:
        The files written.

    Raises:
        OptionError: A choice makes no sense, or one of the files is there already: nothing is
            written then.
    """
    check_starter(starter)
    direction = METRICS[starter.metric]
    values = {"name": starter.name, "metric": starter.metric, "direction": direction}
    texts = {
        SPACE_FILE: f"# {editor_line}\n{_fill(f'{starter.model}.yaml.txt', values)}",
        MODEL_FILE: _fill(f"{starter.model}.py.txt", values),
        schema[0]: schema[1],
    }
    _check_free(folder, list(texts))
    make_dir(folder.absolute())
    for name, text in texts.items():
        write_bytes(folder / name, text.encode())
    return [folder / name for name in texts]


def check_starter(starter: Starter) -> None:
    """Check what the user chose.

    Raises:
        OptionError: A name is not one of those there are.
    """
    try:
        check_sweep_name(starter.name)
    except ValueError as error:
        raise OptionError(f"--name: got {starter.name!r}; {error}") from error
    for option, given, known in (
        ("--model", starter.model, STARTERS),
        ("--metric", starter.metric, METRICS),
    ):
        if given not in known:
            hint = suggest_name(given, list(known))
            raise OptionError(f"{option}: got {given!r}; expected one of {', '.join(known)}.{hint}")


def _check_free(folder: Path, names: list[str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"{folder}: this is a file; expected a folder.")
    taken = [name for name in names if (folder / name).exists()]
    if taken:
        raise OptionError(
            f"{folder}: holds {' and '.join(taken)} already; nothing is overwritten. "
            "Choose another folder, or move them away."
        )


def _fill(template: str, values: Mapping[str, str]) -> str:
    text = resources.files("sweeps.starters").joinpath("templates", template).read_text("utf-8")
    return Template(text).substitute(values)
