"""The figures of a benchmark: one table on the screen, one JSON file that keeps them.

Every benchmark has the options ``--quick`` and ``--json FILE``, prints one table, and writes one
record of the form that `Figures` describes. `benchmarks/report.py` makes the tables and plots of
``docs/performance.md`` from those records.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

SCHEMA = 1
PACKAGES = ("tensorflow", "keras", "optuna", "keras-tuner", "joblib", "numpy")


def describe_machine() -> dict[str, Any]:
    """Describe what is measured on, with the moment and how busy it was just before."""
    return {
        "date": time.strftime("%F"),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _name_cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _find_version(name))},
    }


def describe_command() -> str:
    """Give the command line as one would type it in the repository, without ``--json``."""
    arguments, given = [], iter(sys.argv[1:])
    for argument in given:
        if argument == "--json":
            next(given, None)
        elif not argument.startswith("--json="):
            arguments.append(argument)
    return " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *arguments])


def _name_cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _find_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: Which figure of a row stands in it.
        title: Its head.
        form: How a number is written, as for `format`; empty for texts.
    """

    key: str
    title: str
    form: str = ""

    def write(self, row: Mapping[str, Any]) -> str:
        """Write the row's figure; a dash where it has none."""
        value = row.get(self.key)
        if value is None:
            return "-"
        return value if isinstance(value, str) else format(value, self.form)


@dataclass
class Figures:
    """The record of one benchmark, complete whenever it is written.

    Attributes:
        benchmark: Name of its script.
        command: What to type to measure again.
        columns: The table's columns.
        rows: Its rows: a figure by each column's key.
        seeds: From which the work is drawn.
        machine: Where it was measured, and when.
        details: What else was measured: single rounds, bounds, curves.
    """

    benchmark: str
    columns: Sequence[Column]
    rows: list[dict[str, Any]] = field(default_factory=list)
    seeds: Sequence[int] = ()
    details: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=describe_machine)
    command: str = field(default_factory=describe_command)

    def write(self, path: Path | None) -> None:
        """Write the record; an older one stays until the new one is complete.

        Args:
            path: Where to; None writes nothing.
        """
        if path is None:
            return
        record = {"schema": SCHEMA, **asdict(self)}
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.tmp")
        unfinished.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)

    def print(self) -> None:
        """Print the table."""
        print(f"\n{draw_table(self.columns, self.rows)}", flush=True)


def read_figures(path: Path) -> Figures:
    """Read a record that `Figures.write` wrote.

    Raises:
        ValueError: A newer version wrote it.
    """
    record = json.loads(path.read_text(encoding="utf-8"))
    schema = record.pop("schema")
    if schema > SCHEMA:
        raise ValueError(f"{path}: schema {schema}; this version reads up to {SCHEMA}.")
    record["columns"] = [Column(**column) for column in record["columns"]]
    return Figures(**record)


def draw_table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw a table for the screen: the first column to the left, the others to the right."""
    cells = [[column.title for column in columns]]
    cells += [[column.write(row) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def make_parser(doc: str | None, quick: str) -> argparse.ArgumentParser:
    """Make a parser with the options that all benchmarks have.

    Args:
        doc: What the benchmark measures.
        quick: What is less in the short form.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"the short form: {quick}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return parser
