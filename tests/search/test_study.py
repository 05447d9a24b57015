"""Tests of the study: asking, suggesting, reporting, telling, and opening it again."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from sweeps.errors import JournalError, ResumeRefusedError, SweepNotFoundError
from sweeps.paths import SweepPaths
from sweeps.search.journal import JournalBackend
from sweeps.search.replay import read_study
from sweeps.search.study import Study, open_study
from sweeps.search.trials import (
    InfeasibleSpaceError,
    ParameterError,
    SpaceExhaustedError,
    TrialFinishedError,
    TrialOutcome,
)
from sweeps.spec.parameters import Parameter
from tests.search.sample_sweeps import (
    FINITE,
    SWEEP_ID,
    finish,
    make_spec,
    score,
    train,
    without_times,
)


def open_sample(folder: Path, *args: object, **options: object) -> Study:
    return open_study(SweepPaths(folder), make_spec(*args, **options), sweep_id=SWEEP_ID)


def test_ask_gives_all_active_parameters_and_the_fixed_ones(tmp_path: Path):
    """A trial gets a value for each active parameter of the space, and none for the others."""
    study = open_sample(tmp_path)
    for _ in range(20):
        values = study.ask().values
        expected = {"optimizer", "rate", "units", "width", "decay", "layers"}
        if values["optimizer"] == "sgd":
            expected.add("momentum")
        if values.get("momentum", 0) > 0.5:
            expected.add("nesterov")
        assert values.keys() == expected
        assert values["layers"] == 3
        assert values["width"] in (1, 2, 4, 8, 16, 32, 64, 128)


def test_ask_numbers_trials_from_zero(tmp_path: Path):
    """Numbers count up without gaps, also after opening again."""
    with open_sample(tmp_path) as study:
        assert [study.ask().number for _ in range(3)] == [0, 1, 2]
    with open_sample(tmp_path) as study:
        assert study.ask().number == 3
        assert study.num_trials == 4


def test_ask_constraints_are_kept_without_spending_trials(tmp_path: Path):
    """A forbidden point is proposed anew: every trial that is begun fulfils the constraints."""
    study = open_sample(tmp_path, constraints=("units * width <= 512",))
    asked = [study.ask() for _ in range(30)]
    assert [trial.number for trial in asked] == list(range(30))
    assert all(trial.values["units"] * trial.values["width"] <= 512 for trial in asked)


def test_ask_impossible_constraint_fails_the_trial_and_says_so(tmp_path: Path):
    """A space without a feasible point is an error with the constraint in it, not a hang."""
    study = open_sample(tmp_path, constraints=("units > 1000",))
    with pytest.raises(InfeasibleSpaceError, match="units > 1000"):
        study.ask()
    assert [record.state for record in study.trials()] == ["failed"]
    assert study.interrupted() == ()


def test_ask_grid_used_up_raises_and_begins_no_trial(tmp_path: Path):
    """A finite space ends the sweep early."""
    study = open_sample(tmp_path, "grid", parameters=FINITE[:2])
    asked = [study.ask().values for _ in range(3)]
    with pytest.raises(SpaceExhaustedError, match="every configuration"):
        study.ask()
    assert asked == [
        {"optimizer": "adam"},
        {"optimizer": "sgd", "nesterov": False},
        {"optimizer": "sgd", "nesterov": True},
    ]
    assert study.num_trials == 3


def test_ask_takes_queued_trials_first_and_proposes_the_rest(tmp_path: Path):
    """What a user asks to try is tried next, with the values given."""
    with open_sample(tmp_path) as study:
        study.ask()
        queued = study.enqueue({"optimizer": "sgd", "momentum": 0.9, "units": 64})
        assert [record.state for record in study.trials()] == ["running", "waiting"]
    with open_sample(tmp_path) as study:
        asked = study.ask()
        assert asked.number == queued == 1
        chosen = {name: asked.values[name] for name in ("optimizer", "momentum", "units")}
        assert chosen == {"optimizer": "sgd", "momentum": 0.9, "units": 64}
        assert "rate" in asked.values
        assert study.ask().number == 2


def test_ask_queued_value_of_an_inactive_parameter_is_left_out(tmp_path: Path):
    """Conditions decide what is active, not the queue."""
    study = open_sample(tmp_path)
    study.enqueue({"optimizer": "adam", "momentum": 0.9})
    assert "momentum" not in study.ask().values


def test_enqueue_impossible_value_is_refused_at_once(tmp_path: Path):
    """The mistake shows where it is made, not when the trial begins."""
    study = open_sample(tmp_path)
    with pytest.raises(ParameterError, match="units: got 33"):
        study.enqueue({"units": 33})
    assert study.num_trials == 0


def test_suggest_parameter_of_the_code_is_proposed_once(tmp_path: Path):
    """A value stays what it was, also for the next attempt of the trial."""
    dropout = Parameter("dropout", "float", low=0.0, high=0.5)
    width = Parameter("depth", "int", low=1, high=64, step=2, scale="log")
    with open_sample(tmp_path) as study:
        number = study.ask().number
        first = [study.suggest(number, item) for item in (dropout, width)]
        assert [study.suggest(number, item) for item in (dropout, width)] == first
        assert study.trials()[0].params["depth"] == first[1]
    with open_sample(tmp_path) as study:
        assert [study.suggest(number, item) for item in (dropout, width)] == first
    assert 0 <= first[0] <= 0.5
    assert first[1] in (1, 2, 4, 8, 16, 32, 64)


def test_suggest_does_not_depend_on_the_order_of_suggests(tmp_path: Path):
    """A model that asks in another order after a resume gets the same values."""
    declared = [Parameter(name, "float", low=0, high=1) for name in "abc"]
    for name in ("forward", "backward"):
        (tmp_path / name).mkdir()
    forward, backward = open_sample(tmp_path / "forward"), open_sample(tmp_path / "backward")
    one = {item.name: forward.suggest(forward.ask().number, item) for item in declared[:1]}
    number = backward.ask().number
    two = {item.name: backward.suggest(number, item) for item in reversed(declared)}
    assert one["a"] == two["a"]
    assert len(set(two.values())) == 3


def test_suggest_spec_wins_over_the_code(tmp_path: Path):
    """The space file may narrow or fix what the code declares."""
    study = open_sample(tmp_path)
    asked = study.ask()
    assert (
        study.suggest(asked.number, Parameter("units", "int", low=1, high=2))
        == asked.values["units"]
    )
    assert study.suggest(asked.number, Parameter("layers", "int", low=7, high=9)) == 3


def test_suggest_inactive_parameter_that_code_asks_for_is_within_the_spec(
    tmp_path: Path,
):
    """Code that ignores a condition still gets a value of the space file's range."""
    study = open_sample(tmp_path)
    study.enqueue({"optimizer": "adam"})
    number = study.ask().number
    assert 0 <= study.suggest(number, Parameter("momentum", "float", low=5, high=6)) <= 0.99


