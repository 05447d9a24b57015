"""Which trials `extend` continues, and that they end as if trained longer, interrupted or not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.checkpoints.store import BestCheckpoint, BestStore, LatestStore
from sweeps.cli.app import run_command_line
from sweeps.durable import read_json, write_bytes
from sweeps.errors import CheckpointError, NoLeaderError, OptionError, SweepsError
from sweeps.extending import choose_sources, extend_trials
from sweeps.paths import SweepPaths, TrialPaths
from sweeps.search.study import Study, open_study
from sweeps.search.trials import TrialOutcome
from sweeps.spec.model import SweepSpec
from sweeps.worker.events import EpochReported
from sweeps.worker.extensions import prepare_extensions
from tests.conftest import MakeSpace
from tests.processes import interrupt_sweep
from tests.search.sample_sweeps import SWEEP_ID, make_spec
from tests.states import hash_state

VALUES = {0: 0.5, 1: 0.9, 2: 0.7, 3: 0.7}


@pytest.fixture
def paths(tmp_path: Path) -> SweepPaths:
    """Make a folder for a sweep."""
    return SweepPaths(tmp_path / "digits")


def open_finished(paths: SweepPaths, *, spec: SweepSpec | None = None, epochs: int = 4) -> Study:
    """Open a study whose trials 0 to 3 are complete with all files; the fifth is pruned."""
    paths.root.mkdir()
    study = open_study(paths, spec or make_spec(), sweep_id=SWEEP_ID)
    for number, value in VALUES.items():
        study.ask()
        end_trial(paths, study, number, value, epochs)
    study.ask()
    study.tell(4, TrialOutcome("pruned", 0.99, 1))
    return study


def end_trial(paths: SweepPaths, study: Study, number: int, value: float, epochs: int) -> None:
    trial = paths.trial(number)
    digest = BestStore(trial).write("best.keras", write_model)
    BestStore(trial).commit(BestCheckpoint("best.keras", value, 1, digest))
    LatestStore(trial).commit(epochs, write_model, {"callbacks": []})
    study.tell(number, TrialOutcome("complete", value, 1, "best.keras"))


def write_model(path: Path) -> None:
    path.write_bytes(b"model")


def choose(paths: SweepPaths, study: Study, *, top: int = 3, epochs: int = 8) -> list[int]:
    return choose_sources(paths, make_spec(), study.trials(), top=top, epochs=epochs)


@pytest.mark.parametrize(("top", "numbers"), [(1, [1]), (3, [1, 2, 3]), (9, [1, 2, 3, 0])])
def test_choose_sources_takes_the_best_complete_trials(
    paths: SweepPaths, top: int, numbers: list[int]
) -> None:
    """A pruned one is never among them, and of equal ones the first comes first."""
    with open_finished(paths) as study:
        assert choose(paths, study, top=top) == numbers


def test_choose_sources_takes_what_was_extended_from_where_it_is_now(paths: SweepPaths) -> None:
    """A chain of trials is one candidate, by its best value; asked for again, it is passed over."""
    with open_finished(paths) as study:
        extend_trials(paths, make_spec(), study, top=2, epochs=8)
        assert choose(paths, study, top=2) == []  # both are to be continued
        assert choose(paths, study, top=3) == [3]
        with pytest.raises(OptionError, match="trial 0005 is being extended to 8 epochs"):
            choose(paths, study, top=2, epochs=12)
        end_trial(paths, study, 5, 0.9, 8)
        study.tell(6, TrialOutcome("failed", cause="error"))
        assert choose(paths, study, top=2) == [2]
        assert choose(paths, study, top=2, epochs=12) == [5, 2]
        with pytest.raises(OptionError, match="have been extended to it already"):
            choose(paths, study, top=1)


def lose_state(paths: SweepPaths) -> None:
    LatestStore(paths.trial(2)).clear()


def lose_checkpoint(paths: SweepPaths) -> None:
    (paths.trial(2).checkpoints / "best.keras").unlink()


@pytest.mark.parametrize(
    ("lose", "message"),
    [
        (lose_state, "trial 0002 cannot be extended: the state .* was deleted .* keep.latest"),
        (lose_checkpoint, "trial 0002 cannot be extended: .* the checkpoint is gone"),
    ],
)
def test_choose_sources_names_the_trial_whose_files_are_gone(
    paths: SweepPaths, lose: Any, message: str
) -> None:
    """It says which one, and the setting that would have kept them."""
    with open_finished(paths) as study:
        lose(paths)
        assert choose(paths, study, top=1) == [1]
        with pytest.raises(CheckpointError, match=message):
            choose(paths, study)


@pytest.mark.parametrize(
    ("options", "fields", "error", "message"),
    [
        ({"top": 0}, {}, OptionError, "--top 0: expected a whole number of at least 1"),
        ({"epochs": 0}, {}, OptionError, "--epochs 0: expected"),
        ({"epochs": 4}, {}, OptionError, "trial 0001 has trained 4 epochs already"),
        ({}, {"repeats": 2}, OptionError, "trained several times"),
        ({}, {"folds": 3}, OptionError, "trained several times"),
    ],
)
def test_choose_sources_refuses_what_makes_no_sense(
    paths: SweepPaths,
    options: dict[str, int],
    fields: dict[str, int],
    error: type[SweepsError],
    message: str,
) -> None:
    """Every mistake is told before anything is started."""
    with open_finished(paths) as study:
        given = {"top": 3, "epochs": 8, **options}
        with pytest.raises(error, match=message):
            choose_sources(paths, make_spec(**fields), study.trials(), **given)
        with pytest.raises(NoLeaderError, match="no trial has completed"):
            choose_sources(paths, make_spec(), [study.trials()[4]], top=1, epochs=8)


def test_prepare_extensions_copies_once_and_fails_what_cannot_be_continued(
    paths: SweepPaths,
) -> None:
    """A killed driver left trials without a folder: one gets it, one whose source is gone ends."""
    with open_finished(paths) as study:
        write_bytes(paths.trial(1).history, b"epoch")
        extend_trials(paths, make_spec(), study, top=2, epochs=8)
        lose_checkpoint(paths)
        prepare_extensions(paths, study)
        trials = study.trials()
        assert (trials[5].state, paths.trial(5).latest.exists()) == ("running", True)
        assert (trials[6].state, trials[6].cause) == ("failed", "source")
        assert not paths.trial(6).root.exists()
        LatestStore(paths.trial(5)).clear()
        prepare_extensions(paths, study)
        assert not paths.trial(5).latest.exists()


SHORT = "{epochs: 2, batch_size: 16}"
LONG = "{epochs: 4, batch_size: 16}"


def read_end(trial: TrialPaths) -> tuple[Any, ...]:
    """Read the bits of a trial's end, and its history."""
    state = LatestStore(trial).find()
    assert state is not None
    return hash_state(state), read_history(trial)


