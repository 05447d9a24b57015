"""The benchmark of throughput still runs: its short form, with real trials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import throughput


def test_throughput_gives_everybody_the_same_trials_and_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours and the Optuna script train both trials, and the table compares them with the limit."""
    throughput.main(["--quick", "--json", str(tmp_path / "throughput.json")])
    record = json.loads((tmp_path / "throughput.json").read_text())
    rows = {row["who"]: row for row in record["rows"]}
    assert rows.keys() == {"keras-sweeps", "Optuna script", "limit: the arithmetic alone"}
    assert rows["keras-sweeps"]["ratio"] == 1.0
    assert 0 < rows["keras-sweeps"]["export"] < rows["keras-sweeps"]["seconds"]
    for name in ("keras-sweeps", "Optuna script"):
        assert 0 < rows[name]["efficiency"] < 1
        assert 0.1 < rows[name]["accuracy"] < 1
    assert "efficiency" in capsys.readouterr().out


def test_work_is_that_of_the_published_table() -> None:
    """24 trials, half of them MLPs, 5 epochs, batches of 64 or 128; the same every time."""
    work = throughput.choose_work(quick=False, long=False)
    assert work == throughput.choose_work(quick=False, long=False)
    kinds = [trial["kind"] for trial in work.trials]
    assert (kinds.count("mlp"), kinds.count("cnn")) == (12, 12)
    assert {trial["batch_size"] for trial in work.trials} == {64, 128}
    assert (work.epochs, work.images) == (5, (10_000, 2_000))


def test_summary_takes_medians_and_divides_the_limit_by_them() -> None:
    """One slow round does not move the table."""
    rounds = {
        "limit": [{"seconds": 10.0}, {"seconds": 11.0}, {"seconds": 90.0}],
        "ours": [{"seconds": 22.0}, {"seconds": 99.0}, {"seconds": 20.0}],
        "loky": [{"seconds": 55.0}],
        "ray": [],
    }
    rows = throughput.summarize(rounds)
    assert [(row["who"], row["seconds"], row.get("ratio")) for row in rows] == [
        ("keras-sweeps", 22.0, 1.0),
        ("Optuna + joblib loky, warm processes", 55.0, 2.5),
        ("limit: the arithmetic alone", 11.0, None),
    ]
    assert [row["efficiency"] for row in rows] == [0.5, 0.2, 1.0]


def test_trials_left_out_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who trains less than all trials has no time to compare."""
    peers = tmp_path / "peers"
    peers.mkdir()
    (peers / "loky_script.py").write_text(
        "import json, os\n"
        "with open(os.environ['BENCHMARK_WORK'] + '/log.jsonl', 'w') as log:\n"
        "    log.write(json.dumps({'value': 0.5}))\n"
    )
    monkeypatch.setattr(throughput, "PEERS", peers)
    work = throughput.choose_work(quick=True, long=False)
    import sys

    with pytest.raises(RuntimeError, match="loky finished 1 of 2 trials"):
        throughput.measure("loky", Path(sys.executable), work, tmp_path)
