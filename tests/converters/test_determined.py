"""Experiment configurations of Determined."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import SpecError
from tests.converters.samples import DETERMINED, convert, load, read_determined


def test_determined_sections(tmp_path: Path) -> None:
    """Searcher, length of a trial and seed have their counterparts."""
    spec = load(DETERMINED, tmp_path)
    assert (spec.objective.metric, spec.objective.direction) == ("val_acc", "maximize")
    assert (spec.limits.trials, spec.limits.workers) == (64, 8)
    assert (spec.sampler.name, spec.pruner.name) == ("random", "asha")
    assert spec.pruner.options == {"min_epochs": 4, "reduction_factor": 4}  # 64 / 4**2
    assert spec.training.epochs == 64
    assert spec.seed == 7


def test_determined_standard_mode_has_several_brackets(tmp_path: Path) -> None:
    """Only the aggressive mode is a single bracket."""
    text = DETERMINED.replace("mode: aggressive", "mode: standard")
    assert load(text, tmp_path).pruner.name == "hyperband"


def test_determined_log_bounds_are_exponents(tmp_path: Path) -> None:
    """The bounds themselves are written, by the base that is given."""
    found = read_determined("{type: log, base: 10, minval: -5, maxval: -1}", tmp_path)
    assert (found.low, found.high, found.scale, found.step) == (1e-5, 0.1, "log", None)
    found = read_determined("{type: log, base: 2, minval: 3, maxval: 5}", tmp_path)
    assert (found.low, found.high) == (8.0, 32.0)


def test_determined_counts_are_steps_of_a_grid(tmp_path: Path) -> None:
    """Only a grid counts values; elsewhere the count is named as left out."""
    written = "{type: double, minval: 0.0, maxval: 1.0, count: 5}"
    assert read_determined(written, tmp_path, "grid").step == 0.25
    assert read_determined(written, tmp_path).step is None
    found = read_determined("{type: log, minval: -3, maxval: -1, count: 3}", tmp_path, "grid")
    assert found.step == pytest.approx(10.0)
    found = read_determined("{type: int, minval: 1, maxval: 8, count: 3}", tmp_path, "grid")
    assert found.choices == (1, 4, 8)


def test_determined_plain_and_nested_values(tmp_path: Path) -> None:
    """A plain value is fixed, a mapping without a type holds further names."""
    text = (
        "searcher: {name: single, metric: val_loss}\n"
        "hyperparameters: {global_batch_size: 64, net: {depth: {type: const, val: 3}}, l: [1]}\n"
    )
    spec = load(text, tmp_path)
    found = {parameter.name: parameter.value for parameter in spec.parameters}
    assert found == {"batch_size": 64, "net.depth": 3}
    assert spec.limits.trials == 1
    assert "line 2: hyperparameters.l: [1]: a list" in convert(text, tmp_path).text


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "adaptive_asha",
            "pbt",
            "foreign.yaml:8: searcher.name: got 'pbt'; expected one of single",
        ),
        ("adaptive_asha", "[single]", "searcher.name: got ['single']; expected one of single"),
        ("base: 10.0", "base: 1", "foreign.yaml:4: hyperparameters.learning_rate.base: got 1"),
        ("maxval: 32", "maxval: 3", "foreign.yaml:5: hyperparameters.layer1.minval: got 4"),
        ("vals: [sgd, adam]", "vals: sgd", "foreign.yaml:6: hyperparameters.opt.vals: got 'sgd'"),
        ("experiment_seed: 7", "experiment_seed: x", "foreign.yaml:11: reproducibility."),
        ("max_rungs: 3", "max_rungs: 0", "foreign.yaml:8: searcher: expected a divisor above 1"),
    ],
)
def test_determined_mistake_is_told_with_its_line(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    """What is wrong in the configuration is told where it stands."""
    assert old in DETERMINED
    with pytest.raises(SpecError) as caught:
        convert(DETERMINED.replace(old, new, 1), tmp_path)
    assert problem in str(caught.value)
