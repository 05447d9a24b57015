"""Experiments of Katib."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import SpecError
from tests.converters.samples import KATIB, convert, load, read_katib


def test_katib_sections(tmp_path: Path) -> None:
    """Objective, algorithm, early stopping and limits have their counterparts."""
    spec = load(KATIB, tmp_path)
    assert spec.name == "tpe-example"
    assert (spec.objective.metric, spec.objective.direction) == ("val_loss", "minimize")
    assert (spec.limits.trials, spec.limits.workers, spec.limits.failures) == (12, 3, 3)
    assert spec.sampler.options["startup_trials"] == 12
    assert (spec.pruner.name, spec.pruner.options) == (
        "median",
        {"startup_trials": 3, "min_epochs": 2},
    )


def test_katib_setting_without_counterpart_is_named(tmp_path: Path) -> None:
    """A setting of the algorithm is a key as any other."""
    text = convert(KATIB, tmp_path).text
    assert "line 8: spec.algorithm.algorithmSettings.1: {'name': 'gamma', 'value': '3'}" in text
    assert "  # high was 250, which steps of 32 do not reach\n  units: {type: int," in text
    assert "line 17: spec.parameters.0.feasibleSpace.step: '0.001': on the logarithmic" in text


@pytest.mark.parametrize(
    ("kind", "space", "expected"),
    [
        ("double", '{min: "0.1", max: "1"}', ("float", 0.1, 1.0, None)),
        ("int", '{min: "1", max: "9"}', ("int", 1, 9, None)),
        ("int", '{min: "32", max: "250", step: "32"}', ("int", 32, 224, 32)),
        ("double", '{min: "0.1", max: "0.5", step: "0.1"}', ("float", 0.1, 0.5, 0.1)),
    ],
)
def test_katib_ranges(kind: str, space: str, expected: tuple[object, ...], tmp_path: Path) -> None:
    """Numbers in quotes are numbers, and the upper bound lies on a step."""
    written = f"{{name: x, parameterType: {kind}, feasibleSpace: {space}}}"
    found = read_katib(written, tmp_path)
    assert (found.type, found.low, found.high, found.step) == expected


def test_katib_lists(tmp_path: Path) -> None:
    """Discrete values are numbers, categorical ones are texts."""
    written = '{{name: x, parameterType: {}, feasibleSpace: {{list: ["16", "32"]}}}}'
    assert read_katib(written.format("discrete"), tmp_path).choices == (16, 32)
    assert read_katib(written.format("categorical"), tmp_path).choices == ("16", "32")


def test_katib_hyperband_is_a_sampler_and_a_pruner(tmp_path: Path) -> None:
    """What Katib calls an algorithm proposes at random and stops early."""
    settings = "[{name: eta, value: '4'}, {name: r_l, value: '81'}]"
    text = KATIB.replace("algorithmName: tpe", "algorithmName: hyperband")
    start = text.index("    algorithmSettings:")
    end = text.index("  earlyStopping")
    after = text[text.index("  parallelTrialCount") :]
    text = f"{text[:start]}    algorithmSettings: {settings}\n{after}"
    assert end > start
    spec = load(text, tmp_path)
    assert (spec.sampler.name, spec.pruner.name) == ("random", "hyperband")
    assert spec.pruner.options["reduction_factor"] == 4
    assert spec.training.epochs == 81


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'min: "0.001"',
            'min: "a"',
            "foreign.yaml:17: spec.parameters.0.feasibleSpace.min: got 'a'",
        ),
        ("type: minimize, ", "", "foreign.yaml:5: spec.objective: type is missing"),
        ("parameterType: double", "parameterType: real", "foreign.yaml:16: spec.parameters.0."),
        ("logUniform", "loguniform", "expected one of uniform, normal, logUniform, logNormal"),
        ("logUniform", "[uniform]", "expected one of uniform, normal, logUniform, logNormal"),
        ('value: "12"', 'value: "x"', "foreign.yaml:8: spec.algorithm.algorithmSettings.0.value"),
        ("maxTrialCount: 12", "maxTrialCount: many", "foreign.yaml:11: spec.maxTrialCount: got"),
        ("medianstop", "mean", "foreign.yaml:9: spec.earlyStopping.algorithmName: got 'mean'"),
    ],
)
def test_katib_mistake_is_told_with_its_line(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    """What is wrong in the Experiment is told where it stands."""
    assert old in KATIB
    with pytest.raises(SpecError) as caught:
        convert(KATIB.replace(old, new, 1), tmp_path)
    assert problem in str(caught.value)
