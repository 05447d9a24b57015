"""Writes the tables and plots of ``docs/performance.md`` from the records of the benchmarks.

Run from the repository: ``python benchmarks/report.py [--check]``. A table stands between
``<!-- figures: NAME -->`` and ``<!-- end -->`` and is that of ``benchmarks/results/NAME.json``,
with machine, date, seeds and command below it. What has no record stays as it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import Figures, read_figures
from benchmarks.plots import Line, draw_bars, draw_lines

HOME = Path(__file__).parents[1]
PAGE = HOME / "docs" / "performance.md"
RESULTS = HOME / "benchmarks" / "results"
PLOTS = HOME / "docs" / "plots"

_BLOCK = re.compile(
    r"(?P<begin><!-- figures: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)


def list_records(results: Path = RESULTS) -> dict[str, Figures]:
    """Read all records, by name."""
    names = sorted(results.glob("*.json"))
    return {path.stem: read_figures(path) for path in names if not path.stem.startswith("curves-")}


def render_page(text: str, records: dict[str, Figures]) -> str:
    """Put the tables of the records into a page."""

    def fill(found: re.Match[str]) -> str:
        record = records.get(found["name"])
        return found[0] if record is None else f"{found['begin']}{render(record)}{found['end']}"

    return _BLOCK.sub(fill, text)


def render(record: Figures) -> str:
    """Write a record as a table of Markdown, with what it was measured on and how."""
    cells = [[column.title for column in record.columns], ["---"] * len(record.columns)]
    cells += [[column.write(row) for column in record.columns] for row in record.rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in cells)
    plots = "".join(f"\n![{name}](plots/{name})\n" for name in draw_plots([record]))
    return f"\n{table}\n{plots}\n{describe(record)}\n"


def describe(record: Figures) -> str:
    """Say on what, when, from which seeds and by which command."""
    machine = record.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"`{record.command}`, {machine['date']}, {_list_seeds(record.seeds)}; "
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']:.0f} GB, "
        f"{machine['platform']}, load {machine['load_before']} before; "
        f"Python {machine['python']}, {packages}."
    )


def _list_seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > 3 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}" if seeds else "no seed"


def draw_plots(records: Iterable[Figures]) -> dict[str, str]:
    """Draw the plots of all records that have one, by file name."""
    titles = {"throughput": "24 short trials", "throughput-long": "4 long trials"}
    plots = {}
    for record in records:
        if record.benchmark in titles:
            bars = [(row["who"], row["seconds"]) for row in record.rows]
            bars.sort(key=lambda bar: ("keras-sweeps" not in bar[0], bar[1]))
            title = f"{titles[record.benchmark]}: seconds from start to exit"
            plots[f"{record.benchmark}.svg"] = draw_bars(title, bars, unit="s")
        if record.benchmark == "time_to_accuracy":
            plots |= _draw_courses(record)
    return plots


def _draw_courses(record: Figures) -> dict[str, str]:
    targets: dict[str, float] = {row["data"]: row["target"] for row in record.rows}
    plots = {}
    for data, target in targets.items():
        courses: list[dict[str, Any]] = [
            course
            for course in record.details["courses"]
            if course["data"] == data and course["steps"] and "random" not in course["who"]
        ]
        lines = [Line(course["who"], course["steps"]) for course in courses]
        title = f"{data}: best validation accuracy so far, until the target; a line per seed"
        if lines:
            plots[f"time_to_accuracy-{data}.svg"] = draw_lines(title, lines, target=target)
    return plots


def list_stale(page: Path = PAGE, results: Path = RESULTS, plots: Path = PLOTS) -> dict[Path, str]:
    """List the files that are not as the records say, with what they should hold."""
    records = list_records(results)
    wanted = {page: render_page(page.read_text(encoding="utf-8"), records)}
    wanted |= {plots / name: plot for name, plot in draw_plots(records.values()).items()}
    return {
        path: text
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write what is stale, or only tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail where stale")
    options = parser.parse_args(arguments)
    stale = list_stale()
    for path, text in stale.items():
        print(f"{'stale' if options.check else 'written'}: {path.relative_to(HOME)}")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if options.check and stale:
        raise SystemExit("run: python benchmarks/report.py")


if __name__ == "__main__":
    main()