def test_suggest_other_kind_under_the_same_name_is_refused(tmp_path: Path):
    """Optuna cannot hold both; the message says what to do."""
    study = open_sample(tmp_path)
    study.suggest(study.ask().number, Parameter("act", "categorical", choices=("relu", "elu")))
    number = study.ask().number
    with pytest.raises(ParameterError, match="act: earlier trials"):
        study.suggest(number, Parameter("act", "categorical", choices=("relu", "gelu")))
    train(study, study.ask())


def test_ask_other_choices_than_earlier_trials_fails_the_trial_and_says_so(tmp_path: Path):
    """Choices that were changed between two runs leave no trial running for ever."""
    with open_sample(tmp_path, parameters=FINITE[:1]) as study:
        study.ask()
    wider = (Parameter("optimizer", "categorical", choices=("adam", "sgd", "lion")),)
    with open_sample(tmp_path, parameters=wider) as study:
        with pytest.raises(ParameterError, match="optimizer: earlier trials"):
            study.ask()
        assert [record.state for record in study.trials()] == ["running", "failed"]
        assert study.trials()[1].cause == "proposal"


def test_record_values_is_what_a_record_shows(tmp_path: Path):
    """The values of the built model, fixed ones included, join the proposed ones."""
    study = open_sample(tmp_path)
    asked = study.ask()
    study.record_values(asked.number, {"units": asked.values["units"], "activation": "relu"})
    expected = {**asked.values, "activation": "relu"}
    assert study.trials()[0].params == expected
    assert read_study(SweepPaths(tmp_path))[0].params == expected


