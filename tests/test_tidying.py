"""What `gc` frees: all that nobody needs, and nothing that somebody does."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.checkpoints.store import BestCheckpoint, BestStore, LatestStore, open_best
from sweeps.cli.app import run_command_line
from sweeps.durable import link_file, read_json, write_json
from sweeps.errors import OptionError, SweepHeldError
from sweeps.lock import hold_sweep
from sweeps.paths import SweepPaths
from sweeps.search.study import open_study
from sweeps.search.trials import TrialOutcome
from sweeps.spec.model import Objective, SweepSpec, spec_from_json, spec_to_json
from sweeps.spec.parameters import Parameter
from sweeps.tidying import tidy

SIZE = 1000


@pytest.fixture
def paths(tmp_path: Path) -> SweepPaths:
    """Make a sweep of three finished trials, the last one best, and an interrupted one."""
    paths = SweepPaths(tmp_path / "digits")
    paths.root.mkdir()
    spec = SweepSpec(
        name="digits",
        model="model.py:build",
        data="model.py:load",
        objective=Objective(metric="val_accuracy", direction="maximize"),
        parameters=(Parameter("rate", "float", low=0.0, high=1.0),),
    )
    write_json(paths.spec, {"schema": 1, "spec": spec_to_json(spec)})
    with open_study(paths, spec, sweep_id="test") as study:
        for number in range(4):
            study.ask()
            _save_trial(paths, number)
            if number < 3:
                study.tell(number, TrialOutcome("complete", number / 4, 1, "best.keras"))
    return paths


def _save_trial(paths: SweepPaths, number: int) -> None:
    trial = paths.trial(number)
    store = BestStore(trial)
    digest = store.write("best.keras", _write)
    store.commit(BestCheckpoint("best.keras", number / 4, 1, digest))
    LatestStore(trial).commit(1, _write, {})


def _write(path: Path) -> None:
    path.write_bytes(bytes(SIZE))


def list_models(paths: SweepPaths) -> list[int]:
    return [int(each.parts[-3]) for each in sorted(paths.root.glob("trials/*/checkpoints/*.keras"))]


def list_all(paths: SweepPaths) -> list[Path]:
    return sorted(each for each in paths.root.rglob("*") if each != paths.lock)


def test_tidy_deletes_states_that_are_not_asked_for_and_leftovers(paths: SweepPaths) -> None:
    """The best may be extended, an interrupted trial will go on; other states go."""
    leftovers = [paths.root / ".tmp-1-bundle", paths.trial(3).checkpoints / ".tmp-1-a.keras"]
    for path in leftovers:
        path.write_bytes(bytes(SIZE))
    freed = tidy(paths.root, keep_latest=1)
    assert {entry.path for entry in freed} == {
        *leftovers,
        *(paths.trial(number).latest for number in range(2)),
    }
    assert not any(entry.path.exists() for entry in freed)
    assert LatestStore(paths.trial(2)).find() is not None
    assert LatestStore(paths.trial(3)).find() is not None
    assert list_models(paths) == [0, 1, 2, 3]
    assert tidy(paths.root, keep_latest=1) == []


def test_tidy_keeps_what_a_new_extension_has_not_copied_yet(paths: SweepPaths) -> None:
    """Until then the state and the checkpoint of its source belong to a trial that will go on."""
    spec = spec_from_json(read_json(paths.spec)["spec"])
    with open_study(paths, spec, sweep_id="test") as study:
        study.extend(0, 5)
    tidy(paths.root, keep_best=1, keep_latest=0)
    assert list_models(paths) == [0, 2, 3]
    assert LatestStore(paths.trial(0)).find() is not None
    assert LatestStore(paths.trial(2)).find() is None
    paths.trial(4).root.mkdir()
    tidy(paths.root, keep_best=1, keep_latest=0)
    assert list_models(paths) == [2, 3]
    assert LatestStore(paths.trial(0)).find() is None


@pytest.mark.parametrize("options", [{"keep_best": 1}, {"max_disk": "1kB"}])
def test_tidy_with_another_limit_keeps_the_leader_and_the_interrupted(
    paths: SweepPaths, options: dict
) -> None:
    """However little may stay, the leader and what is to be continued do."""
    tidy(paths.root, **options)
    assert list_models(paths) == [2, 3]
    assert open_best(paths.trial(2)).exists()
    assert LatestStore(paths.trial(3)).find() is not None


def test_tidy_measures_what_would_be_left_after_the_rest_is_gone(paths: SweepPaths) -> None:
    """States go first and cost no checkpoint: all fit into the limit once they are gone."""
    state = sum(each.stat().st_size for each in paths.trial(3).latest.rglob("*") if each.is_file())
    tidy(paths.root, max_disk=f"{4 * SIZE + state}B")
    assert list_models(paths) == [0, 1, 2, 3]


def test_tidy_dry_run_lists_the_same_and_deletes_nothing(paths: SweepPaths) -> None:
    """What is listed is what goes."""
    before = list_all(paths)
    listed = tidy(paths.root, dry_run=True, keep_best=1, keep_latest=0)
    assert list_all(paths) == before
    assert tidy(paths.root, keep_best=1, keep_latest=0) == listed
    assert sum(entry.num_bytes for entry in listed) > 5 * SIZE


def test_tidy_says_that_a_linked_file_is_freed_with_its_last_name(paths: SweepPaths) -> None:
    """Deleting the state frees only what is its own; the disk used before and after says so."""
    trial = paths.trial(0)
    link_file(trial.checkpoints / "best.keras", trial.latest / "epoch-000001" / "model.keras")
    before = measure_disk(paths.root)
    states = tidy(paths.root, keep_latest=0)
    assert sum(entry.num_bytes for entry in states) == before - measure_disk(paths.root)
    assert [entry.num_bytes // SIZE for entry in states if entry.path == trial.latest] == [1]
    link_file(trial.checkpoints / "best.keras", paths.root / "kept by the user")
    before = measure_disk(paths.root)
    models = tidy(paths.root, keep_best=1, keep_latest=0)
    assert [entry.num_bytes for entry in models] == [0, SIZE]
    assert measure_disk(paths.root) == before - SIZE


def measure_disk(folder: Path) -> int:
    """Add up the sizes of files, each once whatever its names."""
    status = [each.stat() for each in folder.rglob("*") if each.is_file()]
    return sum({each.st_ino: each.st_size for each in status}.values())


def test_tidy_of_a_running_sweep_is_refused(paths: SweepPaths) -> None:
    """Nothing is deleted under a process that works on the sweep."""
    before = list_all(paths)
    with hold_sweep(paths.lock), pytest.raises(SweepHeldError):
        tidy(paths.root, keep_best=1)
    assert list_all(paths) == before


def test_tidy_size_without_a_unit_is_refused(paths: SweepPaths) -> None:
    """A misread size would delete too much."""
    with pytest.raises(OptionError, match="--max-disk lots"):
        tidy(paths.root, max_disk="lots")


def test_gc_prints_each_path_with_its_size_and_the_sum(
    paths: SweepPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a path, then the total."""
    assert run_command_line(["gc", str(paths.root), "--keep-best", "1", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{paths.trial(0).checkpoints / 'best.keras'}  1 kB" in lines
    assert lines[-1].startswith(f"{paths.root}: would free ")
    assert run_command_line(["gc", str(paths.root), "--keep-best", "1"]) == 0
    assert f"{paths.root}: freed " in capsys.readouterr().out
