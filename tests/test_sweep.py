"""A sweep from its space file to its bundle, through the real processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sweeps
from sweeps import CheckReport, SpecError
from sweeps.durable import digest_file
from sweeps.errors import (
    BundleError,
    CheckError,
    NoLeaderError,
    OptionError,
    ResumeRefusedError,
    SweepExistsError,
    SweepHeldError,
    SweepNotFoundError,
)
from sweeps.lock import hold_sweep
from sweeps.worker.events import EpochReported, SweepStarted, TrialEnded, TrialStarted
from tests.conftest import FAKES, MakeSpace
from tests.processes import interrupt_sweep

pytestmark = pytest.mark.usefixtures("shared_engine")


def test_run_reaches_its_target_and_exports_the_leader(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """A sweep ends with as many trials as asked for, the best of them in the bundle."""
    report = sweeps.run(make_space(), results=tmp_path)
    assert [trial.number for trial in report.trials] == [0, 1, 2]
    complete = [trial for trial in report.trials if trial.state == "complete"]
    assert report.best is not None
    assert report.best.value == max(trial.value for trial in complete)
    assert report.stopped == ""
    assert report.manifest is not None
    assert report.manifest["trial"] == report.best.number
    assert report.manifest["scores"]["validation"]["accuracy"] == report.best.value
    assert set(report.test_scores or {}) == {"accuracy", "loss"}


def test_run_leaves_the_folder_that_paths_draws(make_space: MakeSpace, tmp_path: Path) -> None:
    """Every file has its place, and nothing temporary or locked stays."""
    sweeps.run(make_space(limits="{trials: 1}"), results=tmp_path)
    root = tmp_path / "tiny"
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    trial = sweeps.read(root).trials[0]
    linked = ["trials/0000/latest/epoch-000003/model.keras"] if trial.best_epoch == 3 else []
    assert names == [
        "bundle/MLmodel",
        "bundle/README.md",
        "bundle/learning_curve.svg",
        "bundle/manifest.json",
        "bundle/model.keras",
        "bundle/requirements.txt",
        "bundle/samples/inputs.npz",
        "bundle/samples/outputs.npz",
        "bundle/saved_model/1/fingerprint.pb",
        "bundle/saved_model/1/saved_model.pb",
        "bundle/saved_model/1/variables/variables.data-00000-of-00001",
        "bundle/saved_model/1/variables/variables.index",
        "space.yaml",
        "spec.json",
        "study.journal",
        "sweep.lock",
        f"trials/0000/checkpoints/{trial.checkpoint}",
        "trials/0000/checkpoints/best.json",
        "trials/0000/history.csv",
        "trials/0000/latest/epoch-000003/arrays.bin",
        *linked,
        "trials/0000/latest/epoch-000003/state.json",
        "trials/0000/log.txt",
        "trials/0000/outcome.json",
        "trials/0000/params.json",
    ]


def test_load_gives_a_model_with_the_recorded_score(make_space: MakeSpace, tmp_path: Path) -> None:
    """What is loaded is what was recorded, in plain Keras too."""
    report = sweeps.run(make_space(), results=tmp_path)
    script = f"""
import sys, json, keras
sys.path.insert(0, {str(FAKES)!r})
import tiny_model
scores = {{}}
import sweeps
for name, model in (
    ("sweeps", sweeps.load({str(report.folder)!r})),
    ("keras", keras.models.load_model({str(report.folder / "bundle" / "model.keras")!r})),
):
    x, y = tiny_model.load()["validation"]
    scores[name] = model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)["accuracy"]
