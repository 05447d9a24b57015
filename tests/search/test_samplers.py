"""Tests of what single samplers promise beyond the contract of the room."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import numpy as np
import optuna
import pytest

from sweeps.paths import SweepPaths
from sweeps.search.options import check_choice
from sweeps.search.samplers import SAMPLERS
from sweeps.search.samplers.cmaes import Cmaes
from sweeps.search.samplers.grid import Grid
from sweeps.search.study import Study, open_study
from sweeps.search.trials import (
    InfeasibleSpaceError,
    ParameterError,
    SpaceExhaustedError,
    TrialOutcome,
)
from sweeps.spec.conditions import Condition
from sweeps.spec.known_space import KnownParameter, KnownSpace
from sweeps.spec.model import Choice
from sweeps.spec.parameters import Parameter
from tests.search.sample_sweeps import FINITE, MIXED, SWEEP_ID, make_spec, train

SQUARE = tuple(Parameter(name, "float", low=-1.0, high=1.0) for name in "xyz")


def open_sample(folder: Path, name: str, parameters: tuple, **options: object) -> Study:
    folder.mkdir(exist_ok=True)
    spec = make_spec(name, parameters=parameters, **options)
    return open_study(SweepPaths(folder), spec, sweep_id=SWEEP_ID)


def minimize_sphere(folder: Path, name: str, num_trials: int, **options: object) -> float:
    """The mean distance from (0.3, 0.3, 0.3) in the last third of the trials."""
    distances = []
    with open_sample(folder, name, SQUARE, direction="minimize", **options) as study:
        for _ in range(num_trials):
            asked = study.ask()
            distances.append(sum((value - 0.3) ** 2 for value in asked.values.values()))
            study.tell(asked.number, TrialOutcome("complete", distances[-1]))
    return float(np.mean(distances[-num_trials // 3 :]))


def test_grid_lists_every_configuration_once_in_order(tmp_path: Path):
    """The last parameter changes fastest; an inactive one does not multiply configurations."""
    with open_sample(tmp_path, "grid", FINITE) as study:
        tried = [tuple(study.ask().values.values()) for _ in range(27)]
        with pytest.raises(SpaceExhaustedError):
            study.ask()
    rates = (0.1, 0.2, 0.3)
    adam = itertools.product(["adam"], (32, 64, 96), rates)
    sgd = itertools.product(["sgd"], (False, True), (32, 64, 96), rates)
    assert tried == [*adam, *sgd]


def test_grid_skips_what_was_queued_and_what_constraints_forbid(tmp_path: Path):
    """No configuration is tried twice, and no forbidden one."""
    parameters = (Parameter("a", "int", low=1, high=3), Parameter("b", "int", low=1, high=3))
    with open_sample(tmp_path, "grid", parameters, constraints=("a != b",)) as study:
        study.enqueue({"a": 1, "b": 3})
        tried = [tuple(study.ask().values.values()) for _ in range(6)]
    assert tried == [(1, 3), (1, 2), (2, 1), (2, 3), (3, 1), (3, 2)]


def test_grid_completes_what_was_queued_by_the_first_free_configuration(tmp_path: Path):
    """Also where the next configuration of the grid has no such parameter; at last a repeat."""
    with open_sample(tmp_path, "grid", FINITE) as study:
        for _ in range(4):
            study.enqueue({"optimizer": "sgd", "units": 32})
        study.enqueue({"rate": 0.3, "optimizer": "adam"})
        tried = [tuple(study.ask().values.values()) for _ in range(27)]
        with pytest.raises(SpaceExhaustedError):
            study.ask()
        study.enqueue({"optimizer": "sgd", "units": 64})
        repeat = tuple(study.ask().values.values())
    rates = (0.1, 0.2, 0.3, 0.1)
    flags = (False, False, False, True)
    assert tried[:4] == [("sgd", flag, 32, rate) for flag, rate in zip(flags, rates, strict=True)]
    assert tried[4] == ("adam", 32, 0.3)
    assert len(set(tried)) == 27
    assert repeat == ("sgd", False, 64, 0.1)


def test_grid_queued_values_that_constraints_forbid_end_soon(tmp_path: Path):
    """Not every one of 10**54 configurations with them is looked at."""
    parameters = tuple(Parameter(f"p{index:02}", "int", low=1, high=10**6) for index in range(10))
    with open_sample(tmp_path, "grid", parameters, constraints=("p00 + p01 <= 1",)) as study:
        study.enqueue({"p00": 1})
        with pytest.raises(InfeasibleSpaceError, match="no point fulfils the constraints"):
            study.ask()


def test_grid_parameter_of_the_code_alone_is_refused(tmp_path: Path):
    """A grid over what is not known would skip configurations silently."""
    with open_sample(tmp_path, "grid", FINITE) as study:
        number = study.ask().number
        with pytest.raises(ParameterError, match="dropout: the model's code declares it"):
            study.suggest(number, Parameter("dropout", "float", low=0, high=1))


def test_grid_continuous_parameters_are_found_at_check_time():
    """Every continuous parameter is named, before any training."""
    problems = check_choice(SAMPLERS, Choice(name="grid"), make_spec("grid", parameters=MIXED))
    assert [key for key, _ in problems] == ["sampler.name"] * 3
    assert "'momentum' is continuous" in problems[0][1]
    assert check_choice(SAMPLERS, Choice(name="grid"), make_spec("grid", parameters=())) == []


def test_grid_space_of_the_code_is_checked_once_it_is_known():
    """Continuous parameters, those of some builds only and an empty space are refused by name."""
    layers = KnownParameter(Parameter("layers", "int", low=1, high=3))
    rate = KnownParameter(Parameter("rate", "float", low=0, high=1))
    units = KnownParameter(Parameter("units_2", "int", low=1, high=3), is_joint=False)
    beta = Parameter("beta", "float", low=0, high=1)
    never = KnownParameter(beta, is_joint=False, is_never_active=True)
    told = list(Grid.check_space(Grid.Options(), KnownSpace((layers, rate, units, never))))
    assert [message.split(",")[0] for message in told] == [
        "grid needs finitely many values",
        "grid needs to know all parameters before training",
    ]
    assert "'rate' is continuous" in told[0]
    assert "'units_2' in some builds only" in told[1]
    assert list(Grid.check_space(Grid.Options(), KnownSpace((layers, never)))) == []
    [empty] = Grid.check_space(Grid.Options(), KnownSpace())
    assert empty.startswith("grid needs parameters")


def test_grid_large_space_is_not_listed_in_full(tmp_path: Path):
    """A grid of 10**60 points hands out its first ones at once."""
    parameters = tuple(Parameter(f"p{index:02}", "int", low=0, high=999_999) for index in range(10))
    with open_sample(tmp_path, "grid", parameters) as study:
        last = [study.ask().values["p09"] for _ in range(3)]
    assert last == [0, 1, 2]


def test_qmc_covers_each_eighth_of_a_range_once_in_eight_trials(tmp_path: Path):
    """A Sobol sequence is even where random points are not."""
    with open_sample(tmp_path, "qmc", SQUARE) as study:
        points = [study.ask().values for _ in range(8)]
    for name in "xyz":
        assert sorted(int((point[name] + 1) * 4) for point in points) == list(range(8))


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_qmc_sequence_and_scramble_are_options(tmp_path: Path, sequence: str):
    """Without scrambling the seed does not matter; with it, it does."""
    points = {}
    for scramble, seed in itertools.product((False, True), (0, 1)):
        options = {"sequence": sequence, "scramble": scramble}
        folder = tmp_path / f"{scramble}{seed}"
        with open_sample(folder, "qmc", SQUARE, seed=seed, sampler_options=options) as study:
            study.ask()
            points[scramble, seed] = study.ask().values
    assert points[False, 0] == points[False, 1]
    assert points[True, 0] != points[True, 1]


def test_tpe_and_cmaes_find_a_minimum_that_random_search_does_not(tmp_path: Path):
    """Samplers made anew for every trial still learn from the study."""
    found = {
        name: minimize_sphere(tmp_path / name, name, 90) for name in ("random", "tpe", "cmaes")
    }
    assert found["tpe"] < 0.2 * found["random"]
    assert found["cmaes"] < 0.05 * found["random"]


def test_cmaes_learns_from_pruned_trials_unless_told_not_to(tmp_path: Path):
    """Where most trials are pruned, their values are most of what there is."""
    rate = Parameter("rate", "float", low=1e-4, high=1e-1, scale="log")
    proposals = {}
    for use_pruned in (True, False):
        options = {"use_pruned": use_pruned, "population": 4}
        folder = tmp_path / str(use_pruned)
        with open_sample(folder, "cmaes", (rate,), sampler_options=options) as study:
            for state in ["complete", "complete"] + ["pruned"] * 6:
                asked = study.ask()
                study.tell(asked.number, TrialOutcome(state, -asked.values["rate"]))
            proposals[use_pruned] = study.ask().values["rate"]
    assert proposals[True] != proposals[False]


def test_cmaes_space_without_a_number_is_found_before_training():
    """CMA-ES has nothing to do where numbers are missing or conditional."""
    sgd = Condition("optimizer", "in", ("sgd",))
    parameters = (
        Parameter("optimizer", "categorical", choices=("adam", "sgd")),
        Parameter("momentum", "float", low=0, high=1, when=(sgd,)),
    )
    space = KnownSpace(tuple(map(KnownParameter, parameters)))
    [message] = Cmaes.check_space(Cmaes.Options(), space)
    assert "always active" in message
    numbers = (*parameters, Parameter("rate", "float", low=0, high=1))
    space = KnownSpace(tuple(map(KnownParameter, numbers)))
    assert list(Cmaes.check_space(Cmaes.Options(), space)) == []


class Hostile:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self._path,)


def plant_pickle(study: optuna.Study, trap: Path) -> None:
    """Give every trial the attribute in which Optuna's CmaEsSampler keeps its pickle."""
    for trial in study.trials:
        trial_id = study._storage.get_trial_id_from_study_id_trial_number(0, trial.number)
        payload = pickle.dumps(Hostile(trap)).hex()
        study._storage.set_trial_system_attr(trial_id, "cma:optimizer:0", payload)


