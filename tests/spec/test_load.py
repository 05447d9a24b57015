"""Loading a whole space file: sections, aliases, defaults, and all mistakes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.causes import RETRIES
from sweeps.search.pruners import PRUNERS
from sweeps.search.samplers import SAMPLERS
from sweeps.spec.conditions import Condition
from sweeps.spec.load import find_place, load_spec
from sweeps.spec.model import Choice, Limits, Objective, SweepSpec
from sweeps.spec.rooms import Rooms
from tests.spec.spaces import HEAD, ROOMS, load, problems_of, refuse, write_space

SPACES = Path(__file__).parents[2] / "search_spaces"


def test_load_spec_smallest_file_fills_in_every_default(tmp_path: Path) -> None:
    """Model, data and metric are enough; everything else has a default."""
    spec = load(tmp_path)
    assert spec.name == "space"
    assert spec.model == f"{tmp_path}/m.py:build"
    assert spec.data == f"{tmp_path}/m.py:load"
    assert spec.objective == Objective(metric="val_loss", direction="minimize")
    assert spec.parameters == ()
    assert spec.sampler == Choice(name="tpe", options={"startup_trials": 10})
    assert spec.pruner == Choice(name="asha", options={"min_epochs": 1, "reduction_factor": 3})
    assert spec.limits == Limits(trials=20, workers="auto")
    assert (spec.limits.timeout, spec.limits.trial_timeout, spec.limits.failures) == (None,) * 3
    assert (spec.checkpoint.monitor, spec.checkpoint.mode) == ("val_loss", "min")
    assert (spec.keep.best, spec.keep.max_disk, spec.seed) == (None, None, 0)
    assert spec.export.formats == ("keras", "saved_model")


def test_load_spec_full_file_reads_every_section(tmp_path: Path) -> None:
    """Every section of the documented example is understood."""
    spec = load(
        tmp_path,
        "# yaml-language-server: $schema=space.schema.json\n"
        "$schema: space.schema.json\n"
        "name: digits-2\n"
        "parameters: {units: [8, 16], layers: 'int(1, 3)'}\n"
        "constraints: [units * layers <= 32]\n"
        "sampler: {name: tpe, startup_trials: '4'}\n"
        "pruner: {name: asha, min_epochs: 2}\n"
        "limits: {trials: '40', workers: 2, timeout: 1.5h, trial_timeout: 10m, failures: 5,"
        "  retries: {killed: 2}}\n"
        "training: {epochs: 30, batch_size: 64, loop: fit, validation_freq: 2, early_stopping: 3}\n"
        "checkpoint: {path: 'a{epoch}.keras', save_best_only: no, save_freq: 100}\n"
        "keep: {best: 3, max_disk: 5GB}\n"
        "seed: 7\n"
        "export: {formats: [keras]}\n",
    )
    assert spec.name == "digits-2"
    assert [parameter.name for parameter in spec.parameters] == ["units", "layers"]
    assert spec.constraints == ("units * layers <= 32",)
    assert spec.sampler.options == {"startup_trials": 4}
    assert spec.pruner.options == {"min_epochs": 2, "reduction_factor": 3}
    assert spec.limits.model_dump() == {
        "trials": 40,
        "workers": 2,
        "timeout": 5400.0,
        "trial_timeout": 600.0,
        "stall_timeout": 3600.0,
        "failures": 5,
        "retries": {**RETRIES, "killed": 2},
    }
    assert (spec.training.epochs, spec.training.batch_size) == (30, 64)
    assert (spec.training.loop, spec.training.validation_freq) == ("fit", 2)
    assert spec.training.early_stopping == 3
    assert (spec.checkpoint.save_best_only, spec.checkpoint.save_freq) == (False, 100)
    assert (spec.keep.best, spec.keep.max_disk, spec.seed) == (3, 5_000_000_000, 7)


@pytest.mark.parametrize(
    ("text", "section", "expected"),
    [
        ("n_trials: 7\n", "limits", {"trials": 7}),
        ("max_trials: 7\n", "limits", {"trials": 7}),
        ("run_cap: 7\nlimits: {failures: 2}\n", "limits", {"trials": 7, "failures": 2}),
        ("limits: {n_trials: 7, n_jobs: 3}\n", "limits", {"trials": 7, "workers": 3}),
        ("jobs: 3\n", "limits", {"workers": 3}),
        ("method: bayes\n", "sampler", {"name": "tpe"}),
        ("method: random\n", "sampler", {"name": "random"}),
        ("sampler: random\n", "sampler", {"name": "random"}),
        ("sampler: {startup_trials: 3}\n", "sampler", {"options": {"startup_trials": 3}}),
        ("pruner: median\n", "pruner", {"name": "median"}),
        ("pruner: none\n", "pruner", {"name": "none"}),
        (
            "early_terminate: {type: hyperband, min_iter: 4, eta: 2}\n",
            "pruner",
            {"name": "hyperband", "options": {"min_epochs": 4, "reduction_factor": 2}},
        ),
        ("checkpoint: {filepath: a.keras}\n", "checkpoint", {"path": "a.keras"}),
        ("training: {early_stopping: {patience: 4}}\n", "training", {"early_stopping": 4}),
        ("constraints:\n", "checkpoint", {"mode": "min"}),
    ],
)
def test_load_spec_word_of_another_tool_means_ours(
    tmp_path: Path, text: str, section: str, expected: dict[str, object]
) -> None:
    """The documented aliases of Optuna, KerasTuner, W&B and Azure are accepted."""
    found = getattr(load(tmp_path, text), section).model_dump()
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("key", ["parameters", "search_space", "params", "hyperparameters"])
def test_load_spec_parameters_have_four_names(tmp_path: Path, key: str) -> None:
    """The section of the parameters may be called as in other tools."""
    assert load(tmp_path, f"{key}: {{a: 1}}\n").parameters[0].value == 1


@pytest.mark.parametrize(
    ("objective", "metric", "direction"),
    [
        ("objective: {metric: fitness, direction: maximize}", "fitness", "maximize"),
        ("objective: val_accuracy", "val_accuracy", "maximize"),
        ("metric: val_accuracy", "val_accuracy", "maximize"),
        ("metric: {name: fitness, goal: minimize}", "fitness", "minimize"),
        ("metric: fitness\ndirection: maximize", "fitness", "maximize"),
        ("direction: minimize\nobjective: fitness", "fitness", "minimize"),
        ("objective: {monitor: fitness, mode: max}", "fitness", "maximize"),
    ],
)
def test_load_spec_objective_may_be_written_as_in_other_tools(
    tmp_path: Path, objective: str, metric: str, direction: str
) -> None:
    """Every documented form of the objective means the same two facts."""
    head = f"model: m.py:build\ndata: m.py:load\n{objective}\n"
    assert load(tmp_path, head=head).objective.model_dump() == {
        "metric": metric,
        "direction": direction,
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "limits: {trials: 3}\nn_trials: 4\n",
            "space.yaml:5: n_trials: this is already given as 'limits.trials'",
        ),
        (
            "limits: {trials: 3, run_cap: 4}\n",
            "space.yaml:4: limits.run_cap: this is already given as 'limits.trials'",
        ),
        ("metric: val_loss\n", "space.yaml:4: metric: this is already given as 'objective'"),
        (
            "sampler: tpe\nmethod: random\n",
            "space.yaml:5: method: this is already given as 'sampler'",
        ),
        (
            "params: {a: 1}\nparameters: {b: 1}\n",
            "space.yaml:5: parameters: this is already given as 'params'",
        ),
    ],
)
def test_load_spec_both_spellings_at_once_is_an_error(
    tmp_path: Path, text: str, problem: str
) -> None:
    """Two spellings of one thing are refused, naming both places."""
    (found,) = refuse(tmp_path, text)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "limit: {trials: 3}\n",
            (
                "space.yaml:4: limit: unknown key 'limit'; expected one of name, model, data, "
                "objective, objectives, parameters, constraints, max_params, max_model_bytes, "
                "sampler, pruner, limits, resources, training, checkpoint, keep, repeats, folds, "
                "seed, deterministic, export. Did you mean 'limits'?"
            ),
        ),
        (
            "epochs: 3\n",
            (
                "space.yaml:4: epochs: unknown key 'epochs' at the top of the file. "
                "Did you mean 'training.epochs'?"
            ),
        ),
        (
            "limits:\n  trails: 3\n",
            (
                "space.yaml:5: limits.trails: unknown key 'trails'; expected one of trials, "
                "workers, timeout, trial_timeout, stall_timeout, failures, retries. "
                "Did you mean 'trials'?"
            ),
        ),
        (
            "pruner:\n  name: medain\n",
            (
                "space.yaml:5: pruner.name: got 'medain'; expected one of asha, hyperband, median, "
                "none. Did you mean 'median'?"
            ),
        ),
        (
            "pruner: 5\n",
            "space.yaml:4: pruner: got '5'; expected one of asha, hyperband, median, none.",
        ),
        (
            "pruner: {name: asha, min_epoch: 3}\n",
            (
                "space.yaml:4: pruner.min_epoch: unknown key 'min_epoch'; expected one of "
                "min_epochs, reduction_factor. Did you mean 'min_epochs'?"
            ),
        ),
        (
            "limits: {trials: 2.5}\n",
            "space.yaml:4: limits.trials: got 2.5; expected a whole number, at least 1",
        ),
        (
            "limits: {trials: true}\n",
            "space.yaml:4: limits.trials: got True; expected a whole number, at least 1",
        ),
        (
            "limits: {workers: many}\n",
            (
                "space.yaml:4: limits.workers: got 'many'; "
                "expected a whole number, at least 1, or auto"
            ),
        ),
        (
            "limits: {timeout: 3 weeks}\n",
            (
                "space.yaml:4: limits.timeout: got '3 weeks'; "
                "expected a duration such as 30s, 10m, 2h or 1d"
            ),
        ),
        (
            "keep: {max_disk: lots}\n",
            "space.yaml:4: keep.max_disk: got 'lots'; expected a size such as 500MB, 5GB or 2GiB",
        ),
        (
            "training: {loop: fitt}\n",
            (
                "space.yaml:4: training.loop: got 'fitt'; expected 'auto' or 'fit'. "
                "Did you mean 'fit'?"
            ),
        ),
        ("training: 5\n", "space.yaml:4: training: got 5; expected a mapping of keys to values"),
        (
            "checkpoint: {path: ''}\n",
            "space.yaml:4: checkpoint.path: got ''; expected a text that is not empty",
        ),
        (
            "export: {formats: [onx]}\n",
            "space.yaml:4: export.formats.0: got 'onx'; expected 'keras', "
            "'saved_model', 'onnx' or 'litert'. Did you mean 'onnx'?",
        ),
        ("seed: -1\n", "space.yaml:4: seed: got -1; expected a whole number, at least 0"),
        (
            "parameters: {}\n",
            (
                "space.yaml:4: parameters: got {}; expected at least one parameter, "
                "such as learning_rate: loguniform(1e-4, 1e-1)"
            ),
        ),
        (
            "parameters: []\n",
            (
                "space.yaml:4: parameters: got []; expected at least one parameter, "
                "such as learning_rate: loguniform(1e-4, 1e-1)"
            ),
        ),
        (
            "constraints: [units <]\n",
            "space.yaml:4: constraints.0: this is no expression: invalid syntax, near column 0",
        ),
    ],
)
def test_load_spec_mistake_names_line_key_given_and_expected(
    tmp_path: Path, text: str, problem: str
) -> None:
    """A mistake is told with its line, key, the given value, what was expected, and a hint."""
    assert refuse(tmp_path, text) == [problem]


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (
            "data: m.py:load\nobjective: val_loss\n",
            "space.yaml:1: model: this key is missing. Add such as 'model: digits_model.py:build'.",
        ),
        (
            "model: m.py:build\ndata: m.py:load\n",
            (
                "space.yaml:1: objective: this key is missing. "
                "Add such as 'objective: {metric: val_accuracy, direction: maximize}'."
            ),
        ),
        (
            "model: m.py\ndata: m.py:load\nobjective: val_loss\n",
            (
                "space.yaml:1: model: got 'm.py'; expected file.py:attribute or "
                "package.module:attribute, such as m.py:build"
            ),
        ),
        (
            "model: m.py:build\ndata: m.py:lo-ad\nobjective: val_loss\n",
            (
                "space.yaml:2: data: got 'm.py:lo-ad'; expected file.py:attribute or "
                "package.module:attribute; 'lo-ad' is no Python name"
            ),
        ),
        (
            "model: m.py:build\ndata: m.py:load\nobjective: fitness\n",
            (
                "space.yaml:3: objective: got 'fitness', whose name does not tell whether more is "
                "better; add direction: maximize or direction: minimize"
            ),
        ),
        (
            "model: m.py:build\ndata: m.py:load\nobjective: {metric: f, direction: up}\n",
            "space.yaml:3: objective.direction: got 'up'; expected 'minimize' or 'maximize'",
        ),
    ],
)
def test_load_spec_required_keys_are_explained(tmp_path: Path, head: str, problem: str) -> None:
    """A missing or wrong model, data or objective is told with an example."""
    assert refuse(tmp_path, "", head=head) == [problem]


def test_load_spec_missing_model_file_suggests_the_file_beside_it(tmp_path: Path) -> None:
    """A misspelled file is reported with where it was looked for and what was meant."""
    (tmp_path / "digits_model.py").touch()
    head = "model: digit_model.py:build\ndata: m.py:load\nobjective: val_loss\n"
    (problem,) = refuse(tmp_path, "", head=head)
    assert problem == (
        "space.yaml:1: model: got 'digit_model.py:build'; there is no file 'digit_model.py' in "
        "the folder of the space file. Did you mean 'digits_model.py'?"
    )


def test_load_spec_module_target_is_kept_and_not_imported(tmp_path: Path) -> None:
    """A dotted module stays as it is, and need not be importable yet."""
    head = "model: my_package.models:build\ndata: m.py:load\nobjective: val_loss\n"
    assert load(tmp_path, head=head).model == "my_package.models:build"


def test_load_spec_reports_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """One mistake hides no other, whichever stage finds it."""
    text = (
        "seed: 1\n"
        "seed: 2\n"
        "epochs: 3\n"
        "parameters:\n"
        "  a: {low: 3, high: 1}\n"
        "  b: {low: 3, hihg: 4}\n"
        "  c: {low: 0, high: 1, when: {aa: '> x'}}\n"
        "constraints: [a + bb <, b < 1]\n"
        "limits: {trials: 0, jobs: x}\n"
        "sampler: tpee\n"
    )
    lines = [problem.split(":")[1] for problem in refuse(tmp_path, text)]
    assert lines == ["5", "6", "8", "9", "10", "11", "12", "12", "13"]


def test_load_spec_leaves_names_that_the_file_lacks_to_the_code(tmp_path: Path) -> None:
    """What a condition or a constraint names may be declared by the model's code."""
    text = "parameters: {a: {low: 0, high: 9, when: {b: 3}}}\nconstraints: [a + c < 3]\n"
    spec = load(tmp_path, text)
    assert spec.parameters[0].when == (Condition("b", "in", (3,)),)
    assert spec.constraints == ("a + c < 3",)


