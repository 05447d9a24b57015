"""Converting a file of another tool: what is common to all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.cli.schema import open_rooms
from sweeps.converters.convert import convert_file
from sweeps.errors import OptionError, SpecError
from tests.converters.samples import HYDRA, WANDB, convert, load


def test_convert_writes_a_commented_space(tmp_path: Path) -> None:
    """The whole text: values, remarks where they apply, and what is left out with its line."""
    assert convert(WANDB, tmp_path).text == (
        "# Converted from the W&B sweep 'foreign.yaml'. Look for TODO below.\n"
        "\n"
        "# was 'my sweep: one'\n"
        "name: my-sweep-one\n"
        "# TODO: file.py:function that builds and compiles a model: build(hp), as KerasTuner's\n"
        "model: TODO_model:build\n"
        "# TODO: file.py:function that returns {train: (x, y), validation: (x, y)}\n"
        "data: TODO_data:load\n"
        "objective: {metric: val_loss, direction: minimize}\n"
        "parameters:\n"
        "  lr: {type: float, low: 0.0001, high: 0.1, log: true}\n"
        "  batch_size: [32, 64]\n"
        "  epochs: 20\n"
        "  optimizer.name: [adam, sgd]\n"
        "# method: bayes; sampler gp is a Gaussian process, tpe is quicker\n"
        "sampler: {name: tpe}\n"
        "# W&B counts logged values, asha counts epochs\n"
        "pruner: {name: asha, min_epochs: 3, reduction_factor: 4}\n"
        "limits: {trials: 50}\n"
        "\n"
        "# Left out:\n"
        "#   line 1: program: 'train.py': the code is named by model and data\n"
        "#   line 4: metric.target: 0.1: a sweep does not end at a value; see limits\n"
        "#   line 6: early_terminate.s: 2: has no counterpart here\n"
        "#   line 12: command: ['${env}', 'python', '${program}', '${args}']: "
        "trials are not started by a command\n"
    )


def test_convert_targets_take_the_place_of_placeholders(tmp_path: Path) -> None:
    """Where model and data are known nothing says TODO about them."""
    (tmp_path / "foreign.yaml").write_text(WANDB)
    targets = {"model": "m.py:build", "data": "m.py:load"}
    path = tmp_path / "foreign.yaml"
    text = convert_file(path, rooms=open_rooms(), targets=targets).text
    assert "\nmodel: m.py:build\ndata: m.py:load\n" in text
    assert "TODO:" not in text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "method: random\nparameters:\n  lr: {min: 1, max: 0.5}\n",
            "foreign.yaml:3: parameters.lr.min: got 1.0, above high 0.5; expected low <= high",
        ),
        (
            "method: random\nparameters:\n  lr: {min: a, max: 0.5}\n",
            "foreign.yaml:3: parameters.lr.min: got 'a'; expected a number",
        ),
        (
            "method: random\nrun_cap: -3\nparameters:\n  lr: {value: 1}\n",
            "foreign.yaml:2: run_cap: got -3; expected a whole number, at least 1",
        ),
        (
            "method: random\nparameters:\n  lr: {distribution: unifrom, min: 1, max: 2}\n",
            "Did you mean 'uniform'?",
        ),
        (
            "method: random\nmetric: {name: a, goal: up}\nparameters: {lr: {value: 1}}\n",
            "foreign.yaml:2: metric.goal: got 'up'; expected 'minimize' or 'maximize'",
        ),
        (
            "method: random\nparameters: {lr: {values: [[1, 2], [3]]}}\n",
            "foreign.yaml:2: parameters.lr.values.0: got [1, 2]; expected one number",
        ),
        (
            "method: random\nparameters: {lr: {distribution: log_uniform, min: 0, max: 9999}}\n",
            "foreign.yaml:2: parameters.lr.max: got 9999; expected an exponent",
        ),
        ("method: random\nparameters: {lr: 3}\n", "foreign.yaml:2: parameters.lr: got 3; expected"),
        ("method: random\nparameters: [1\n", "foreign.yaml:3: this is no YAML"),
        ("method: random\nmethod: grid\nparameters: {}\n", "foreign.yaml:2: method: this key is"),
        (
            "method: random\nparameters: {a.b: {value: 1}, a: {parameters: {b: {value: 2}}}}\n",
            "foreign.yaml:2: parameters.a.parameters.b: 'a.b' is declared already",
        ),
        ("hydra: 3\n", "foreign.yaml:1: hydra: got 3; expected a mapping"),
        ("- 1\n", "foreign.yaml:1: got [1]; expected a mapping"),
    ],
)
def test_convert_mistake_is_told_with_its_line(text: str, problem: str, tmp_path: Path) -> None:
    """What is wrong in the file is told where it was written, in its own words."""
    with pytest.raises(SpecError) as caught:
        convert(text, tmp_path)
    assert problem in str(caught.value)


def test_convert_tells_all_mistakes_at_once(tmp_path: Path) -> None:
    """Sections and parameters are looked at in one go."""
    text = "method: random\nrun_cap: 0\nparameters:\n  a: {min: 2, max: 1}\n  b: {values: []}\n"
    with pytest.raises(SpecError) as caught:
        convert(text, tmp_path)
    lines = [problem.where.rpartition(":")[2] for problem in caught.value.problems]
    assert lines == ["2", "4", "5"]


@pytest.mark.parametrize("text", ["a: 1\n", "searcher: {}\nhydra: {}\n"])
def test_convert_unknown_format_is_refused(text: str, tmp_path: Path) -> None:
    """A file that may be several things, or none, needs --from."""
    with pytest.raises(OptionError, match="cannot tell which tool this file is for"):
        convert(text, tmp_path)


def test_convert_space_file_is_refused(tmp_path: Path) -> None:
    """Our own files use W&B's words too."""
    text = "model: m:b\ndata: m:l\nmethod: random\nparameters: {a: 1}\n"
    with pytest.raises(OptionError, match="a space file already"):
        convert(text, tmp_path)


def test_convert_misspelt_format_says_what_was_meant(tmp_path: Path) -> None:
    """A name that is not on the menu."""
    with pytest.raises(OptionError, match="Did you mean 'katib'"):
        convert(HYDRA, tmp_path, "kattib")


def test_convert_strange_texts_stay_what_they_are(tmp_path: Path) -> None:
    """Words that YAML would read otherwise, quotes, colons and hashes survive."""
    values = ["no", "1e3", "null", "a: b", "# c", 'd "e"', "é", "", "choice(1)", "\x7f"]
    quoted = ", ".join('"' + v.replace('"', '\\"').replace("\x7f", "\\x7f") + '"' for v in values)
    text = f"method: random\nparameters:\n  x: {{values: [{quoted}]}}\n  y: {{value: choice(1)}}\n"
    spec = load(text, tmp_path)
    assert list(spec.parameters[0].choices) == values
    assert spec.parameters[1].value == "choice(1)"


def test_convert_many_choices_stay_below_the_longest_line(tmp_path: Path) -> None:
    """A long list is written one value a line, so that it can be read back."""
    values = [f"a_rather_long_choice_{index}" for index in range(900)]
    lines = "".join(f"      - {value}\n" for value in values)
    text = f"method: random\nparameters:\n  x:\n    values:\n{lines}"
    assert list(load(text, tmp_path).parameters[0].choices) == values


def test_convert_comment_cannot_be_left_by_a_key(tmp_path: Path) -> None:
    """A line break in a foreign key or value stays inside its comment."""
    text = 'method: random\n"x\\nseed": "1\\nseed: 5"\nparameters: {a: {value: 1}}\n'
    assert load(text, tmp_path).seed == 0
