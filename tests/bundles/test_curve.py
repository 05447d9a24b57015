"""Tests of `sweeps.bundles.curve`."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sweeps.bundles.curve import draw_curve, read_history

SVG = "{http://www.w3.org/2000/svg}"
HISTORY = [
    {"epoch": 1, "loss": 2.0, "accuracy": 0.5, "val_loss": 2.5, "val_accuracy": 0.25},
    {"epoch": 2, "loss": 1.0, "accuracy": 0.75, "val_loss": 1.5, "val_accuracy": 0.75},
    {"epoch": 3, "loss": 0.5, "accuracy": 1.0, "val_loss": 1.75, "val_accuracy": 0.5},
]


def read_lines(picture: str) -> list[list[tuple[float, float]]]:
    """Read the points of every line; the picture has to be well-formed XML."""
    root = ET.fromstring(picture)
    return [
        [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
        for line in root.iter(f"{SVG}polyline")
    ]


def test_draw_curve_draws_metric_and_loss_of_both_splits() -> None:
    """Four lines of three points; a larger value lies higher, and a later epoch to the right."""
    lines = read_lines(draw_curve(HISTORY, "val_accuracy", 2))
    assert [len(line) for line in lines] == [3, 3, 3, 3]
    validation = lines[1]
    assert validation[0][0] < validation[1][0] < validation[2][0]
    assert validation[1][1] < validation[2][1] < validation[0][1]


def test_draw_curve_of_a_loss_has_one_panel() -> None:
    """Where the objective is the loss, it is not drawn twice."""
    assert len(read_lines(draw_curve(HISTORY, "val_loss", 2))) == 2


def test_draw_curve_marks_the_best_epoch() -> None:
    """A dashed line stands at the epoch that was kept, in each panel; none where nobody knows."""
    picture = draw_curve(HISTORY, "val_accuracy", 2)
    assert picture.count("stroke-dasharray") == 2
    root = ET.fromstring(picture)
    marks = [line for line in root.iter(f"{SVG}line") if line.get("stroke-dasharray")]
    assert {float(line.get("x1", "")) for line in marks} == {read_lines(picture)[0][1][0]}
    assert "stroke-dasharray" not in draw_curve(HISTORY, "val_accuracy", None)


def test_draw_curve_leaves_a_gap_where_there_is_no_number() -> None:
    """An epoch without validation, or with NaN, has no point; one epoch alone is a picture too."""
    rows = [HISTORY[0], {"epoch": 2, "loss": math.nan}, HISTORY[2]]
    assert [len(line) for line in read_lines(draw_curve(rows, "val_loss", 3))] == [2, 2]
    assert [len(line) for line in read_lines(draw_curve(HISTORY[:1], "val_loss", 1))] == [1, 1]


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e9, -3.5])
def test_draw_curve_of_equal_values_is_a_line(value: float) -> None:
    """A metric that never changes has a scale all the same."""
    rows = [{"epoch": epoch, "loss": value} for epoch in (1, 2, 3)]
    (line,) = read_lines(draw_curve(rows, "loss", None))
    assert len({y for _, y in line}) == 1


def test_draw_curve_writes_names_as_text() -> None:
    """A metric's name is the user's: it cannot become a part of the picture."""
    rows = [{"epoch": 1, "<script>": 1.0}]
    picture = draw_curve(rows, "<script>", None)
    assert "<script>" not in picture
    assert len(read_lines(picture)) == 1


def test_read_history_takes_the_numbers(tmp_path: Path) -> None:
    """Empty cells and lists are left out; where there is no file there is no history."""
    path = tmp_path / "history.csv"
    assert read_history(path) == []
    path.write_text('epoch,loss,val_loss,each\n1,0.5,,"[1, 2]"\n2,0.25,nan,3\n')
    first, second = read_history(path)
    assert first == {"epoch": 1, "loss": 0.5}
    assert math.isnan(second.pop("val_loss"))
    assert second == {"epoch": 2, "loss": 0.25, "each": 3}
