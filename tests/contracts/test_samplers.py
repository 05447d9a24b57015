"""The contract of samplers, checked on every member of the menu."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sweeps.errors import MissingExtraError
from sweeps.paths import SweepPaths
from sweeps.search.options import check_choice, load_options
from sweeps.search.samplers import SAMPLERS
from sweeps.search.samplers._base import Proposal
from sweeps.search.study import Study, open_study
from sweeps.search.trials import TrialOutcome
from sweeps.spec.conditions import is_active
from sweeps.spec.constraints import check_constraints, parse_constraint
from sweeps.spec.model import Choice
from sweeps.spec.parameters import Parameter, contains
from tests.search.sample_sweeps import (
    FINITE,
    MIXED,
    NUM_WEIGHTS,
    SWEEP_ID,
    finish,
    make_spec,
    train,
    without_times,
)

NEEDS = {"gp": "torch", "cmaes": "cmaes", "qmc": "scipy"}
STARTUP = {
    "tpe": {"startup_trials": 4},
    "gp": {"startup_trials": 4},
    "cmaes": {"population": 4},
    "nsga2": {"population": 4},
}
INSTALLED = [name for name in SAMPLERS if find_spec(NEEDS.get(name, "optuna")) is not None]
MISSING = [name for name in SAMPLERS if name not in INSTALLED]

SINGLE = ["cmaes", "gp"]

every_installed = pytest.mark.parametrize("name", INSTALLED)


def parameters_for(name: str) -> tuple[Parameter, ...]:
    return FINITE if name == "grid" else MIXED


def open_sample(folder: Path, name: str, pruner: str = "asha", **options: object) -> Study:
    folder.mkdir(exist_ok=True)
    options.setdefault("parameters", parameters_for(name))
    options.setdefault("sampler_options", STARTUP.get(name, {}))
    return open_study(SweepPaths(folder), make_spec(name, pruner, **options), sweep_id=SWEEP_ID)


def num_trials(name: str) -> int:
    return 8 if name == "grid" else 14


@every_installed
def test_sampler_same_seed_proposes_the_same(tmp_path: Path, name: str):
    """A sweep is a function of its spec: two of them end in the same trials."""
    results = []
    for folder in ("a", "b"):
        with open_sample(tmp_path / folder, name) as study:
            finish(study, num_trials(name))
            results.append(without_times(study.trials()))
    assert results[0] == results[1]


@pytest.mark.parametrize("name", [name for name in INSTALLED if name != "grid"])
def test_sampler_other_seed_proposes_other_points(tmp_path: Path, name: str):
    """The seed reaches the sampler."""
    points = []
    for seed in (0, 1):
        with open_sample(tmp_path / str(seed), name, seed=seed) as study:
            finish(study, 8)
            points.append([record.params for record in study.trials()])
    assert all(one != other for one, other in zip(*points, strict=True))


@every_installed
def test_sampler_opened_again_before_every_trial_proposes_the_same(tmp_path: Path, name: str):
    """Nothing that a sampler needs is in memory only."""
    with open_sample(tmp_path / "whole", name) as study:
        finish(study, num_trials(name))
        expected = without_times(study.trials())
    for count in range(1, num_trials(name) + 1):
        with open_sample(tmp_path / "parts", name) as study:
            finish(study, count)
            found = without_times(study.trials())
    assert found == expected


@every_installed
def test_sampler_proposals_lie_in_the_space(tmp_path: Path, name: str):
    """Bounds and steps, conditions and constraints hold for every proposal."""
    constraint = "units * width <= 4096" if name != "grid" else "units * rate < 25"
    parsed = parse_constraint(constraint)
    with open_sample(tmp_path, name, constraints=(constraint,)) as study:
        finish(study, num_trials(name))
        records = study.trials()
    assert len(records) == num_trials(name)
    for record in records:
        active = [item for item in parameters_for(name) if is_active(item, record.params)]
        assert {item.name for item in active} == record.params.keys()
        assert all(contains(item, record.params[item.name]) for item in active)
        assert check_constraints([parsed], record.params) == []


@every_installed
def test_sampler_failed_pruned_and_running_trials_do_no_harm(tmp_path: Path, name: str):
    """Whatever became of earlier trials, the next one is proposed."""
    outcomes = [
        TrialOutcome("failed", cause="crash"),
        TrialOutcome("pruned"),
        TrialOutcome("pruned", 0.1),
        None,
        TrialOutcome("complete", 1e30),
        TrialOutcome("complete", -1e30),
    ]
    with open_sample(tmp_path, name) as study:
        for outcome in outcomes + outcomes[:-1]:
            number = study.ask().number
            study.report(number, 1, float("nan"))
            if outcome is not None:
                study.tell(number, outcome)
        assert study.ask().number == 11


@every_installed
def test_sampler_space_of_single_values_is_proposed(tmp_path: Path, name: str):
    """Ranges of one value are ordinary, for numbers and choices."""
    parameters = (
        Parameter("a", "int", low=3, high=3),
        Parameter("b", "categorical", choices=("x",)),
        Parameter("c", "float", low=0.1, high=0.4, step=0.1),
        Parameter("d", "float", low=0.5, high=0.5),
    )
    with open_sample(tmp_path, name, parameters=parameters) as study:
        for _ in range(4):
            asked = study.ask()
            assert (asked.values["a"], asked.values["b"], asked.values["d"]) == (3, "x", 0.5)
            train(study, asked)


@pytest.mark.parametrize("name", [name for name in INSTALLED if name != "grid"])
def test_sampler_parameters_of_the_code_alone_are_proposed(tmp_path: Path, name: str):
    """A space that only the model's code declares works, one value at a time."""
    declared = Parameter("rate", "float", low=1e-4, high=1e-1, scale="log")
    with open_sample(tmp_path, name, parameters=()) as study:
        values = []
        for _ in range(10):
            asked = study.ask()
            values.append(study.suggest(asked.number, declared))
            study.record_values(asked.number, {"rate": values[-1]})
            study.tell(asked.number, TrialOutcome("complete", -abs(values[-1] - 0.01)))
    assert all(1e-4 <= value <= 1e-1 for value in values)
    assert len(set(values)) == 10


