"""The space is known before training: through the real processes, from file and code to trials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.engines.local import LocalEngine
from sweeps.errors import CheckError
from sweeps.spec.parameters import Parameter, parameter_from_json
from sweeps.worker.events import EpochReported
from tests.conftest import FAKES, MakeSpace
from tests.processes import interrupt_sweep

pytestmark = pytest.mark.usefixtures("shared_engine")

CODE = FAKES / "declaring_model.py"


@pytest.fixture
def make_declaring(make_space: MakeSpace) -> MakeSpace:
    """Write a space file whose model is a function of `declaring_model.py`."""

    def make(model: str, text: str = "", **lines: str) -> Path:
        given = {"model": f"{CODE}:{model}", "data": f"{CODE}:load", **lines}
        given.setdefault("limits", "{trials: 3, workers: 1}")
        given.setdefault("training", "{epochs: 1, batch_size: 16}")
        return make_space(text, **given)

    return make


def test_plan_tells_space_models_and_needs(make_declaring: MakeSpace) -> None:
    """Two widths, and two depths besides the shallow one: 6 configurations of known size."""
    report = sweeps.plan(make_declaring("finite", sampler="grid"))
    known = report.discovery.space.known
    assert [item.parameter.name for item in known] == ["units", "kind", "depth"]
    assert str(known[2].parameter.when[0]) == "kind in 'deep'"
    assert report.estimate.num_configurations == 6
    smallest, largest = report.discovery.smallest, report.discovery.largest
    assert smallest is not None
    assert largest is not None
    assert smallest.num_weights == 4 * 4 + 4 + 4 * 2 + 2
    assert largest.num_weights == 4 * 8 + 8 + 2 * (8 * 8 + 8) + 8 * 2 + 2
    assert (largest.checkpoint_bytes or 0) > (smallest.checkpoint_bytes or 0) > 10_000
    assert report.estimate.disk_bytes == (3 + 3 + 3 + 2) * (largest.checkpoint_bytes or 0)
    assert report.estimate.seconds is not None
    assert report.discovery.failures == ()


def test_plan_checkpoint_is_as_large_as_foreseen(make_declaring: MakeSpace, tmp_path: Path) -> None:
    """The bytes of the plan are those on disk, within what the names of layers take."""
    space = make_declaring("finite", "parameters: {units: 8, kind: deep, depth: 3}\n")
    largest = sweeps.plan(space).discovery.largest
    report = sweeps.run(space, results=tmp_path, overrides=["limits.trials=1"])
    path = report.folder / "trials/0000/checkpoints" / str(report.trials[0].checkpoint)
    assert largest is not None
    assert largest.checkpoint_bytes == pytest.approx(path.stat().st_size, rel=0.02)


def test_plan_finds_what_narrows_widens_and_is_never_read(make_declaring: MakeSpace) -> None:
    """`plan` shows what the file made of the code, and what is only a typo."""
    space = make_declaring(
        "narrowable",
        "parameters: {units: [4, 8], rate: 0.01, momentum: 'uniform(0.5, 1.0)', unitss: 3}\n",
    )
    space_found = sweeps.plan(space).discovery.space
    assert [(item.parameter.name, item.relation, item.in_code) for item in space_found.known] == [
        ("units", "narrowed", True),
        ("rate", "fixed", True),
        ("momentum", "", False),
        ("unitss", "", False),
    ]
    assert space_found.unread == ("unitss",)


def test_plan_model_without_inputs_is_measured_with_the_data(make_declaring: MakeSpace) -> None:
    """A Sequential without an Input has no weights until it sees a batch."""
    largest = sweeps.plan(make_declaring("lazy")).discovery.largest
    assert largest is not None
    assert largest.num_weights == 4 * 8 + 8 + 8 * 2 + 2


def test_plan_model_beyond_all_memory_is_told(make_declaring: MakeSpace) -> None:
    """It costs a build or a process, never the machine, and the others are still known."""
    report = sweeps.plan(make_declaring("huge"))
    [failure] = report.discovery.failures
    assert failure.startswith("every number at its high end: ")
    assert len(failure) < 400
    assert report.discovery.largest == report.discovery.smallest
    assert report.discovery.smallest is not None


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("twice", "hyperparameter 'units' is declared twice with other bounds"),
        ("changing", "hyperparameter 'units_.' is declared differently by two calls of build"),
        ("growing", "two calls of build with the same values give models of different size"),
    ],
)
def test_run_refuses_code_that_contradicts_itself(
    make_declaring: MakeSpace, tmp_path: Path, model: str, words: str
) -> None:
    """Found before training, by name, and no folder is left."""
    with pytest.raises(CheckError, match=words):
        sweeps.run(make_declaring(model), results=tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_run_grid_over_what_only_the_code_declares(
    make_declaring: MakeSpace, tmp_path: Path
) -> None:
    """A KerasTuner build without any YAML parameter is gone through once, then the sweep ends."""
    space = make_declaring("finite", sampler="grid", limits="{trials: 20, workers: 2}")
    report = sweeps.run(space, results=tmp_path)
    tried = sorted(tuple(sorted(trial.params.items())) for trial in report.trials)
    assert tried == sorted(
        tuple(sorted({"units": units, "kind": kind, **depth}.items()))
        for units in (4, 8)
        for kind, depth in (("shallow", {}), ("deep", {"depth": 2}), ("deep", {"depth": 3}))
    )


def test_run_grid_refuses_what_only_some_builds_ask_for(
    make_declaring: MakeSpace, tmp_path: Path
) -> None:
    """Units of a second layer are no dimension that a grid could list."""
    with pytest.raises(CheckError, match="the code asks for 'units_1' in some builds only"):
        sweeps.run(make_declaring("loop", sampler="grid"), results=tmp_path)


@pytest.mark.parametrize("sampler", ["cmaes", "qmc", "gp", "nsga2"])
def test_run_every_sampler_takes_the_codes_parameters(
    make_declaring: MakeSpace, tmp_path: Path, sampler: str
) -> None:
    """What the code declares is proposed with all others, before the model is built."""
    pytest.importorskip({"gp": "torch", "cmaes": "cmaes", "qmc": "scipy"}.get(sampler, "optuna"))
    begun: list[dict[str, Any]] = []

    def observe(event: object) -> None:
        if type(event).__name__ == "TrialStarted":
            begun.append(dict(event.params))  # type: ignore[attr-defined]

    space = make_declaring("narrowable", sampler=sampler, limits="{trials: 1}")
    sweeps.run(space, results=tmp_path, observer=observe)
    assert begun[0].keys() == {"units", "rate"}


def test_run_late_parameters_are_still_asked_for(make_declaring: MakeSpace, tmp_path: Path) -> None:
    """What a loop declares is proposed when it is reached, as before."""
    report = sweeps.run(make_declaring("loop"), results=tmp_path)
    for trial in report.trials:
        names = {"layers", "units_0"} | ({"units_1"} if trial.params["layers"] == 2 else set())
        assert trial.params.keys() == names


def test_run_conditions_and_constraints_name_the_codes_parameters(
    make_declaring: MakeSpace, tmp_path: Path
) -> None:
    """A parameter of the file that exists only for a choice of the code, and a limit on both."""
    space = make_declaring(
        "narrowable",
        "parameters:\n  momentum: {low: 0.5, high: 1.0, when: {units: '> 4'}}\n"
        'constraints: ["units <= 8"]\n',
        limits="{trials: 8, workers: 2}",
    )
    report = sweeps.run(space, results=tmp_path)
    assert {trial.params["units"] for trial in report.trials} == {4, 8}
    for trial in report.trials:
        assert ("momentum" in trial.params) == (trial.params["units"] == 8)


def test_run_unknown_name_in_a_condition_is_found_before_training(
    make_declaring: MakeSpace, tmp_path: Path
) -> None:
    """Neither file nor code knows it: line, and what was probably meant."""
    space = make_declaring("narrowable", "parameters: {momentum: {value: 1, when: {unit: 4}}}\n")
    with pytest.raises(CheckError, match=r"tiny\.yaml:7: .*no parameter 'unit'.*mean 'units'"):
        sweeps.run(space, results=tmp_path / "results")


def test_resume_proposes_from_the_recorded_space(
    make_declaring: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted sweep ends as a whole one, and builds nothing to know its space again."""
    space = make_declaring("finite", limits="{trials: 5, workers: 1}")
    whole = sweeps.run(space, results=tmp_path / "whole")
    record = json.loads((whole.folder / "spec.json").read_text())
    recorded = [parameter_from_json(each) for each in record["space"]]
    assert recorded[0] == Parameter("units", "categorical", choices=(4, 8), default=4)
    assert [each.name for each in recorded] == ["units", "kind", "depth"]

    def interrupt(event: object) -> None:
        if isinstance(event, EpochReported) and event.number == 2:
            interrupt_sweep()

    cut = sweeps.run(space, results=tmp_path / "cut", observer=interrupt)
    assert cut.stopped == "interrupted"
    tasks: list[str] = []
    run_task = LocalEngine.run_task

    def note(engine: LocalEngine, request: Any, answer: Any, **options: Any) -> Any:
        tasks.append(request["task"])
        return run_task(engine, request, answer, **options)

    monkeypatch.setattr(LocalEngine, "run_task", note)
    assert sweeps.resume(cut.folder).to_rows() == whole.to_rows()
    assert set(tasks) == {"inspect_data", "trial", "export"}


