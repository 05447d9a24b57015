"""The benchmark of time to accuracy still runs, and its table says what the logs say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import time_to_accuracy
from benchmarks.time_to_accuracy import Course, read_course, summarize


def test_time_to_accuracy_ends_at_the_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours searches until it has what two random trials had, and no further."""
    time_to_accuracy.main(["--quick", "--json", str(tmp_path / "figures.json")])
    record = json.loads((tmp_path / "figures.json").read_text())
    drawn, ours = record["rows"]
    assert drawn["who"].startswith("random search")
    assert (ours["who"], ours["reached"], ours["seeds"]) == ("keras-sweeps", 1, 1)
    course = next(each for each in record["details"]["courses"] if each["who"] == ours["who"])
    assert course["steps"][-1][0] == ours["seconds"]
    assert course["steps"][-1][1] >= ours["target"]
    assert "times ours" in capsys.readouterr().out


def test_course_is_read_from_a_log_that_is_being_written(tmp_path: Path) -> None:
    """Only improvements count, in the order of their time; half a line is not read yet."""
    log = tmp_path / "log.jsonl"
    assert read_course(log, 100.0) == Course(())
    entries = [(103.0, 0.7), (101.0, 0.5), (102.0, 0.4), (104.0, 0.7)]
    lines = [json.dumps({"time": moment, "value": value}) for moment, value in entries]
    log.write_text("\n".join([*lines, '{"time": 105.0, "va']))
    course = read_course(log, 100.0)
    assert course.steps == ((1.0, 0.5), (3.0, 0.7))
    assert course.find_time(0.6) == 3.0
    assert course.find_time(0.8) is None


def test_summary_counts_a_search_without_the_target_as_infinite() -> None:
    """A median over searches of which most did not get there is left out, never flattered."""
    good, bad = Course(((4.0, 0.9),)), Course(((1.0, 0.5),))
    courses = {
        "digits": {"ours": {0: good, 1: good, 2: bad}, "asha": {0: good, 1: bad, 2: bad}},
    }
    ours, asha = summarize(courses, {"digits": 0.8})
    assert (ours["seconds"], ours["slowest"], ours["reached"], ours["ratio"]) == (4.0, None, 2, 1.0)
    assert (asha["seconds"], asha["fastest"], asha["reached"], asha["ratio"]) == (
        None,
        4.0,
        1,
        None,
    )