@pytest.mark.parametrize("name", [name for name in INSTALLED if name not in SINGLE])
@pytest.mark.parametrize("pruner", ["asha", "none"])
def test_sampler_several_objectives_opened_again_proposes_the_same(
    tmp_path: Path, name: str, pruner: str
):
    """With two objectives and pruned trials a sampler learns from the study alone as well."""
    options = {"other_objectives": (NUM_WEIGHTS,)}
    with open_sample(tmp_path / "whole", name, pruner, **options) as study:
        finish(study, num_trials(name))
        expected = without_times(study.trials())
        states = {record.state for record in study.trials()}
    for count in range(1, num_trials(name) + 1):
        with open_sample(tmp_path / "parts", name, pruner, **options) as study:
            finish(study, count)
            found = without_times(study.trials())
    assert found == expected
    assert states == ({"complete", "pruned"} if pruner == "asha" else {"complete"})


@pytest.mark.parametrize("name", SINGLE)
def test_sampler_of_one_objective_refuses_several_at_check_time(name: str):
    """Who cannot weigh objectives against each other says so before the first trial."""
    spec = make_spec(name, other_objectives=(NUM_WEIGHTS,))
    messages = dict(check_choice(SAMPLERS, Choice(name=name), spec)[:1])
    assert messages["sampler.name"] == (
        f"{name} takes one objective, but the space has 2. Choose tpe, nsga2, random, qmc or grid."
    )


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_sampler_unknown_option_is_named_with_its_key(name: str):
    """A typing mistake in an option is found at check time."""
    spec = make_spec(name, parameters=parameters_for(name))
    choice = Choice(name=name, options={"startup_trails": 3})
    [(key, message)] = check_choice(SAMPLERS, choice, spec)
    assert key == "sampler.startup_trails"
    assert message.startswith("unknown option;")


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_sampler_check_finds_nothing_wrong_with_a_good_spec(name: str):
    """Only a missing package may stand in the way."""
    problems = check_choice(
        SAMPLERS, Choice(name=name), make_spec(name, parameters=parameters_for(name))
    )
    assert [key for key, _ in problems] == ["sampler.name"] * (name in MISSING)


@pytest.mark.parametrize("name", MISSING)
def test_sampler_missing_package_names_the_command_that_installs_it(name: str):
    """The message can be copied into a terminal."""
    expected = rf"the sampler {name} needs .* pip install 'keras-sweeps\[{name}\]'"
    [(_, message)] = check_choice(SAMPLERS, Choice(name=name), make_spec(name))
    member, options = load_options(SAMPLERS, Choice(name=name))
    with pytest.raises(MissingExtraError, match=expected) as caught:
        member.create(options, Proposal(0, 0, 0, MIXED))
    assert message == str(caught.value)


CHECK_ALL = """
import sys
from sweeps.search.options import check_choice
from sweeps.search.samplers import SAMPLERS
from sweeps.search.pruners import PRUNERS
from sweeps.spec.model import Choice, Objective, SweepSpec
spec = SweepSpec(
    name="a", model="m:b", data="m:d", objective=Objective(metric="loss", direction="minimize")
)
for menu in (SAMPLERS, PRUNERS):
    for name in menu:
        check_choice(menu, Choice(name=name), spec)
print([name for name in ("optuna", "torch", "scipy", "cmaes", "numpy") if name in sys.modules])
"""


def test_members_are_checked_without_loading_optuna():
    """`check` stays fast: options are validated without the libraries that use them."""
    command = [sys.executable, "-c", CHECK_ALL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PROPOSE = """
import sys, tempfile
from pathlib import Path
from tests.contracts.test_samplers import finish, open_sample, without_times
with open_sample(Path(tempfile.mkdtemp(dir=sys.argv[1])), sys.argv[2]) as study:
    finish(study, 10)
    print(without_times(study.trials()))
"""


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_sampler_does_not_depend_on_pythons_hash_seed(tmp_path: Path, name: str):
    """Another process, whose sets have another order, proposes the same."""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROPOSE, str(tmp_path), name],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