def test_run_model_that_is_too_large_is_proposed_again(
    make_declaring: MakeSpace, tmp_path: Path
) -> None:
    """It costs no trial of the target, is known as infeasible, and is never trained."""
    space = make_declaring(
        "finite", "max_params: 100\n", limits="{trials: 4, workers: 1}", sampler="random"
    )
    report = sweeps.run(space, results=tmp_path)
    refused = [trial for trial in report.trials if trial.is_infeasible]
    trained = [trial for trial in report.trials if not trial.is_infeasible]
    assert len(trained) == 4
    assert {(trial.params["units"], trial.params["kind"]) for trial in trained} <= {
        (4, "shallow"), (4, "deep"), (8, "shallow"),
    }  # fmt: skip
    assert refused
    assert all(
        trial.epoch == 0 and "max_params allows 100" in str(trial.reason) for trial in refused
    )
    assert report.stopped == ""


def test_run_ends_where_every_model_is_too_large(
    make_declaring: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that nothing keeps does not go on all night."""
    monkeypatch.setattr("sweeps.worker.supervisor.MAX_INFEASIBLE", 3)
    space = make_declaring("finite", "max_model_bytes: 100B\n", sampler="random")
    report = sweeps.run(space, results=tmp_path)
    assert "3 trials in a row had a model that is too large" in report.stopped
    assert "max_model_bytes allows 100" in report.stopped
    assert report.best is None
    assert len(report.trials) == 3


def test_run_fit_of_a_hypermodel_reads_the_file(make_declaring: MakeSpace, tmp_path: Path) -> None:
    """What only `fit` reads is no typo."""
    space = make_declaring("OwnFit", "parameters: {batch: [8, 16]}\n", limits="{trials: 1}")
    assert sweeps.plan(space).discovery.space.unread == ()
    report = sweeps.run(space, results=tmp_path)
    assert report.trials[0].state == "complete"
