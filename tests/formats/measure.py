"""Exports the models in every format, proves each as an export does, and notes the outcome."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sweeps.bundles.clean_child import Runtimes
from sweeps.bundles.formats import FORMATS
from sweeps.bundles.proving import Model, make_formats
from sweeps.paths import BundlePaths
from sweeps.training.arrays import write_arrays
from sweeps.training.data import Split
from sweeps.training.signature import take_samples
from tests.formats import models

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
PART = re.compile(r"(?<=<!-- measured: formats -->\n).*?(?=<!-- end -->)", re.DOTALL)

Records = Mapping[str, Mapping[str, Any]]


def measure(name: str, folder: Path, runtimes: Runtimes) -> Records:
    """Export a model in every format; gives what the manifest would say of each."""
    model, inputs = models.MODELS[name]()
    bundle = BundlePaths(folder)
    model.save(bundle.model)
    signature, arrays, outputs = take_samples(model, Split(inputs, None), 6)
    bundle.sample_inputs.parent.mkdir()
    write_arrays(bundle.sample_inputs, arrays)
    write_arrays(bundle.sample_outputs, outputs)
    custom = models.__file__ if name in models.CUSTOM else None
    return make_formats(Model(bundle, signature, "", custom), FORMATS, runtimes)


def write_row(name: str, records: Records) -> str:
    """Write the line of the table that tells of a model."""
    cells = ["no" if "error" in records[each] else "yes" for each in FORMATS]
    return f"| {describe(name)} | {' | '.join(cells)} |"


def write_reasons(name: str, records: Records) -> list[str]:
    """Write what the runtimes said where a format did not work, a line each."""
    return [
        f"- {describe(name)}, {each}: {shorten(record['error'])}"
        for each, record in records.items()
        if "error" in record
    ]


def describe(name: str) -> str:
    """Tell in a few words what a model is."""
    return (models.MODELS[name].__doc__ or "").strip().removesuffix(".")


def shorten(reason: str) -> str:
    """Give the beginning of a reason without what differs from machine to machine."""
    text = re.sub(r"(/[\w.-]+){2,}/?", "...", " ".join(reason.split()))
    text = re.sub(r"0x[0-9a-f]+", "...", text).replace("|", "\\|").replace("`", "'")
    return f"`{text[:200]}{'...' if len(text) > 200 else ''}`"


def write_table(measured: Mapping[str, Records]) -> str:
    """Write the table of all models, and the reasons below it."""
    head = f"| model | {' | '.join(FORMATS)} |"
    rows = [write_row(name, records) for name, records in measured.items()]
    reasons = [line for name, records in measured.items() for line in write_reasons(name, records)]
    lines: Iterable[str] = [head, "|---" * (len(FORMATS) + 1) + "|", *rows, ""]
    return "\n".join([*lines, "What the runtimes say where it does not work:", "", *reasons, ""])


def read_rows(page: str) -> list[str]:
    """Read the lines of the table that the page shows."""
    found = PART.search(page)
    assert found is not None
    return [line for line in found[0].splitlines() if line.startswith("| ")][1:]
