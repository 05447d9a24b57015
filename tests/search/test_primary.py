"""Several objectives in the study: values, pruning by the primary one, and infeasible trials."""

from __future__ import annotations

import math
from pathlib import Path

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage

from sweeps.errors import ResumeRefusedError
from sweeps.paths import SweepPaths
from sweeps.search.journal import JournalBackend
from sweeps.search.primary import PrimaryStudy
from sweeps.search.replay import read_study
from sweeps.search.study import Study, open_study
from sweeps.search.trials import TrialFinishedError, TrialOutcome
from sweeps.spec.model import Export, Objective
from sweeps.spec.parameters import Parameter
from tests.search.sample_sweeps import FINITE, NUM_WEIGHTS, SWEEP_ID, finish, make_spec

TWO = {"other_objectives": (NUM_WEIGHTS,)}


def open_sample(folder: Path, *args: object, **options: object) -> Study:
    spec = make_spec(*args, **{**TWO, **options})
    return open_study(SweepPaths(folder), spec, sweep_id=SWEEP_ID)


def read_with_optuna(folder: Path) -> optuna.Study:
    storage = JournalStorage(JournalBackend(SweepPaths(folder).journal, read_only=True))
    return optuna.load_study(study_name=None, storage=storage)


def complete(study: Study, value: float, weights: float) -> None:
    outcome = TrialOutcome("complete", value, 1, others={"num_weights": weights})
    study.tell(study.ask().number, outcome)


def test_tell_keeps_the_values_of_all_objectives(tmp_path: Path) -> None:
    """The record has them by metric, and who reads the study with plain Optuna in its order."""
    with open_sample(tmp_path) as study:
        complete(study, 0.75, 354)
        [record] = study.trials()
    assert (record.value, record.values) == (0.75, {"val_accuracy": 0.75, "num_weights": 354.0})
    assert read_study(SweepPaths(tmp_path)) == (record,)
    plain = read_with_optuna(tmp_path)
    assert plain.metric_names == ["val_accuracy", "num_weights"]
    assert [direction.name for direction in plain.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert plain.trials[0].values == [0.75, 354.0]


def test_tell_one_objective_has_one_value(tmp_path: Path) -> None:
    """What else was measured is not part of a study that did not ask for it."""
    with open_sample(tmp_path, other_objectives=()) as study:
        complete(study, 0.75, 354)
        assert study.trials()[0].values == {"val_accuracy": 0.75}


@pytest.mark.parametrize("others", [{}, {"num_weights": math.nan}, {"num_weights": math.inf}])
def test_tell_complete_without_a_value_of_each_objective_is_refused(
    tmp_path: Path, others: dict[str, float]
) -> None:
    """What has no finite value of an objective did not complete."""
    with open_sample(tmp_path) as study:
        number = study.ask().number
        with pytest.raises(ValueError, match="a finite value of every objective"):
            study.tell(number, TrialOutcome("complete", 0.5, others=others))
        study.tell(number, TrialOutcome("failed", 0.5, cause="no finite value", others=others))
        assert study.trials()[0].state == "failed"


@pytest.mark.parametrize(("choose", "expected"), [("primary", 0), ("knee", 1)])
def test_leader_follows_the_rule_of_the_space_file(
    tmp_path: Path, choose: str, expected: int
) -> None:
    """`export.choose` decides which trial of the front leads."""
    with open_sample(tmp_path, export=Export(choose=choose)) as study:
        for value, weights in [(0.9, 1000), (0.89, 200), (0.5, 100)]:
            complete(study, value, weights)
        leader = study.leader()
    assert leader is not None
    assert leader.number == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"other_objectives": ()},
        {"other_objectives": (Objective(metric="num_weights", direction="maximize"),)},
        {"other_objectives": (Objective(metric="val_loss", direction="minimize"),)},
        {"direction": "minimize"},
    ],
)
def test_open_study_other_objectives_are_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """Values of other objectives are never compared with each other."""
    open_sample(tmp_path).close()
    expected = r"the objective changed .*maximize val_accuracy, minimize num_weights -> "
    with pytest.raises(ResumeRefusedError, match=expected):
        open_sample(tmp_path, **changes)


def test_red_control_optuna_refuses_to_prune_with_several_objectives() -> None:
    """`should_prune` raises there, and so does TPE as soon as a trial was pruned."""
    study = optuna.create_study(
        directions=["maximize", "minimize"],
        sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=1),
    )
    trial = study.ask()
    with pytest.raises(NotImplementedError, match="multi-objective"):
        trial.should_prune()
    pruned = optuna.create_trial(state=optuna.trial.TrialState.PRUNED, intermediate_values={1: 0.5})
    study.add_trials([pruned, pruned])
    with pytest.raises(RuntimeError, match="single direction"):
        study.ask().suggest_float("x", 0, 1)