def test_find_place_names_the_line_of_a_key(tmp_path: Path) -> None:
    """Mistakes found after loading are located too; a key that is not there by what is around."""
    path = tmp_path / "space.yaml"
    path.write_text("model: a.py:b\nparameters:\n  a: 1\n  b:\n    value: 3\n")
    places = [find_place(path, keys) for keys in (["parameters", "b"], ["parameters", "c"], ["x"])]
    assert [place.rpartition(":")[2] for place in places] == ["4", "2", "1"]


def test_load_spec_check_of_the_caller_is_located_by_line(tmp_path: Path) -> None:
    """A check of the caller yields key and message; the loader adds the line."""

    def check(spec: SweepSpec) -> list[tuple[str, str]]:
        return [("checkpoint.path", f"no {spec.checkpoint.path}"), ("limits.timeout", "no")]

    text = "checkpoint:\n  path: x\nlimits:\n  trials: 3\n"
    assert problems_of(lambda: load(tmp_path, text, checks=[check])) == [
        "space.yaml:5: checkpoint.path: no x",
        "space.yaml:6: limits.timeout: no",
    ]


def test_load_spec_missing_file_and_folder_are_told_apart(tmp_path: Path) -> None:
    """A file that is not there and a folder in its place have their own messages."""
    gone = tmp_path / "gone.yaml"
    assert problems_of(lambda: load_spec(gone, rooms=ROOMS)) == ["gone.yaml: there is no such file"]
    problem = problems_of(lambda: load_spec(tmp_path, rooms=ROOMS))
    assert problem == [f"{tmp_path.name}: this is a folder; expected a space file in YAML"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file is empty; expected a mapping with model, data and objective"),
        ("- a\n", "got ['a']; expected a mapping with model, data and objective"),
        ("hello\n", "got 'hello'; expected a mapping with model, data and objective"),
    ],
)
def test_load_spec_file_without_a_mapping_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    """The top level must be a mapping."""
    assert refuse(tmp_path, text, head="") == [f"space.yaml:1: {problem}"]


