"""Configurations of Hydra's Optuna sweeper."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import SpecError
from tests.converters.samples import HYDRA, convert, load, read_hydra


def test_hydra_sections(tmp_path: Path) -> None:
    """Sampler, direction and numbers have their counterparts; the metric is to be filled in."""
    spec = load(HYDRA, tmp_path)
    assert spec.name == "s"
    assert (spec.objective.metric, spec.objective.direction) == ("val_accuracy", "maximize")
    assert (spec.limits.trials, spec.limits.workers) == (20, 2)
    assert (spec.sampler.name, spec.pruner.name) == ("random", "none")
    assert "# TODO: name the metric" in convert(HYDRA, tmp_path).text


def test_hydra_sampler_with_its_arguments(tmp_path: Path) -> None:
    """The class is known by its name, and its arguments by theirs."""
    sampler = "sampler: {_target_: optuna.samplers.TPESampler, seed: 3, n_startup_trials: 5}"
    text = f"hydra:\n  sweeper:\n    {sampler}\n    n_jobs: -1\n    params: {{a: 1}}\n"
    spec = load(text, tmp_path)
    assert (spec.sampler.name, spec.sampler.options["startup_trials"]) == ("tpe", 5)
    assert (spec.seed, spec.limits.workers) == (3, "auto")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("interval(1, 10)", ("float", 1.0, 10.0, None, "linear")),
        ("interval(start=0.5, end=1)", ("float", 0.5, 1.0, None, "linear")),
        ("tag(log, interval(1e-4, 1e-1))", ("float", 1e-4, 1e-1, None, "log")),
        ("int(interval(1, 10))", ("int", 1, 10, None, "linear")),
        ("tag(log, int(interval(1, 100)))", ("int", 1, 100, None, "log")),
        ("int(tag(log, interval(1, 100)))", ("int", 1, 100, None, "log")),
        ("range(32, 257, step=32)", ("int", 32, 256, 32, "linear")),
        ("range(1, 9)", ("int", 1, 9, None, "linear")),
        ("range(0.0, 1.0, 0.25)", ("float", 0.0, 1.0, 0.25, "linear")),
        ("range(8)", ("int", 0, 8, None, "linear")),
    ],
)
def test_hydra_ranges(written: str, expected: tuple[object, ...], tmp_path: Path) -> None:
    """The grammar of overrides, as the Optuna sweeper reads it."""
    found = read_hydra(written, tmp_path)
    assert (found.type, found.low, found.high, found.step, found.scale) == expected


@pytest.mark.parametrize(
    ("written", "choices"),
    [
        ("choice(sgd, adam)", ("sgd", "adam")),
        ("sgd, adam", ("sgd", "adam")),
        ("choice('a,b', c)", ("a,b", "c")),
        ("choice(1, 2)", (1, 2)),
        ("shuffle(choice(true, false))", (True, False)),
    ],
)
def test_hydra_choices(written: str, choices: tuple[object, ...], tmp_path: Path) -> None:
    """Choices with or without the function, with quotes and of any type."""
    assert read_hydra(written, tmp_path).choices == choices


def test_hydra_fixed_and_older_forms(tmp_path: Path) -> None:
    """A plain value is fixed; search_space takes Optuna's own keys."""
    older = "{type: int, low: 1, high: 8, log: true}"
    text = f"hydra: {{sweeper: {{params: {{+a: 3}}, search_space: {{b: {older}}}}}}}\n"
    first, second = load(text, tmp_path).parameters
    assert (first.name, first.value) == ("a", 3)
    assert (second.type, second.low, second.high, second.scale) == ("int", 1, 8, "log")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("interval(1)", "expected interval(a, b), range(a, b), choice(a, b)"),
        ("glob(*)", "expected interval(a, b), range(a, b), choice(a, b)"),
        ("interval(1, 2", "a bracket or a quote is not closed"),
        ("interval(a, b)", "expected a number"),
        ("interval(1, 2, 3)", "expected interval(a, b)"),
        ("choice([1, 2], [3])", "a list or a mapping is no value here"),
        ("tag()", "expected interval(a, b)"),
        ("interval(2, 1)", "got 2.0, above high 1.0"),
    ],
)
def test_hydra_mistake_is_told_with_its_line(written: str, problem: str, tmp_path: Path) -> None:
    """An override that cannot be read is shown with what was expected."""
    with pytest.raises(SpecError) as caught:
        read_hydra(written, tmp_path)
    assert "foreign.yaml:1: hydra.sweeper.params.x: " in str(caught.value)
    assert problem in str(caught.value)
