"""One file of each format that `convert` reads, with most of what it may say."""

from __future__ import annotations

import textwrap
from pathlib import Path

from sweeps.cli.schema import open_rooms
from sweeps.converters.convert import Converted, convert_file
from sweeps.spec.load import load_spec
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter

WANDB = """\
program: train.py
method: bayes
name: "my sweep: one"
metric: {name: val_loss, goal: minimize, target: 0.1}
run_cap: 50
early_terminate: {type: hyperband, min_iter: 3, eta: 4, s: 2}
parameters:
  lr: {distribution: log_uniform_values, min: 1e-4, max: 1e-1}
  batch_size: {values: [32, 64]}
  epochs: {value: 20}
  optimizer: {parameters: {name: {values: [adam, sgd]}}}
command: ["${env}", python, "${program}", "${args}"]
"""

KATIB = """\
apiVersion: kubeflow.org/v1beta1
kind: Experiment
metadata: {name: tpe-example, namespace: kubeflow}
spec:
  objective: {type: minimize, goal: 0.01, objectiveMetricName: val_loss}
  algorithm:
    algorithmName: tpe
    algorithmSettings: [{name: n_startup_trials, value: "12"}, {name: gamma, value: "3"}]
  earlyStopping: {algorithmName: medianstop, algorithmSettings: [{name: start_step, value: "2"}]}
  parallelTrialCount: 3
  maxTrialCount: 12
  maxFailedTrialCount: 3
  resumePolicy: FromVolume
  parameters:
    - name: lr
      parameterType: double
      feasibleSpace: {min: "0.001", max: "0.1", step: "0.001", distribution: logUniform}
    - {name: opt, parameterType: categorical, feasibleSpace: {list: [sgd, adam]}}
    - {name: units, parameterType: int, feasibleSpace: {min: "32", max: "250", step: "32"}}
  trialTemplate: {primaryContainerName: training}
"""

DETERMINED = """\
name: mnist
entrypoint: model_def:Trial
hyperparameters:
  learning_rate: {type: log, base: 10.0, minval: -5.0, maxval: 1.0}
  layer1: {type: int, minval: 4, maxval: 32, count: 4}
  opt: {type: categorical, vals: [sgd, adam]}
  global_batch_size: 64
searcher: {name: adaptive_asha, metric: val_acc, smaller_is_better: false, time_metric: epochs,
           max_time: 64, max_trials: 64, max_concurrent_trials: 8, mode: aggressive, max_rungs: 3}
max_restarts: 5
reproducibility: {experiment_seed: 7}
"""

HYDRA = """\
defaults:
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: random
lr: 0.1
hydra:
  sweeper:
    direction: maximize
    study_name: s
    storage: sqlite:///s.db
    n_trials: 20
    n_jobs: 2
    params:
      lr: tag(log, interval(1e-4, 1e-1))
      units: range(32, 257, step=32)
      opt: choice(sgd, adam)
"""

FILES = {"wandb": WANDB, "katib": KATIB, "determined": DETERMINED, "hydra": HYDRA}


def convert(text: str, folder: Path, format_name: str | None = None) -> Converted:
    """Convert the text of a file called foreign.yaml."""
    path = folder / "foreign.yaml"
    path.write_text(textwrap.dedent(text))
    return convert_file(path, rooms=open_rooms(), format_name=format_name)


def load(text: str, folder: Path, format_name: str | None = None) -> SweepSpec:
    """Convert, and read what came out as a space file."""
    path = folder / "space.yaml"
    path.write_text(convert(text, folder, format_name).text)
    return load_spec(path, rooms=open_rooms())


def read_wandb(parameter: str, folder: Path) -> Parameter:
    """Convert one parameter of a W&B sweep."""
    text = f"method: random\nrun_cap: 3\nparameters:\n  x: {parameter}\n"
    return load(text, folder).parameters[0]


def read_hydra(sweep: str, folder: Path) -> Parameter:
    """Convert one override of Hydra's grammar."""
    return load(f'hydra: {{sweeper: {{params: {{x: "{sweep}"}}}}}}\n', folder).parameters[0]


def read_katib(parameter: str, folder: Path) -> Parameter:
    """Convert one parameter of a Katib Experiment."""
    text = (
        "apiVersion: kubeflow.org/v1beta1\n"
        "spec:\n"
        "  objective: {type: minimize, objectiveMetricName: val_loss}\n"
        f"  parameters: [{parameter}]\n"
    )
    return load(text, folder).parameters[0]


def read_determined(parameter: str, folder: Path, searcher: str = "random") -> Parameter:
    """Convert one hyperparameter of a Determined experiment."""
    text = f"searcher: {{name: {searcher}, metric: val_loss}}\nhyperparameters:\n  x: {parameter}\n"
    return load(text, folder).parameters[0]