def test_cmaes_never_unpickles_what_is_in_the_study(tmp_path: Path):
    """A pickle planted in the journal is not loaded, and nothing of ours is a pickle."""
    trap = tmp_path / "trap"
    with open_sample(tmp_path, "cmaes", SQUARE) as study:
        running = [study.ask() for _ in range(9)]
        plant_pickle(study._judge._study, trap)
        for asked in running:
            train(study, asked)
    with open_sample(tmp_path, "cmaes", SQUARE) as study:
        for _ in range(3):
            train(study, study.ask())
    assert not trap.exists()
    planted = b'"cma:optimizer:0"'
    lines = (tmp_path / "study.journal").read_bytes().splitlines()
    assert not [line for line in lines if b"pickle" in line.replace(planted, b"")][9:]
    assert sum(planted in line for line in lines) == 9


def test_red_control_optunas_cmaes_sampler_runs_a_planted_pickle(tmp_path: Path):
    """The stock sampler executes what the study holds."""
    trap = tmp_path / "trap"
    sampler = optuna.samplers.CmaEsSampler(seed=0, warn_independent_sampling=False)
    study = optuna.create_study(sampler=sampler)
    for number in range(2):
        trial = study.ask()
        value = trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1)
        if number == 1:
            payload = pickle.dumps(Hostile(trap)).hex()
            study._storage.set_trial_system_attr(trial._trial_id, "cma:optimizer:0", payload)
        study.tell(trial, value)
    study.ask().suggest_float("x", 0, 1)
    assert trap.exists()