print(json.dumps(scores))
"""
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    value = report.best and report.best.value
    assert json.loads(printed.splitlines()[-1]) == {"sweeps": value, "keras": value}


def test_run_tells_its_observer_every_step(make_space: MakeSpace, tmp_path: Path) -> None:
    """Watchers hear of the start, each trial, each epoch and each end."""
    events: list[object] = []
    space = make_space(limits="{trials: 1}", pruner="none")
    sweeps.run(space, results=tmp_path, observer=events.append)
    kinds = [type(event) for event in events]
    assert kinds.count(SweepStarted) == 1
    assert kinds.count(TrialStarted) == 2  # once with the spec's values, once with all
    assert [event.epoch for event in events if isinstance(event, EpochReported)] == [1, 2, 3]
    assert [event.state for event in events if isinstance(event, TrialEnded)] == ["complete"]


def test_run_values_of_the_space_file_win_over_the_code(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """A parameter that the file names is the file's, even outside the code's range."""
    space = make_space("parameters: {kind: wide, units: 40, learning_rate: [0.5]}\n")
    report = sweeps.run(space, results=tmp_path, overrides=["limits.trials=1"])
    assert dict(report.trials[0].params) == {"kind": "wide", "units": 40, "learning_rate": 0.5}


def test_run_batch_size_and_epochs_may_be_parameters(make_space: MakeSpace, tmp_path: Path) -> None:
    """Hyperparameters of these names are what the trial trains with."""
    space = make_space("parameters: {epochs: 2, batch_size: 80}\n")
    report = sweeps.run(space, results=tmp_path, overrides=["limits.trials=1"])
    assert report.trials[0].epoch == 2


def test_run_weights_only_checkpoint_becomes_a_whole_model(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """Weights alone suffice: the bundle still holds a model that reproduces its score."""
    checkpoint = '{path: "e{epoch}.weights.h5", save_weights_only: true}'
    report = sweeps.run(make_space(checkpoint=checkpoint, limits="{trials: 1}"), results=tmp_path)
    assert report.best is not None
    assert report.best.checkpoint == f"e{report.best.best_epoch}.weights.h5"
    assert (report.folder / "bundle" / "model.keras").is_file()


def test_run_every_epoch_kept_when_asked(make_space: MakeSpace, tmp_path: Path) -> None:
    """With save_best_only: false each epoch's file stays."""
    checkpoint = '{path: "{epoch:02d}.keras", save_best_only: false}'
    space = make_space(checkpoint=checkpoint, limits="{trials: 1}", pruner="none")
    report = sweeps.run(space, results=tmp_path)
    names = {path.name for path in (report.folder / "trials/0000/checkpoints").iterdir()}
    assert names == {"01.keras", "02.keras", "03.keras", "best.json"}


def test_run_twice_gives_the_same_trials(make_space: MakeSpace, tmp_path: Path) -> None:
    """With one worker a sweep is a function of its seed: parameters, values and checkpoints."""
    space = make_space(limits="{trials: 3, workers: 1}")
    first = sweeps.run(space, results=tmp_path / "a")
    second = sweeps.run(space, results=tmp_path / "b")
    assert first.to_rows() == second.to_rows()


