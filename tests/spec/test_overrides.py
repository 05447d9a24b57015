"""Overrides from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec.spaces import HEAD, load, problems_of

TEXT = (
    "search_space:\n  lr: loguniform(1e-4, 1e-1)\n  units: {min: 8, max: 16}\n"
    "limits: {trials: 3, failures: 2}\nsampler: {name: tpe, startup_trials: 3}\n"
)


def test_override_changes_one_key_and_keeps_its_neighbours(tmp_path: Path) -> None:
    """Only the named key changes."""
    spec = load(tmp_path, TEXT, overrides=["limits.trials=50"])
    assert (spec.limits.trials, spec.limits.failures) == (50, 2)


def test_override_later_one_wins(tmp_path: Path) -> None:
    """Given twice, the later override counts."""
    assert load(tmp_path, TEXT, overrides=["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize("key", ["n_trials", "limits.run_cap", "limits.trials"])
def test_override_alias_meets_any_spelling_of_the_file(tmp_path: Path, key: str) -> None:
    """File and command line may spell the same key differently."""
    assert load(tmp_path, TEXT, overrides=[f"{key}=9"]).limits.trials == 9


def test_override_reaches_into_a_parameter_written_as_a_string(tmp_path: Path) -> None:
    """A bound can be overridden whichever form the parameter has in the file."""
    spec = load(tmp_path, TEXT, overrides=["parameters.lr.max=0.5", "params.units.low=4"])
    assert [(p.low, p.high, p.scale) for p in spec.parameters] == [
        (1e-4, 0.5, "log"),
        (4, 16, "linear"),
    ]


def test_override_of_a_whole_parameter_replaces_it(tmp_path: Path) -> None:
    """A value set for a parameter fixes it; nothing of its range stays."""
    spec = load(tmp_path, TEXT, overrides=["parameters.lr=0.01", "parameters.new=[1, 2]"])
    assert [(p.name, p.type) for p in spec.parameters] == [
        ("lr", "fixed"),
        ("units", "int"),
        ("new", "categorical"),
    ]


def test_override_of_a_section_replaces_it(tmp_path: Path) -> None:
    """A section set as a whole forgets the file's options and direction."""
    spec = load(tmp_path, TEXT, overrides=["sampler=random", "objective=val_accuracy"])
    assert (spec.sampler.name, spec.sampler.options) == ("random", {})
    assert spec.objective.direction == "maximize"


def test_override_value_is_yaml(tmp_path: Path) -> None:
    """A value may be a mapping, a duration or a quoted text."""
    spec = load(tmp_path, TEXT, overrides=["keep={best: 2, max_disk: 1MiB}", "limits.timeout=2h"])
    assert (spec.keep.best, spec.keep.max_disk, spec.limits.timeout) == (2, 1048576, 7200.0)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "limits.trials",
            "--set: got 'limits.trials'; expected key=value, such as limits.trials=50",
        ),
        ("=3", "--set: got '=3'; expected key=value, such as limits.trials=50"),
        (
            "limits..trials=3",
            "--set: got 'limits..trials=3'; expected key=value, such as limits.trials=50",
        ),
        (
            "limits.trials=many",
            "--set: limits.trials: got 'many'; expected a whole number, at least 1",
        ),
        (
            "limits.trails=3",
            (
                "--set: limits.trails: unknown key 'trails'; expected one of trials, workers, "
                "timeout, trial_timeout, stall_timeout, failures, retries. Did you mean 'trials'?"
            ),
        ),
        (
            "limits.trials='3",
            (
                "--set: limits.trials: this is no YAML: found unexpected end of stream "
                "while scanning a quoted scalar"
            ),
        ),
        (
            "parameters.lr.high=0",
            "--set: parameters.lr.high: got 0.0, below low 0.0001; expected low <= high",
        ),
    ],
)
def test_override_mistake_is_located_at_the_command_line(
    tmp_path: Path, override: str, problem: str
) -> None:
    """A mistake of the command line is not blamed on the file."""
    (found,) = problems_of(lambda: load(tmp_path, TEXT, overrides=[override]))
    assert found == problem


def test_override_completes_a_file_that_lacks_a_key(tmp_path: Path) -> None:
    """A required key may come from the command line alone."""
    head = HEAD.replace("objective: val_loss\n", "")
    assert load(tmp_path, head=head, overrides=["metric=val_loss"]).objective.metric == "val_loss"