def read_history(trial: TrialPaths) -> list[dict[str, str]]:
    with trial.history.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("shared_engine")
def test_extend_interrupted_and_resumed_equals_a_longer_sweep(
    make_space: MakeSpace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The winners' weights, history and values are those of trials that began with more epochs."""
    lines = {"limits": "{trials: 2, workers: 1}", "pruner": "none", "sampler": "random"}
    folder = sweeps.run(make_space(training=SHORT, **lines), results=tmp_path / "short").folder

    def interrupt(event: object) -> None:
        if isinstance(event, EpochReported) and event.epoch == 3:
            interrupt_sweep()

    cut = sweeps.extend(folder, epochs=4, top=2, observer=interrupt)
    assert [trial.state for trial in cut.trials[2:]] == ["interrupted"] * 2
    assert run_command_line(["status", str(folder)]) == 0
    assert "2 of 2 finished" in (told := capsys.readouterr().out)
    assert "continue with: python -m sweeps resume" in told
    report = sweeps.resume(folder)
    assert report.stopped == ""
    whole = sweeps.run(make_space(training=LONG, **lines), results=tmp_path / "long")
    assert len(report.trials) == 4
    for source in report.trials[:2]:
        assert not SweepPaths(folder).trial(source.number).latest.exists()
    for trial in report.trials[2:]:
        assert trial.extends is not None
        expected = whole.trials[trial.extends.number]
        assert (trial.value, trial.best_epoch) == (expected.value, expected.best_epoch)
        assert (trial.reports, trial.params) == (expected.reports, expected.params)
        end = read_end(SweepPaths(folder).trial(trial.number))
        assert end == read_end(SweepPaths(whole.folder).trial(expected.number))
        outcome = read_json(SweepPaths(folder).trial(trial.number).outcome)
        assert (outcome["extends"], outcome["resume"]) == (expected.number, "exact")
    assert report.best is not None
    assert report.manifest is not None
    assert report.manifest["trial"] == report.best.number
    assert run_command_line(["show", str(folder), "2"]) == 0
    assert f"trial {report.trials[2].extends.number:04d}" in capsys.readouterr().out
    assert run_command_line(["status", str(folder)]) == 0
    assert "2 of 2 finished and 2 extended: 4 complete" in capsys.readouterr().out


@pytest.mark.usefixtures("shared_engine")
def test_survivors_of_successive_halving_continue_in_place(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """Promoted trials train each epoch once, in one attempt; only the losers end early."""
    space = make_space(
        pruner="{name: asha, min_epochs: 1, reduction_factor: 2}",
        limits="{trials: 5, workers: 1}",
        training="{epochs: 4, batch_size: 16}",
        sampler="random",
    )
    report = sweeps.run(space, results=tmp_path)
    paths = SweepPaths(report.folder)
    survivors = [trial for trial in report.trials if trial.state == "complete"]
    losers = [trial for trial in report.trials if trial.state == "pruned"]
    assert survivors
    assert losers
    for trial in report.trials:
        rows = read_history(paths.trial(trial.number))
        assert [int(row["epoch"]) for row in rows] == list(range(1, trial.epoch + 1))
        assert trial.attempt == 1
    assert {trial.epoch for trial in survivors} == {4}
    assert all(trial.epoch in (1, 2) for trial in losers)
    kept = sorted(survivors, key=lambda trial: (-(trial.value or 0), trial.number))[:3]
    for trial in report.trials:
        assert paths.trial(trial.number).latest.exists() == (trial in kept)