def test_resume_finishes_what_an_interrupted_sweep_left(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """An interrupted sweep ends, after resuming, as one that was never interrupted."""
    space = make_space(limits="{trials: 4, workers: 1}", training="{epochs: 6, batch_size: 16}")
    whole = sweeps.run(space, results=tmp_path / "whole")

    def interrupt(event: object) -> None:
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (1, 2):
            interrupt_sweep()

    cut = sweeps.run(space, results=tmp_path / "cut", observer=interrupt)
    assert cut.stopped == "interrupted"
    assert [trial.state for trial in cut.trials][1:] == ["interrupted"]
    assert cut.bundle is None
    resumed = sweeps.resume(cut.folder)
    assert resumed.to_rows() == whole.to_rows()
    assert resumed.trials[1].attempt == 2
    for number in range(4):
        histories = [
            (sweep.folder / f"trials/{number:04d}/history.csv").read_text()
            for sweep in (whole, resumed)
        ]
        assert histories[0] == histories[1]


def test_resume_of_a_finished_sweep_changes_nothing(make_space: MakeSpace, tmp_path: Path) -> None:
    """The target is the target: resuming asks for no further trial and exports nothing again."""
    report = sweeps.run(make_space(limits="{trials: 2}"), results=tmp_path)
    before = digest_file(report.folder / "bundle" / "manifest.json")
    resumed = sweeps.resume(report.folder)
    assert resumed.to_rows() == report.to_rows()
    assert digest_file(report.folder / "bundle" / "manifest.json") == before


def test_resume_with_a_larger_target_adds_trials(make_space: MakeSpace, tmp_path: Path) -> None:
    """Limits may always grow, and what ran before stays."""
    report = sweeps.run(make_space(limits="{trials: 1}"), results=tmp_path)
    resumed = sweeps.resume(report.folder, overrides=["limits.trials=3"])
    assert len(resumed.trials) == 3
    assert resumed.trials[0] == report.trials[0]
    assert sweeps.read(report.folder).spec.limits.trials == 3


def test_resume_refuses_other_overrides(make_space: MakeSpace, tmp_path: Path) -> None:
    """Only limits may change in the middle of a sweep."""
    report = sweeps.run(make_space(limits="{trials: 1}"), results=tmp_path)
    with pytest.raises(OptionError, match="only limits may change"):
        sweeps.resume(report.folder, overrides=["seed=3"])


def test_resume_refuses_changed_code_until_it_is_accepted(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """Trials of two different models are not one sweep, unless the user says so; it is recorded."""
    model = tmp_path / "model.py"
    shutil.copy(FAKES / "tiny_model.py", model)
    space = make_space(model=f"{model}:build", data=f"{model}:load", limits="{trials: 1}")
    report = sweeps.run(space, results=tmp_path)
    model.write_text(model.read_text() + "\n# changed\n")
    with pytest.raises(ResumeRefusedError, match=r"model\.py"):
        sweeps.resume(report.folder)
    sweeps.resume(report.folder, accept_change=True)
    record = json.loads((report.folder / "spec.json").read_text())
    assert "model.py" in record["accepted_changes"][0]
    sweeps.resume(report.folder)


def test_run_refuses_a_folder_that_holds_a_sweep(make_space: MakeSpace, tmp_path: Path) -> None:
    """A finished sweep is never overwritten by accident; the message names both ways on."""
    space = make_space(limits="{trials: 1}")
    first = sweeps.run(space, results=tmp_path)
    with pytest.raises(SweepExistsError, match=r"resume .* or discard it with --fresh"):
        sweeps.run(space, results=tmp_path)
    second = sweeps.run(space, results=tmp_path, fresh=True)
    assert second.to_rows() == first.to_rows()
    assert second.manifest != first.manifest  # another sweep_id


def test_run_twice_at_a_time_is_one_sweep(make_space: MakeSpace, tmp_path: Path) -> None:
    """Both find nothing before their checks; who comes second is told so, and spoils nothing."""
    space = make_space(limits="{trials: 1}")
    command = [sys.executable, "-m", "sweeps", "run", space, "--results", tmp_path, "--plain"]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    said = [run.communicate()[0] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, SweepExistsError.exit_status], said
    loser = said[1 if runs[0].returncode == 0 else 0]
    assert "there is a sweep here already" in loser
    sweeps.verify(tmp_path / "tiny")
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_run_refuses_a_folder_with_something_else(make_space: MakeSpace, tmp_path: Path) -> None:
    """What is not a sweep is neither written into nor discarded, not even with --fresh."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "thesis.txt").write_text("years of work")
    for fresh in (False, True):
        with pytest.raises(SweepExistsError, match=r"something else|none here"):
            sweeps.run(make_space(), results=tmp_path, fresh=fresh)
    assert (tmp_path / "tiny" / "thesis.txt").read_text() == "years of work"


def test_resume_of_a_held_sweep_names_its_holder(make_space: MakeSpace, tmp_path: Path) -> None:
    """A sweep has one driver; a second one is told who it is."""
    report = sweeps.run(make_space(limits="{trials: 1}"), results=tmp_path)
    with (
        hold_sweep(report.folder / "sweep.lock"),
        pytest.raises(SweepHeldError, match=f"process {os.getpid()} on"),
    ):
        sweeps.resume(report.folder)


@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        ("raise", "error", "ValueError: the user's own mistake"),
        ("exit", "exit", r"sys\.exit\(3\)"),
        ("os_exit", "exit", "status 4"),
        ("kill", "killed", "SIGKILL"),
        ("crash", "crashed", "SIGSEGV"),
        ("hang", "timeout", "after 8 s"),
        ("diverge", "diverged", "loss is nan|loss is inf"),
    ],
)
def test_run_a_failing_trial_costs_only_itself(
    make_space: MakeSpace, tmp_path: Path, fault: str, cause: str, words: str
) -> None:
    """Whatever one trial does, its sibling completes and the record says what happened."""
    space = make_space(
        f"parameters: {{fault: [none, {fault}], kind: wide, units: 8, learning_rate: 0.01}}\n",
        model=f"{FAKES / 'tiny_model.py'}:build_faulty",
        limits="{trials: 2, workers: 2, trial_timeout: %s}" % ("8s" if fault == "hang" else "2m"),
        sampler="grid",
    )
    ended: dict[int, TrialEnded] = {}

    def observe(event: object) -> None:
        if isinstance(event, TrialEnded):
            ended[event.number] = event

    report = sweeps.run(space, results=tmp_path, observer=observe)
    by_fault = {trial.params["fault"]: trial for trial in report.trials}
    assert by_fault["none"].state == "complete"
    failed = by_fault[fault]
    assert (failed.state, failed.cause) == ("failed", cause)
    assert re.search(words, failed.reason or "")
    assert ended[failed.number].reason == failed.reason
    outcome = json.loads((report.folder / f"trials/{failed.number:04d}/outcome.json").read_text())
    assert outcome["cause"] == cause


def test_run_ends_when_too_many_trials_fail(make_space: MakeSpace, tmp_path: Path) -> None:
    """A sweep that only fails does not go on all night."""
    space = make_space(
        "parameters: {fault: raise}\n",
        model=f"{FAKES / 'tiny_model.py'}:build_faulty",
        limits="{trials: 20, workers: 1, failures: 2}",
    )
    with pytest.raises(CheckError, match="the user's own mistake"):
        sweeps.run(space, results=tmp_path)
    space = make_space(
        "parameters: {fault: {choices: [none, raise], default: none}, kind: [wide, deep]}\n"
        "constraints: [\"fault == 'raise'\"]\n",
        model=f"{FAKES / 'tiny_model.py'}:build_faulty",
        limits="{trials: 20, workers: 1, failures: 2}",
    )
    report = sweeps.run(space, results=tmp_path)
    assert report.stopped.startswith(
        "2 trials failed, as many as limits.failures allows (2 error); "
        "the last one: ValueError: the user's own mistake (at "
    )
    assert len(report.trials) == 2
    assert report.best is None


def test_run_stops_at_its_timeout_and_can_be_resumed(make_space: MakeSpace, tmp_path: Path) -> None:
    """Time that is up ends the sweep like a Ctrl-C, but the best so far is exported."""
    space = make_space(
        model=f"{FAKES / 'tiny_model.py'}:build_slow",
        limits="{trials: 50, workers: 2, timeout: 3s}",
        training="{epochs: 2, batch_size: 16}",
    )
    report = sweeps.run(space, results=tmp_path)
    assert report.stopped == "timeout"
    assert 0 < len(report.trials) < 50


def test_run_inline_engine_gives_the_same_trials(make_space: MakeSpace, tmp_path: Path) -> None:
    """The engine for a debugger comes to the same result, in another process of its own here."""
    space = make_space(limits="{trials: 2, workers: 1}")
    local = sweeps.run(space, results=tmp_path / "local")
    script = (
        "import os; os.environ['TF_NUM_INTRAOP_THREADS'] = '%d'\n"
        "import sweeps, json\n"
        "report = sweeps.run(%r, results=%r, engine='inline')\n"
        "print(json.dumps(report.to_rows()))"
    )
    threads = json.loads((local.folder / "spec.json").read_text())["threads"]
    printed = subprocess.run(
        [sys.executable, "-c", script % (threads, str(space), str(tmp_path / "inline"))],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert json.loads(printed.splitlines()[-1]) == local.to_rows()


def test_read_of_a_folder_without_a_sweep(tmp_path: Path) -> None:
    """Reading says what is missing and how to get it."""
    with pytest.raises(SweepNotFoundError, match="there is no sweep here"):
        sweeps.read(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"sweep_id": "a"}', '{"sweep_id": "a", "spec": []}']
)
def test_read_of_a_damaged_record_names_the_file(tmp_path: Path, text: str) -> None:
    """Whatever has become of it, there is a sentence that says where."""
    (tmp_path / "spec.json").write_text(text)
    with pytest.raises(SweepNotFoundError, match=r"spec\.json: damaged"):
        sweeps.read(tmp_path)


def test_load_of_a_sweep_without_a_bundle_says_how_to_get_one(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """An unfinished sweep has no model to load yet."""
    report = sweeps.run(make_space(limits="{trials: 1}"), results=tmp_path)
    shutil.rmtree(report.folder / "bundle")
    with pytest.raises(NoLeaderError, match="python -m sweeps resume"):
        sweeps.load(report.folder)
    resumed = sweeps.resume(report.folder)
    assert resumed.bundle == report.folder / "bundle"


def test_load_refuses_a_changed_model(make_space: MakeSpace, tmp_path: Path) -> None:
    """A model that is not the exported one is never loaded."""
    report = sweeps.run(make_space(limits="{trials: 1}"), results=tmp_path)
    with (report.folder / "bundle" / "model.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"model\.keras: the file was changed"):
        sweeps.load(report.folder)


def test_check_reports_metrics_parameters_and_loop(make_space: MakeSpace) -> None:
    """A space file without a mistake is described before anything is trained."""
    report = sweeps.check(make_space())
    assert isinstance(report, CheckReport)
    assert report.metrics == ("loss", "accuracy", "val_loss", "val_accuracy")
    assert report.declared == ("kind", "units", "learning_rate", "layers")
    assert report.loop == "compiled"
    assert report.num_weights == 4 * 8 + 8 + 8 * 2 + 2
    assert report.data[0].startswith("train: 160 samples, x float32[4], y int32[]")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            {"objective": "{metric: val_acuracy, direction: maximize}"},
            r"tiny\.yaml:4: objective\.metric: .*Did you mean 'val_accuracy'",
        ),
        ({"checkpoint": '{path: "{val_los:.2f}.keras"}'}, "Did you mean 'val_loss'"),
        ({"model": "MODEL:missing"}, "has no 'missing'"),
        ({"model": "MODEL:return_nothing"}, "returned NoneType"),
        ({"model": "MODEL:not_compiled"}, "not compiled"),
        ({"model": "MODEL:not_loadable"}, "again: it holds Unregistered of .*register_keras"),
        ({"model": "MODEL:raising"}, "RuntimeError: my own bug"),
        ({"model": "MODEL:exiting"}, "model"),
        ({"data": "MODEL:wrong_lengths"}, "different lengths"),
        ({"data": "MODEL:wrong_width"}, r"data \(train\)"),
        ({"data": "MODEL:nothing"}, "the data is a NoneType"),
    ],
)
def test_run_finds_mistakes_of_model_and_data_before_training(
    make_space: MakeSpace, tmp_path: Path, lines: dict[str, str], words: str
) -> None:
    """One clear message, nothing trained, no folder left behind."""
    model = str(FAKES / "broken_model.py")
    space = make_space(**{key: value.replace("MODEL", model) for key, value in lines.items()})
    with pytest.raises(CheckError, match=words) as raised:
        sweeps.run(space, results=tmp_path / "results")
    assert raised.value.exit_status == 2
    assert not (tmp_path / "results").exists()


def test_run_finds_mistakes_of_the_file_without_an_engine(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """A wrong file is all told at once, before any process starts."""
    space = make_space(sampler="tpee", pruner="{name: asha, reduction: 3}", training="{epochs: 0}")
    with pytest.raises(SpecError) as raised:
        sweeps.run(space, results=tmp_path / "results")
    assert [problem.key for problem in raised.value.problems] == [
        "training.epochs",
        "sampler",
        "pruner.reduction",
    ]
    assert not (tmp_path / "results").exists()


def test_run_results_that_cannot_be_written(make_space: MakeSpace, tmp_path: Path) -> None:
    """A folder that cannot be made is found before anything is trained."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="cannot be written"):
        sweeps.run(make_space(), results=tmp_path / "file" / "results")


def test_killed_driver_takes_its_processes_along_and_resumes(
    make_space: MakeSpace, tmp_path: Path
) -> None:
    """SIGKILL of the driver leaves no process, and the sweep goes on where it was."""
    space = make_space(
        model=f"{FAKES / 'tiny_model.py'}:build_slow",
        limits="{trials: 2, workers: 2}",
        training="{epochs: 4, batch_size: 16}",
    )
    driver = subprocess.Popen(
        [sys.executable, "-m", "sweeps", "run", str(space), "--results", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    history = tmp_path / "tiny/trials/0000/history.csv"
    _wait_until(history.exists)
    family = _list_processes(str(os.getpgid(driver.pid)), driver.pid)
    driver.kill()
    driver.wait()
    assert driver.stdout is not None
    driver.stdout.close()
    assert len(family) >= 2
    time.sleep(2)
    assert [pid for pid in family if _is_alive(pid)] == []
    report = sweeps.resume(tmp_path / "tiny")
    assert sorted(trial.state for trial in report.trials) in (
        ["complete", "complete"],
        ["complete", "pruned"],
    )


def _wait_until(holds: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.02)


def _list_processes(group: str, parent: int) -> list[int]:
    found, known = [], {parent}
    for path in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) in known:
            known.add(int(path.name))
            found.append(int(path.name))
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