def test_report_repeated_epoch_keeps_the_first_value(tmp_path: Path):
    """An epoch trained again after a resume is not a second result."""
    study = open_sample(tmp_path)
    number = study.ask().number
    study.report(number, 1, 0.5)
    study.report(number, 2, 0.6)
    study.report(number, 1, 0.9)
    study.report(number, 2, 0.9)
    record = study.trials()[0]
    assert (record.reports, record.epoch) == ({1: 0.5, 2: 0.6}, 2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_report_value_that_is_not_finite_is_flagged_and_no_value(tmp_path: Path, value: float):
    """A NaN or an infinity never becomes a value that could win."""
    study = open_sample(tmp_path, "tpe", "asha")
    number = study.ask().number
    study.report(number, 1, value)
    assert study.report(number, 2, value) in (True, False)
    record = read_study(SweepPaths(tmp_path))[0]
    assert (record.reports, record.epoch) == ({}, 2)


def test_report_weak_trial_is_pruned_and_judged_alike_when_reported_again(tmp_path: Path):
    """A resumed trial that was to be pruned is pruned, though nothing was told."""
    with open_sample(tmp_path, pruner="asha") as study:
        train(study, study.ask())
        weak = study.ask().number
        assert study.report(weak, 1, -5.0) is False
        assert study.report(weak, 2, -5.0) is True
    with open_sample(tmp_path, pruner="asha") as study:
        assert study.report(weak, 1, -5.0) is False
        assert study.report(weak, 2, -5.0) is True


def test_report_last_epoch_is_never_pruned(tmp_path: Path):
    """A trial that has trained in full is complete: there is nothing left to save."""
    study = open_sample(tmp_path, pruner="asha", epochs=3, pruner_options={"min_epochs": 1})
    train(study, study.ask(), epochs=3)
    weak = study.ask().number
    assert study.report(weak, 3, -5.0) is False


def test_report_last_epoch_of_a_trial_that_searches_its_epochs_is_never_pruned(tmp_path: Path):
    """A parameter called epochs says how long the trial is, and a longer one may be pruned."""
    epochs = Parameter("epochs", "int", low=3, high=30)
    options = {"epochs": 10, "pruner_options": {"min_epochs": 1}}
    study = open_sample(tmp_path, pruner="asha", parameters=(epochs,), **options)
    for values in ({"epochs": 30}, {"epochs": 3}, {"epochs": 30}):
        study.enqueue(values)
    train(study, study.ask(), epochs=30)
    short, long = study.ask().number, study.ask().number
    assert study.report(short, 3, -5.0) is False
    assert study.report(long, 9, -5.0) is True


def test_red_control_optuna_prunes_nothing_when_asked_again(tmp_path: Path):
    """Optuna's own halving notes the rung while it judges, and lets the trial go on then."""
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    good, weak = study.ask(), study.ask()
    for trial, value in ((good, 0.5), (weak, -5.0)):
        trial.report(value, 2)
        answer = trial.should_prune()
    assert (answer, weak.should_prune()) == (True, False)


def test_tell_outcome_is_what_a_record_shows(tmp_path: Path):
    """All that is told comes back, also from disk."""
    with open_sample(tmp_path) as study:
        number = study.ask().number
        study.set_attempt(number, 2)
        study.report(number, 1, 0.25)
        outcome = TrialOutcome(
            "complete", 0.5, best_epoch=1, checkpoint="a.keras", cause="c", reason="because"
        )
        study.tell(number, outcome)
        record = study.trials()[0]
    assert read_study(SweepPaths(tmp_path)) == (record,)
    assert (record.state, record.value, record.best_epoch) == ("complete", 0.5, 1)
    assert (record.checkpoint, record.attempt) == ("a.keras", 2)
    assert (record.cause, record.reason, record.reports) == ("c", "because", {1: 0.25})
    assert record.started is not None
    assert record.finished is not None
    assert record.started <= record.finished
    assert str(record.started.tzinfo) == "UTC"


def test_tell_pruned_trial_keeps_its_best_value(tmp_path: Path):
    """A pruned trial has the value of its kept checkpoint, not of its last epoch."""
    study = open_sample(tmp_path)
    number = study.ask().number
    study.report(number, 1, 0.75)
    study.report(number, 2, 0.25)
    study.tell(number, TrialOutcome("pruned", 0.75, best_epoch=1))
    assert study.trials()[0].value == 0.75


def test_tell_finished_trial_is_refused_and_changes_nothing(tmp_path: Path):
    """A late result of an older attempt is never merged."""
    study = open_sample(tmp_path)
    asked = study.ask()
    study.tell(asked.number, TrialOutcome("complete", 0.5))
    before = study.trials()
    size = (tmp_path / "study.journal").stat().st_size
    late = [
        lambda: study.tell(0, TrialOutcome("failed", cause="late")),
        lambda: study.report(0, 9, 0.9),
        lambda: study.suggest(0, Parameter("a", "bool")),
        lambda: study.record_values(0, {}),
        lambda: study.set_attempt(0, 2),
        lambda: study.resume(0),
    ]
    for call in late:
        with pytest.raises(TrialFinishedError, match="trial 0000 is complete already"):
            call()
    assert study.trials() == before
    assert (tmp_path / "study.journal").stat().st_size == size


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_tell_complete_without_a_finite_value_is_refused(tmp_path: Path, value: float | None):
    """What has no value did not complete."""
    study = open_sample(tmp_path)
    number = study.ask().number
    with pytest.raises(ValueError, match="finite value"):
        study.tell(number, TrialOutcome("complete", value))
    assert [record.number for record in study.interrupted()] == [number]


@pytest.mark.parametrize(("direction", "expected"), [("maximize", 1), ("minimize", 0)])
def test_leader_is_the_first_best_complete_trial(tmp_path: Path, direction: str, expected: int):
    """Ties keep the first number; pruned, failed and running trials never lead."""
    study = open_sample(tmp_path, direction=direction)
    assert study.leader() is None
    for value in (0.1, 0.9, 0.9, 0.1):
        study.tell(study.ask().number, TrialOutcome("complete", value))
    for value in (-5.0, 5.0):
        study.tell(study.ask().number, TrialOutcome("pruned", value))
    study.tell(study.ask().number, TrialOutcome("failed"))
    study.ask()
    leader = study.leader()
    assert leader is not None
    assert leader.number == expected


def test_find_duplicate_finds_the_first_finished_configuration(tmp_path: Path):
    """Only complete and pruned trials are known results; a failed one may be tried again."""
    study = open_sample(tmp_path, parameters=FINITE[:1])
    seen = {}
    for _ in range(12):
        asked = study.ask()
        assert study.find_duplicate(asked.number, asked.values) == seen.get(
            asked.values["optimizer"]
        )
        state = "failed" if asked.number == 0 else "complete"
        study.tell(asked.number, TrialOutcome(state, 0.5))
        if asked.number > 0:
            seen.setdefault(asked.values["optimizer"], asked.number)
    assert len(seen) == 2


def test_open_study_other_direction_is_refused(tmp_path: Path):
    """A direction that flips would make the worst trial the leader."""
    open_sample(tmp_path).close()
    with pytest.raises(ResumeRefusedError, match="maximize val_accuracy -> minimize val_accuracy"):
        open_sample(tmp_path, direction="minimize")


def test_red_control_optuna_ignores_another_direction(tmp_path: Path):
    """`load_if_exists` keeps the old direction without a word."""
    storage = JournalStorage(JournalBackend(tmp_path / "j"))
    optuna.create_study(study_name="s", storage=storage, direction="maximize")
    again = optuna.create_study(
        study_name="s", storage=storage, direction="minimize", load_if_exists=True
    )
    assert again.direction.name == "MAXIMIZE"


def test_open_study_of_another_sweep_is_refused(tmp_path: Path):
    """A journal that another sweep wrote is not continued."""
    open_sample(tmp_path).close()
    with pytest.raises(ResumeRefusedError, match="'digits-1', not to 'other'"):
        open_study(SweepPaths(tmp_path), make_spec(), sweep_id="other")


def test_open_study_that_optuna_wrote_is_refused(tmp_path: Path):
    """A study with trials and no sweep's name on it is a stranger's."""
    paths = SweepPaths(tmp_path)
    storage = JournalStorage(JournalFileBackend(str(paths.journal)))
    optuna.create_study(storage=storage, direction="maximize").ask()
    with pytest.raises(ResumeRefusedError, match="belongs to sweep None"):
        open_study(paths, make_spec(), sweep_id=SWEEP_ID)


def test_read_study_without_journal_says_so(tmp_path: Path):
    """`status` on an empty folder is a clear error."""
    with pytest.raises(SweepNotFoundError, match="no study here yet"):
        read_study(SweepPaths(tmp_path))


def test_read_study_while_another_process_writes_sees_confirmed_trials(tmp_path: Path):
    """Reading needs no lock and changes nothing."""
    study = open_sample(tmp_path)
    asked = study.ask()
    paths = SweepPaths(tmp_path)
    content = paths.journal.read_bytes()
    with paths.journal.open("ab") as file:
        file.write(b'{"op_code":6,"trial')
    assert read_study(paths)[0].params == asked.values
    assert paths.journal.read_bytes()[: len(content)] == content


def test_resume_gives_the_values_of_the_interrupted_trial(tmp_path: Path):
    """The next attempt tries what the first one did."""
    with open_sample(tmp_path) as study:
        asked = study.ask()
    with open_sample(tmp_path) as study:
        assert [record.number for record in study.interrupted()] == [0]
        assert study.resume(0) == asked


@pytest.mark.parametrize(
    ("sampler", "pruner"), [("tpe", "asha"), ("random", "median"), ("grid", "none")]
)
def test_study_cut_after_any_record_ends_in_the_same_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sampler: str, pruner: str
):
    """Killed anywhere and resumed, a sweep of one worker ends as if it had never been killed."""
    monkeypatch.setattr(JournalBackend, "sync", lambda self: None)
    options = {"pruner_options": {"startup_trials": 2}} if pruner == "median" else {}
    if sampler == "tpe":
        options["sampler_options"] = {"startup_trials": 3}
    if sampler == "grid":
        options["parameters"] = FINITE
    whole = tmp_path / "whole"
    whole.mkdir()
    with open_sample(whole, sampler, pruner, **options) as study:
        finish(study, 8)
        expected = without_times(study.trials())
    lines = (whole / "study.journal").read_bytes().splitlines(keepends=True)
    for count in range(0, len(lines), 5 if sampler == "tpe" else 2):
        cut = tmp_path / f"cut{count}"
        cut.mkdir()
        (cut / "study.journal").write_bytes(b"".join(lines[:count]))
        with open_sample(cut, sampler, pruner, **options) as study:
            finish(study, 8)
            assert without_times(study.trials()) == expected, count
    assert {row[1] for row in expected} >= ({"complete"} if pruner == "none" else {"pruned"})


