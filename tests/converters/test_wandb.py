"""Sweeps of Weights & Biases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.converters.samples import WANDB, convert, load, read_wandb


def test_wandb_sections(tmp_path: Path) -> None:
    """Metric, method, early termination and cap have their counterparts."""
    spec = load(WANDB, tmp_path)
    assert spec.name == "my-sweep-one"
    assert (spec.objective.metric, spec.objective.direction) == ("val_loss", "minimize")
    assert spec.limits.trials == 50
    assert spec.sampler.name == "tpe"
    assert spec.pruner.options == {"min_epochs": 3, "reduction_factor": 4}


@pytest.mark.parametrize(
    ("written", "low", "high"),
    [
        ("{distribution: log_uniform, min: -9.210340371976182, max: 0}", 1e-4, 1.0),
        ("{distribution: q_log_uniform, min: 0, max: 2.302585092994046}", 1.0, 10.0),
        ("{distribution: log_uniform_values, min: 1e-4, max: 1e-1}", 1e-4, 1e-1),
        # log(1/X) lies between 0 and 9.21
        ("{distribution: inv_log_uniform, min: 0, max: 9.210340371976182}", 1e-4, 1.0),
        ("{distribution: inv_log_uniform_values, min: 1e-4, max: 1e-1}", 1e-4, 1e-1),
        ("{distribution: log_normal, mu: 0, sigma: 1.151292546497023}", 0.1, 10.0),
    ],
)
def test_wandb_logarithms(written: str, low: float, high: float, tmp_path: Path) -> None:
    """Exponents become the bounds themselves; values stay."""
    parameter = read_wandb(written, tmp_path)
    assert (parameter.type, parameter.scale) == ("float", "log")
    assert parameter.low == low
    assert parameter.high == high


@pytest.mark.parametrize(
    ("written", "kind", "low", "high", "step"),
    [
        ("{min: 1, max: 9}", "int", 1, 9, None),
        ("{min: 1, max: 9.0}", "float", 1.0, 9.0, None),
        ("{distribution: int_uniform, min: 1, max: 9}", "int", 1, 9, None),
        ("{distribution: uniform, min: 1, max: 9}", "float", 1.0, 9.0, None),
        ("{distribution: q_uniform, min: 0, max: 9}", "int", 0, 9, 1),
        ("{distribution: q_uniform, min: 10, max: 100, q: 32}", "int", 0, 96, 32),
        ("{distribution: q_uniform, min: 0, max: 1, q: 0.25}", "float", 0.0, 1.0, 0.25),
        ("{distribution: normal, mu: 0.5, sigma: 0.1}", "float", 0.3, 0.7, None),
        ("{distribution: beta, a: 2, b: 3}", "float", 0.0, 1.0, None),
    ],
)
def test_wandb_ranges(
    written: str, kind: str, low: float, high: float, step: float | None, tmp_path: Path
) -> None:
    """Types are inferred as W&B does, and steps begin at a multiple of q."""
    found = read_wandb(written, tmp_path)
    assert (found.type, found.low, found.high, found.step) == (kind, low, high, step)


def test_wandb_without_early_terminate_prunes_nothing(tmp_path: Path) -> None:
    """Ours would prune by default, W&B would not."""
    assert load("method: random\nparameters: {x: {value: 1}}\n", tmp_path).pruner.name == "none"


def test_wandb_max_iter_gives_the_first_rung(tmp_path: Path) -> None:
    """27 epochs with s = 2 and the default eta of 3 have their first rung at 3."""
    early = "early_terminate: {type: hyperband, max_iter: 27, s: 2}"
    text = f"method: random\n{early}\nparameters: {{x: {{value: 1}}}}\n"
    assert load(text, tmp_path).pruner.options["min_epochs"] == 3


def test_wandb_numbers_beyond_all_bounds_give_the_first_epoch(tmp_path: Path) -> None:
    """A quotient that no float holds is below any epoch."""
    early = "early_terminate: {type: hyperband, max_iter: 27.5, eta: 9999999999, s: 99}"
    text = f"method: random\n{early}\nparameters: {{x: {{value: 1}}}}\n"
    assert load(text, tmp_path).pruner.options["min_epochs"] == 1


def test_wandb_method_that_is_no_word_is_left_out(tmp_path: Path) -> None:
    """As one that is not known, and said so."""
    found = convert("method: [bayes]\nparameters: {x: {value: 1}}\n", tmp_path)
    assert "proposed by tpe instead" in found.text


def test_wandb_what_has_no_end_is_marked(tmp_path: Path) -> None:
    """Neither metric nor run_cap: the space file says so where they would stand."""
    text = convert("method: custom\nparameters: {x: {values: [1, 2]}}\n", tmp_path).text
    assert (
        "# TODO: name the metric; this W&B sweep names none\nobjective: {metric: val_loss," in text
    )
    assert (
        "# TODO: this W&B sweep has no run_cap; here a sweep has an end\nlimits: {trials: 20}"
        in text
    )
    assert "line 1: method: 'custom': proposed by tpe instead" in text