@pytest.mark.parametrize("name", ["../evil", "a/b", "a b", "", ".hidden", "-x", "é"])
def test_load_spec_name_unsafe_as_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    """The sweep's name becomes a folder, so it may not lead anywhere else."""
    (problem,) = refuse(tmp_path, f"name: '{name}'\n")
    assert problem.startswith(f"space.yaml:4: name: got {name!r}; expected a name of letters")


def test_load_spec_monitor_of_another_metric_keeps_its_own_mode(tmp_path: Path) -> None:
    """The mode of a monitored metric follows its own name, not the objective."""
    spec = load(tmp_path, "checkpoint: {monitor: val_accuracy}\n")
    assert (spec.checkpoint.monitor, spec.checkpoint.mode) == ("val_accuracy", "max")


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.yaml")), ids=lambda path: str(path.stem))
def test_load_spec_ready_spaces_load_with_the_real_rooms(path: Path) -> None:
    """Every space of search_spaces/ is valid."""
    spec = load_spec(path, rooms=Rooms(samplers=SAMPLERS, pruners=PRUNERS))
    assert spec.name == path.stem


def test_load_spec_imports_nothing_heavy(tmp_path: Path) -> None:
    """Reading a file with real samplers imports neither Optuna nor TensorFlow nor NumPy."""
    path = write_space(tmp_path, HEAD)
    script = (
        "import sys\n"
        "from sweeps.search.pruners import PRUNERS\n"
        "from sweeps.search.samplers import SAMPLERS\n"
        "from sweeps.spec.load import load_spec\n"
        "from sweeps.spec.rooms import Rooms\n"
        f"load_spec({str(path)!r}, rooms=Rooms(SAMPLERS, PRUNERS))\n"
        "heavy = {'optuna', 'tensorflow', 'keras', 'numpy', 'keras_tuner'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout == "[]\n"
