"""Tests of `sweeps.worker.space_checks`: mistakes that file and code make together."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.search.pruners import PRUNERS
from sweeps.search.samplers import SAMPLERS
from sweeps.spec.builds import Build
from sweeps.spec.conditions import Condition
from sweeps.spec.known_space import merge_space
from sweeps.spec.load import load_spec
from sweeps.spec.parameters import Parameter
from sweeps.spec.rooms import Rooms
from sweeps.worker.space_checks import find_space_problems

HEAD = "model: m.py:build\ndata: m.py:load\nobjective: val_loss\n"
KIND = Parameter("kind", "categorical", choices=("wide", "deep"), default="wide")
LAYERS = Parameter("layers", "int", low=1, high=4)
LATE = Parameter("late", "int", low=1, high=4)
NEVER = Parameter("never", "bool", when=(Condition("kind", "in", ("gone",)),))
BUILDS = (
    Build({"kind": "wide", "layers": 1}, (KIND, LAYERS, NEVER)),
    Build({"kind": "wide", "layers": 1}, (KIND, LAYERS, NEVER)),
    Build({"kind": "deep", "layers": 1, "late": 1}, (KIND, LAYERS, LATE, NEVER)),
)


def find(folder: Path, text: str, *builds: Build) -> list[str]:
    (folder / "m.py").touch()
    path = folder / "space.yaml"
    path.write_text(HEAD + text)
    spec = load_spec(path, rooms=Rooms(samplers=SAMPLERS, pruners=PRUNERS))
    problems = find_space_problems(spec, merge_space(spec, builds or BUILDS), str(path))
    return [str(problem).removeprefix(f"{folder}/") for problem in problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "parameters:\n  x: {type: bool, when: {kindd: deep}}\n",
            "space.yaml:5: parameters.x.when: there is no parameter 'kindd'. Did you mean 'kind'?",
        ),
        (
            "parameters:\n  x:\n    type: bool\n    when: {kind: dep}\n",
            "space.yaml:7: parameters.x.when: got 'dep', but 'kind' is one of 'wide', 'deep'. "
            "Did you mean 'deep'?",
        ),
        (
            "parameters:\n  x: {type: bool, when: {layers: '> 4'}}\n",
            "space.yaml:5: parameters.x.when: 'layers > 4' can never hold: 'layers' goes from 1 "
            "to 4",
        ),
        (
            "parameters:\n  x: {type: bool, when: {late: 3}}\n",
            "space.yaml:5: parameters.x.when: the code asks for 'late' in some builds only, so it "
            "has no value before. Name it in the space file, or put it into hp.conditional_scope.",
        ),
        (
            "parameters:\n  x: {type: bool, when: {never: true}}\n",
            "space.yaml:5: parameters.x.when: the parameter 'never' is never active, so nothing "
            "can depend on it.",
        ),
        (
            "constraints: [layerss < 3]\n",
            "space.yaml:4: constraints: 'layerss < 3': there is no parameter 'layerss'. "
            "Did you mean 'layers'?",
        ),
        (
            "constraints: [kind < 3]\n",
            "space.yaml:4: constraints: 'kind < 3': kind is a text; expected a number here",
        ),
        (
            "constraints: [layers + late < 3]\n",
            "space.yaml:4: constraints: 'layers + late < 3': the code asks for 'late' in some "
            "builds only, so it has no value before. Name it in the space file, or put it into "
            "hp.conditional_scope.",
        ),
        (
            "sampler: grid\n",
            "space.yaml:4: sampler: grid needs to know all parameters before training, but the "
            "code asks for 'late' in some builds only. Name it in the space file, put it into "
            "hp.conditional_scope, or choose another sampler.",
        ),
    ],
)
def test_mistakes_between_file_and_code_are_found(tmp_path: Path, text: str, problem: str) -> None:
    """Each with its line, what was given, what there is, and what was probably meant."""
    assert find(tmp_path, text) == [problem]


def test_what_fits_the_code_is_accepted(tmp_path: Path) -> None:
    """Conditions and constraints may name what only the code declares."""
    text = (
        "parameters:\n  x: {type: bool, when: {kind: deep, layers: '> 2'}}\n  late: [1, 2]\n"
        "constraints: [layers * late < 8]\n"
    )
    assert find(tmp_path, text) == []
    assert find(tmp_path, "parameters: {late: [1, 2]}\nsampler: grid\n") == []


def test_conditions_of_file_and_code_in_a_circle_are_found(tmp_path: Path) -> None:
    """The file lets one depend on the other, the code the other on the one."""
    child = Parameter("layers", "bool", when=(Condition("x", "in", (True,)),))
    build = Build({"x": True, "layers": True}, (Parameter("x", "bool"), child))
    text = "parameters:\n  x: {type: bool, when: {layers: true}}\n"
    [problem] = find(tmp_path, text, build, build)
    assert "the conditions go in a circle: " in problem


def test_contradictions_of_the_code_are_told_at_the_model(tmp_path: Path) -> None:
    """There is no line in the space file for what the code does."""
    build = Build(declared=(LAYERS, Parameter("layers", "int", low=1, high=5)))
    [problem] = find(tmp_path, "", build, build)
    assert problem.startswith("space.yaml: model: hyperparameter 'layers' is declared twice")