def test_primary_study_answers_with_the_first_objective() -> None:
    """Direction and best trial are those of the primary one; the directions stay all of them."""
    storage = InMemoryStorage()
    plain = optuna.create_study(
        study_name="s", storage=storage, directions=["maximize", "minimize"]
    )
    study = PrimaryStudy("s", storage)
    with pytest.raises(ValueError):
        _ = study.best_trial
    for values in ([0.1, 1.0], [0.9, 5.0], [0.9, 2.0]):
        plain.add_trial(optuna.create_trial(values=values))
    assert study.direction.name == "MAXIMIZE"
    assert len(study.directions) == 2
    assert study.best_trial.number == 1


def test_study_of_two_objectives_finds_a_front_with_tpe(tmp_path: Path) -> None:
    """TPE goes for both objectives at once, with trials that ASHA has pruned among the others."""
    with open_sample(tmp_path, "tpe", "asha", sampler_options={"startup_trials": 4}) as study:
        finish(study, 20)
        states = {record.state for record in study.trials()}
        assert all(
            record.values.keys() == {"val_accuracy", "num_weights"} for record in study.trials()
        )
    assert states == {"complete", "pruned"}


def test_tell_infeasible_ends_the_trial_without_counting_it(tmp_path: Path) -> None:
    """A model that broke a limit costs no trial, is no result, and says why."""
    with open_sample(tmp_path, parameters=FINITE[:1]) as study:
        asked = study.ask()
        study.tell_infeasible(asked.number, 0.25, "1,250 weights, but at most 1,000 are allowed.")
        [record] = study.trials()
        assert (study.num_trials, study.num_counted) == (1, 0)
        assert study.find_duplicate(asked.number + 1, asked.values) is None
        assert study.leader() is None
        with pytest.raises(TrialFinishedError):
            study.tell_infeasible(asked.number, 0.25, "again")
    assert (record.state, record.cause, record.value) == ("pruned", "infeasible", None)
    assert record.reason == "1,250 weights, but at most 1,000 are allowed."
    assert record.is_infeasible
    with open_sample(tmp_path, parameters=FINITE[:1]) as study:
        assert (study.num_trials, study.num_counted) == (1, 0)


def test_tell_infeasible_is_what_optunas_set_constraint_would_have_written(tmp_path: Path) -> None:
    """Optuna reads the violation as a constraint of that trial, so that its samplers see it."""
    with open_sample(tmp_path) as study:
        study.tell_infeasible(study.ask().number, 0.25, "too large")
        complete(study, 0.75, 354)
    assert [trial.constraints for trial in read_with_optuna(tmp_path).trials] == [
        {"model": 0.25},
        {},
    ]
    trial = optuna.create_study().ask()
    trial.set_constraint("model", 0.25)
    written = trial.study.trials[0].system_attrs
    assert {key: value for key, value in written.items() if "constraint" in key} == {
        "constraints:model": 0.25
    }


@pytest.mark.parametrize("violation", [0.0, -1.0, math.nan, math.inf])
def test_tell_infeasible_without_a_violation_is_refused(tmp_path: Path, violation: float) -> None:
    """What violates nothing is feasible."""
    with open_sample(tmp_path) as study:
        number = study.ask().number
        with pytest.raises(ValueError, match="expected a number above 0"):
            study.tell_infeasible(number, violation, "too large")
        assert [record.number for record in study.interrupted()] == [number]


SIZES = (
    Parameter("layers", "int", low=1, high=6),
    Parameter("units", "int", low=16, high=1024, scale="log"),
    Parameter("kernel", "int", low=1, high=7, step=2),
)


LIMIT = 300.0  # of about 800 points drawn at random one is not over it


def count_refusals(folder: Path, *, tells_violation: bool) -> int:
    """Count the models over the limit that TPE proposes until five fit, 100 at most."""
    folder.mkdir()
    with open_sample(folder, "tpe", parameters=SIZES, other_objectives=()) as study:
        refused = 0
        while study.num_trials - refused < 5 and refused < 100:
            asked = study.ask()
            values = asked.values
            size = values["layers"] * values["units"] ** 2 * values["kernel"]
            if size <= LIMIT:
                study.tell(asked.number, TrialOutcome("complete", size / LIMIT))
                continue
            refused += 1
            if tells_violation:
                study.tell_infeasible(asked.number, size / LIMIT - 1, "too large")
            else:
                study.tell(asked.number, TrialOutcome("pruned", cause="infeasible"))
        return refused


def test_tell_infeasible_leads_tpe_to_where_models_fit(tmp_path: Path) -> None:
    """Where few points are feasible, TPE finds them by how far from it the others were."""
    told = count_refusals(tmp_path / "told", tells_violation=True)
    untold = count_refusals(tmp_path / "untold", tells_violation=False)
    assert told < 60
    assert untold == 100
