"""Tables and plots of docs/performance.md come from the records, and nothing else."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.figures import Column, Figures, read_figures
from benchmarks.plots import Line, draw_bars, draw_lines
from benchmarks.report import list_records, list_stale, render_page

FOLDER = Path(__file__).parents[2] / "benchmarks"
PARTS = {
    "commands", "environments", "figures", "images", "plots", "replay", "report", "stub_server",
}  # fmt: skip
BENCHMARKS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in PARTS)


def make_figures() -> Figures:
    """Make a record of two rows."""
    columns = (Column("who", "who"), Column("seconds", "seconds", ".1f"))
    rows = [{"who": "ours", "seconds": 1.25}, {"who": "peer", "seconds": None}]
    machine = {
        "date": "2026-11-25", "platform": "Linux x86_64", "cpu": "a CPU", "cores": 2,
        "memory_gb": 24.0, "load_before": 0.1, "python": "3.11.7", "packages": {"keras": "3.15.1"},
    }  # fmt: skip
    return Figures("speed", columns, rows, (0, 1), {}, machine, "python benchmarks/speed.py")


def test_performance_page_and_plots_say_what_the_records_say() -> None:
    """Nobody edits a figure by hand, and none is older than its record."""
    assert not list_stale(), "run python benchmarks/report.py"


def test_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Columns, rows and all; nothing unfinished is left beside it."""
    figures = make_figures()
    figures.write(tmp_path / "speed.json")
    assert read_figures(tmp_path / "speed.json") == Figures(
        **{**vars(figures), "columns": list(figures.columns), "seeds": [0, 1]}
    )
    assert [path.name for path in tmp_path.iterdir()] == ["speed.json"]


def test_page_gets_the_table_between_its_markers() -> None:
    """What has no record stays, and so does the text around."""
    page = (
        "a\n<!-- figures: speed -->\nold\n<!-- end -->\nb\n<!-- figures: x -->\nc\n<!-- end -->\n"
    )
    text = render_page(page, {"speed": make_figures()})
    assert "| ours | 1.2 |" in text
    assert "| peer | - |" in text
    assert "`python benchmarks/speed.py`, 2026-11-25, seeds 0, 1; 2 cores of a CPU" in text
    assert "old" not in text
    assert text.endswith("b\n<!-- figures: x -->\nc\n<!-- end -->\n")
    assert render_page(text, {"speed": make_figures()}) == text


def test_stale_page_is_found(tmp_path: Path) -> None:
    """The comparison bites."""
    page = tmp_path / "page.md"
    page.write_text("<!-- figures: speed -->\nold\n<!-- end -->\n")
    make_figures().write(tmp_path / "results" / "speed.json")
    assert list(list_stale(page, tmp_path / "results", tmp_path)) == [page]


def test_plots_are_well_formed_and_name_everybody() -> None:
    """Names are escaped, and every bar and line has its own."""
    bars = draw_bars("a & b", [("ours <1>", 1.0), ("peer", 2.0)], unit="s")
    lines = draw_lines("t", [Line("ours", [(1.0, 0.5), (2.0, 0.9)])], target=0.8)
    for plot, names in ((bars, ["a & b", "ours <1>", "peer"]), (lines, ["t", "ours"])):
        texts = [element.text for element in ET.fromstring(plot).iter() if element.text]
        assert set(names) <= set(texts)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_has_one_form(name: str) -> None:
    """Each takes --quick and --json, and keeps its figures in the one form of a record."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert {"make_parser", "Figures"} <= called


def test_every_record_belongs_to_a_benchmark() -> None:
    """No record outlives its script."""
    names = {record.benchmark.partition("-")[0] for record in list_records().values()}
    assert names <= set(BENCHMARKS)