def test_study_journal_cut_at_any_byte_opens_with_a_prefix_of_trials(tmp_path: Path):
    """No torn byte makes a study unreadable or a trial appear."""
    with open_sample(tmp_path, pruner="asha") as study:
        finish(study, 2)
    content = (tmp_path / "study.journal").read_bytes()
    whole = read_study(SweepPaths(tmp_path))
    torn = SweepPaths(tmp_path / "torn")
    torn.root.mkdir()
    for length in range(0, len(content), 17):
        torn.journal.write_bytes(content[:length])
        records = read_study(torn)
        for record, full in zip(records, whole, strict=False):
            assert record.reports.items() <= full.reports.items()
            assert record.state in ("running", full.state)
    torn.journal.write_bytes(content[:500] + b"#" + content[501:])
    with pytest.raises(JournalError, match=r"study\.journal:\d+: this record is damaged"):
        read_study(torn)


def test_study_four_threads_ask_each_number_once_and_lose_nothing(tmp_path: Path):
    """Supervisors share one study: 240 trials, all told, as Optuna's own backend reads them."""
    study = open_sample(tmp_path, "random", "asha", epochs=3)
    asked: list[int] = []

    def supervise() -> None:
        for _ in range(60):
            trial = study.ask()
            asked.append(trial.number)
            extra = study.suggest(trial.number, Parameter("dropout", "float", low=0, high=1))
            study.record_values(trial.number, {**trial.values, "dropout": extra})
            train(study, trial, epochs=3)

    threads = [threading.Thread(target=supervise) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = study.trials()
    study.close()
    assert sorted(asked) == list(range(240))
    assert {record.state for record in records} == {"complete", "pruned"}
    assert all(dict(r.reports) == {e: score(r.params, e) for e in r.reports} for r in records)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "study.journal")))
    optunas = optuna.load_study(study_name="digits", storage=storage).trials
    assert [trial.intermediate_values for trial in optunas] == [dict(r.reports) for r in records]
    assert [trial.value for trial in optunas] == [r.value for r in records]
    assert [trial.user_attrs["values"] for trial in optunas] == [r.params for r in records]


def test_study_full_disk_raises_and_the_trial_goes_on_after_space_is_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What could not be written did not happen: memory and disk agree."""
    study = open_sample(tmp_path)
    number = study.ask().number

    def fail(backend: JournalBackend, descriptor: int, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(JournalBackend, "_write", fail)
        with pytest.raises(OSError, match="No space left"):
            study.report(number, 1, 0.5)
        with pytest.raises(OSError, match="No space left"):
            study.tell(number, TrialOutcome("complete", 0.5))
    assert study.trials() == read_study(SweepPaths(tmp_path))
    study.report(number, 1, 0.5)
    study.tell(number, TrialOutcome("complete", 0.5))
    assert study.trials() == read_study(SweepPaths(tmp_path))
