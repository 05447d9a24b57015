"""What a sweep does about trials that end badly, with real trials."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.cli.outcome import tell_outcome
from sweeps.engines.local import LocalEngine
from sweeps.paths import SweepPaths
from sweeps.reading import SweepReport
from sweeps.worker.events import Event, Notice
from tests.conftest import FAKES, MakeSpace

Run = Callable[..., SweepReport]
PARAMETERS = "parameters: {fault: [%s], kind: wide, units: 8, learning_rate: 0.01}\n"


@pytest.fixture
def run_faulty(make_space: MakeSpace, tmp_path: Path, shared_engine: object) -> Run:
    """Run a sweep with one trial for each fault, first of all those given."""

    def run(
        *faults: str, name: str = "tiny", retries: str = "{}", trials: int = 0, **options: Any
    ) -> SweepReport:
        for module in ("tiny_model.py", "failing_model.py"):
            shutil.copy(FAKES / module, tmp_path)
        space = make_space(
            PARAMETERS % ", ".join(dict.fromkeys(faults)),
            name=name,
            model="failing_model.py:build",
            data="failing_model.py:load",
            limits=f"{{trials: {trials or len(faults)}, workers: 2, retries: {retries}}}",
            training="{epochs: 3, batch_size: 16, callbacks: failing_model.py:make}",
            pruner="none",
            sampler="random",
        )
        queued = [{"fault": fault} for fault in faults]
        return sweeps.run(space, results=tmp_path, enqueue=queued, **options)

    return run


def read_outcome(report: SweepReport, number: int) -> dict[str, Any]:
    outcome: dict[str, Any] = json.loads(
        SweepPaths(report.folder).trial(number).outcome.read_text()
    )
    return outcome


def read_best(report: SweepReport, number: int) -> dict[str, Any]:
    best: dict[str, Any] = json.loads(SweepPaths(report.folder).trial(number).best.read_text())
    return best


def test_run_tries_again_as_often_as_retries_says(
    run_faulty: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A killed trial gets one more attempt from its latest state, a raised error none unasked."""
    notices: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)

    faults = ("kill once", "kill", "raise once", "diverge", "memory once")
    report = run_faulty(*faults, retries="{error: 1}", observer=observe)
    ends = [(trial.state, trial.cause, trial.attempt) for trial in report.trials]
    assert ends == [
        ("complete", None, 2),
        ("failed", "killed", 2),
        ("complete", None, 2),
        ("failed", "diverged", 1),
        ("complete", None, 2),
    ]
    for number, cause in ((0, "killed"), (1, "killed"), (2, "error"), (4, "out of memory")):
        earlier = read_outcome(report, number)["earlier_attempts"]
        assert [(each["attempt"], each["cause"]) for each in earlier] == [(1, cause)]
    assert read_outcome(report, 0)["resume"] == "exact"
    assert sum("It goes on in attempt 2." in text for text in notices) == 4

    undisturbed = run_faulty("kill once", name="undisturbed")  # it happened already
    assert undisturbed.trials[0].attempt == 1
    assert undisturbed.trials[0].reports == report.trials[0].reports
    assert read_best(undisturbed, 0)["value"] == read_best(report, 0)["value"]

    diverged = report.trials[3]
    assert (diverged.epoch, diverged.best_epoch) == (1, 1)
    assert diverged.value == diverged.reports[1]
    assert read_best(report, 3)["epoch"] == 1
    assert report.best is not None
    assert report.best.state == "complete"

    halved = read_outcome(report, 4)
    assert (halved["batch_size"], halved["gradient_accumulation_steps"]) == (8, 2)
    assert halved["resume"] is None, "it began anew"
    assert (halved["loop"], halved["loop_reason"]) == ("compiled", "")
    history = SweepPaths(report.folder).trial(4).history.read_text().splitlines()
    assert [line.partition(",")[0] for line in history] == ["epoch", "1", "2", "3"]

    assert tell_outcome(report) == 0
    told = capsys.readouterr().out
    assert "5 of 5 finished: 3 complete, 1 failed (killed), 1 failed (diverged)" in told


def test_run_out_of_memory_again_is_infeasible(
    run_faulty: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With half the batch size too, the sampler learns it and another trial takes its place."""
    monkeypatch.setattr("sweeps.worker.supervisor.MAX_OUT_OF_MEMORY", 2)
    report = run_faulty("memory", trials=1)
    assert [(trial.state, trial.cause, trial.attempt) for trial in report.trials] == [
        ("pruned", "out of memory", 2),
        ("pruned", "out of memory", 2),
    ]
    assert all(trial.is_infeasible for trial in report.trials)
    assert report.trials[0].reason is not None
    assert report.trials[0].reason.startswith("MemoryError (at ")
    assert "Its batch size had been divided by 2 already." in report.trials[0].reason
    assert report.stopped.startswith("2 trials in a row had a model that is too large; the last")
    outcome = read_outcome(report, 0)
    assert (outcome["batch_size"], outcome["attempt"]) == (8, 2)


def test_run_same_error_in_the_first_trials_ends_the_sweep(
    run_faulty: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    local_engine: LocalEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first three tell enough: the error is shown once, and the sweep goes on once mended."""
    dispatch = local_engine.dispatch  # here one whose results are heard of when it is too late
    monkeypatch.setattr(local_engine, "dispatch", lambda *given: iter(list(dispatch(*given))))
    report = run_faulty("raise", trials=20)
    failed = [trial for trial in report.trials if trial.state == "failed"]
    assert 3 <= len(failed) <= 4, "the other worker may have been training one"
    assert report.stopped.startswith(
        "the first 3 trials failed with the same error: ValueError: process "
    )
    assert f"(at {tmp_path}/failing_model.py:4" in report.stopped
    assert tell_outcome(report) == 1
    told = capsys.readouterr().out
    assert told.count("in on_epoch_end)") <= 1 + (len(failed) - 1), "each process has its number"
    assert "resume --accept-change" in told

    module = tmp_path / "failing_model.py"
    module.write_text(module.read_text().replace("raise ValueError", "str"))
    resumed = sweeps.resume(
        report.folder, accept_change=True, overrides=[f"limits.trials={len(failed) + 1}"]
    )
    numbers = {trial.number for trial in failed}
    assert {trial.state for trial in resumed.trials if trial.number in numbers} == {"failed"}
    assert resumed.best is not None
    assert resumed.stopped == ""
