"""Several objectives in a space file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.spec.model import Objective, spec_from_json, spec_to_json
from tests.spec.spaces import load, problems_of, refuse

HEAD = "model: m.py:build\ndata: m.py:load\n"
ACCURACY = Objective(metric="val_accuracy", direction="maximize")
WEIGHTS = Objective(metric="num_weights", direction="minimize")


@pytest.mark.parametrize(
    "text",
    [
        "objectives: [val_accuracy, num_weights]\n",
        "objectives:\n  - {metric: val_accuracy, direction: maximize}\n  - num_weights\n",
        "objectives:\n  - {name: val_accuracy, goal: max}\n  - {monitor: num_weights, mode: min}\n",
    ],
)
def test_objectives_first_one_is_the_primary(tmp_path: Path, text: str) -> None:
    """All spellings give the same list, and the first is the one that everything else knows."""
    spec = load(tmp_path, text, head=HEAD)
    assert spec.objectives == (ACCURACY, WEIGHTS)
    assert spec.objective == ACCURACY
    assert (spec.checkpoint.monitor, spec.checkpoint.mode) == ("val_accuracy", "max")
    assert spec_from_json(spec_to_json(spec)) == spec


def test_objectives_of_one_objective_is_that_one(tmp_path: Path) -> None:
    """Code for several objectives works for one."""
    spec = load(tmp_path, "objective: val_accuracy\n", head=HEAD)
    assert spec.objectives == (ACCURACY,)


def test_objectives_num_weights_may_be_maximized(tmp_path: Path) -> None:
    """A name that tells its direction may be overruled."""
    text = "objectives: [val_accuracy, {metric: num_weights, direction: maximize}]\n"
    assert load(tmp_path, text, head=HEAD).objectives[1].direction == "maximize"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "objectives: [val_accuracy]\n",
            (
                "space.yaml:3: objectives: got [{'metric': 'val_accuracy'}]; expected a list of 2 "
                "to 4 objectives; one goes to 'objective'"
            ),
        ),
        (
            "objectives: val_accuracy\n",
            (
                "space.yaml:3: objectives: got 'val_accuracy'; expected a list of 2 to 4 "
                "objectives; one goes to 'objective'"
            ),
        ),
        (
            "objectives: [loss, val_loss]\nobjective: loss\n",
            "space.yaml:3: objectives: 'objective' (space.yaml:4) is given too; keep one",
        ),
        (
            "objectives: [loss, val_loss]\nmetric: loss\n",
            "space.yaml:3: objectives: 'objective' (space.yaml:4) is given too; keep one",
        ),
        (
            "objectives: [loss, val_loss, loss]\n",
            "space.yaml:3: objectives.2: got 'loss' once more; expected metrics that differ",
        ),
        (
            "objectives: [loss, sharpness]\n",
            (
                "space.yaml:3: objectives.1: got 'sharpness', whose name does not tell whether "
                "more is better; add direction: maximize or direction: minimize"
            ),
        ),
        (
            "objectives: [num_weights, loss]\n",
            (
                "space.yaml:3: objectives.0: got 'num_weights', which is the same after every "
                "epoch; the first objective chooses the best epoch, so it must be a metric that "
                "training logs, such as val_accuracy"
            ),
        ),
        (
            "objective: num_weights\n",
            (
                "space.yaml:3: objective: got 'num_weights', which is the same after every "
                "epoch; the first objective chooses the best epoch, so it must be a metric that "
                "training logs, such as val_accuracy"
            ),
        ),
        (
            "objectives:\n  - loss\n  - {metric: val_loss, dirction: minimize}\n",
            (
                "space.yaml:5: objectives.1.dirction: unknown key 'dirction'; expected one of "
                "metric, direction. Did you mean 'direction'?"
            ),
        ),
        (
            "objectives:\n  - loss\n  - {metric: val_loss, direction: up}\n",
            ("space.yaml:5: objectives.1.direction: got 'up'; expected 'minimize' or 'maximize'"),
        ),
        (
            "objectives: [loss, val_loss]\nexport: {choose: knees}\n",
            (
                "space.yaml:4: export.choose: got 'knees'; expected 'primary' or 'knee'. "
                "Did you mean 'knee'?"
            ),
        ),
    ],
)
def test_objectives_mistake_is_told_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    """Each mistake names its place in the list and what to do."""
    found = [problem.replace(f"{tmp_path}/", "") for problem in refuse(tmp_path, text, head=HEAD)]
    assert found == [expected]


def test_objectives_override_beside_an_objective_is_refused(tmp_path: Path) -> None:
    """`--set` takes another value for a key; it does not choose between two keys."""
    overrides = ["objectives=[val_loss, num_weights]"]
    [problem] = problems_of(lambda: load(tmp_path, overrides=overrides))
    found = problem.replace(f"{tmp_path}/", "")
    assert found == "--set: objectives: 'objective' (space.yaml:3) is given too; keep one"
