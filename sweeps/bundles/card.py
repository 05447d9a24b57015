"""The model card of a bundle: what a person wants to know before using the model, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sweeps.bundles.curve import History, draw_curve
from sweeps.bundles.formats import FORMATS
from sweeps.bundles.formats._base import Format
from sweeps.durable import write_bytes
from sweeps.paths import BundlePaths

Facts = Mapping[str, Any]
Row = Sequence[Any]

_OWNER = "TODO (owner of the model):"


def write_card(bundle: BundlePaths, manifest: Facts, history: History) -> None:
    """Write the card and its picture into a bundle whose models are all written.

    Args:
        bundle: The folder.
        manifest: What the manifest says, but for the list of files.
        history: One row an epoch of the trial; the picture is left out where there is none.
    """
    metric = manifest["objective"]["metric"]
    picture = draw_curve(history, metric, manifest.get("epoch")) if history else ""
    if picture:
        write_bytes(bundle.curve, picture.encode())
    write_bytes(bundle.card, render_card(manifest, bundle.curve.name if picture else "").encode())


def render_card(manifest: Facts, picture: str = "") -> str:
    """Write the card.

    Args:
        manifest: What the manifest says of the model.
        picture: Name of the learning curve's file; empty where there is none.
    """
    sections = (
        _write_head(manifest),
        _write_use(),
        _write_scores(manifest, picture),
        _write_inputs(manifest),
        _write_loading(manifest),
        _write_parameters(manifest),
        _write_search(manifest),
        _write_data(manifest),
        _write_limits(manifest),
    )
    return "\n".join(line for section in sections for line in section)


def _write_head(facts: Facts) -> Iterator[str]:
    objective = facts["objective"]
    yield f"# {_plain(facts['sweep'])}"
    yield ""
    yield _tell_origin(facts)
    yield ""
    yield from _table(
        ("", ""),
        [
            ("objective", f"{_code(objective['metric'])}, {objective['direction']}"),
            ("value", _number(objective.get("value"))),
            ("created", _plain(facts.get("created", ""))),
            ("versions", _pairs(facts.get("versions") or {})),
        ],
    )


def _tell_origin(facts: Facts) -> str:
    if members := facts.get("members"):
        numbers = ", ".join(f"{member['trial']:04d}" for member in members)
        return f"The mean of the outputs of trials {numbers} of this sweep, as one model."
    number, epoch = facts["trial"], facts.get("epoch")
    if facts.get("retrained"):
        return (
            f"The parameters of trial {number:04d} of this sweep, trained again on training and "
            f"validation data for {epoch} epochs. The value below is that of the trial; there is "
            "no validation score of this model, since it has learned from that data."
        )
    return f"Trial {number:04d} of this sweep, as it was after epoch {epoch}."


def _write_use() -> Iterator[str]:
    yield from ("## Intended use", "")
    yield f"{_OWNER} what is this model for, who is to use it, and what is it not to be used for?"
    yield ""


def _write_limits(facts: Facts) -> Iterator[str]:
    yield from ("## Limitations", "")
    yield (
        f"{_OWNER} on which inputs is it weak, whom could its mistakes harm, and what was not "
        "tested?"
    )
    yield from ("", "## Licence and contact", "")
    yield f"{_OWNER} under which licence may it be used, and whom does one ask?"
    yield ""
    yield (
        "The scores above were computed on the data of the sweep; other data gives others. "
        f"[manifest.json](manifest.json) has all facts of this card for programs, and the SHA-256 "
        f"of every file; sweep id {_code(facts.get('sweep_id', 'unknown'))}."
    )
    yield ""


def _write_scores(facts: Facts, picture: str) -> Iterator[str]:
    scores = facts.get("scores") or {}
    yield from ("## Scores", "")
    if scores:
        splits = list(scores)
        names = list(dict.fromkeys(name for values in scores.values() for name in values))
        rows = [
            (_code(name), *(_number(scores[split].get(name)) for split in splits)) for name in names
        ]
        yield from _table(("metric", *splits), rows)
    else:
        yield from ("There is no data on which this model could be scored.", "")
    yield from _write_members(facts.get("members") or ())
    if picture:
        told = "The dashed line marks the epoch that was kept."
        yield from (f"![Learning curve of the trial]({picture})", "", told, "")


def _write_members(members: Sequence[Facts]) -> Iterator[str]:
    if not members:
        return
    yield from ("Its members, each alone:", "")
    heads = [(split, name) for split, scores in members[0]["scores"].items() for name in scores]
    rows = [
        (
            f"{member['trial']:04d}",
            *(_number(member["scores"].get(split, {}).get(name)) for split, name in heads),
            _code(" ".join(f"{name}={value}" for name, value in member["parameters"].items())),
        )
        for member in members
    ]
    yield from _table(
        ("trial", *(f"{split} {_plain(name)}" for split, name in heads), "parameters"), rows
    )


def _write_inputs(facts: Facts) -> Iterator[str]:
    yield from ("## Inputs and outputs", "")
    rows = [
        (kind, _code(each["name"]), _code(_shape(each["shape"])), _code(each["dtype"]))
        for kind, key in (("input", "inputs"), ("output", "outputs"))
        for each in facts.get(key) or ()
    ]
    yield from _table(("", "name", "shape", "dtype"), rows)
    yield "The first axis counts samples." if rows else "The model does not say."
    yield ""
    if code := facts.get("preprocessing"):
        name, function = code["file"], _code(code["function"])
        yield from (f"The function {function} in [{name}]({name}) makes inputs of raw data.", "")
    if names := facts.get("class_names"):
        yield from ("Classes, in the order of the outputs:", "")
        yield from (f"{index}. {_plain(name)}" for index, name in enumerate(names))
        yield ""


def _write_loading(facts: Facts) -> Iterator[str]:
    yield from ("## How to load it", "", "In the folder of this card, for example:", "")
    if custom := facts.get("custom_objects"):
        names = ", ".join(map(_code, custom))
        yield from (f"Keras needs the module that registers {names} to be imported first.", "")
    for name, record in (facts.get("formats") or {}).items():
        if "error" not in record and name in FORMATS:
            member: Format = FORMATS.load(name)
            yield from (f"{member.described}:", "", "```python", *member.usage, "```", "")
    yield "With keras-sweeps, which refuses files that were changed:"
    yield from ("", "```python", "import sweeps", "", 'model = sweeps.load(".")', "```", "")
    yield from _write_failures(facts)


def _write_failures(facts: Facts) -> Iterator[str]:
    for name, record in (facts.get("formats") or {}).items():
        if "error" in record:
            yield from (f"Not as {_code(name)}: {_plain(record['error'])[:300]}", "")


def _write_parameters(facts: Facts) -> Iterator[str]:
    if facts.get("members"):
        return
    yield from ("## Parameters", "")
    rows = [(_code(name), _code(value)) for name, value in facts["parameters"].items()]
    yield from _table(("parameter", "value"), rows)
    yield from () if rows else ("The sweep has none.", "")


def _write_search(facts: Facts) -> Iterator[str]:
    search = facts.get("search")
    if not search:
        return
    ends = ", ".join(f"{number} {state}" for state, number in search["trials"].items() if number)
    yield from ("## The search", "")
    rows = [
        ("trials", f"{sum(search['trials'].values())}: {ends}"),
        ("sampler", _code(search["sampler"])),
        ("pruner", _code(search["pruner"])),
        ("seed", _code(facts.get("seed"))),
    ]
    yield from _table(("", ""), rows)


def _write_data(facts: Facts) -> Iterator[str]:
    parts = facts.get("data_parts") or {}
    if not parts:
        return
    yield from ("## Data", "")
    rows = [
        (
            _code(name),
            _code(_shape(part["shape"])),
            _code(part["dtype"]),
            _code(part["sha256"][:16]),
        )
        if "sha256" in part
        else (_code(name), _code(part.get("elements", "")), "", "")
        for name, part in parts.items()
    ]
    yield from _table(("array", "shape", "dtype", "SHA-256 begins with"), rows)


def _table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    rows = list(rows)
    if not rows:
        return
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(str(cell) for cell in row)} |"
    yield ""


def _plain(value: Any) -> str:
    """Give a text on one line that Markdown and HTML show as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(str(value).split()))


def _code(value: Any) -> str:
    text = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{text}`"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else "-"


def _shape(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def _pairs(values: Facts) -> str:
    return ", ".join(f"{_plain(name)} {_plain(value)}" for name, value in values.items())
