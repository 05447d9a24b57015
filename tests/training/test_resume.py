"""Tests of `sweeps.training.train`: an interrupted trial comes to the same bits as any other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import pytest

from sweeps.checkpoints.store import BestStore, LatestState, LatestStore, open_best
from sweeps.errors import CheckpointError, OptionError
from sweeps.paths import TrialPaths
from sweeps.spec.model import Checkpoint, Objective, SweepSpec, Training
from sweeps.training.behind import Behind
from sweeps.training.latest_checkpoint import list_variables, restore_model
from sweeps.training.repetitions import Repetition
from sweeps.training.reporting import ValidationHeartbeat
from sweeps.training.train import Attempt, resolve_training, train_trial
from tests.states import hash_state
from tests.training import samples
from tests.training.samples import FakeChannel, hash_variables, make_data, make_mlp

SAMPLES = "tests.training.spaces"


def make_spec(model: str = "build_mlp", **training: Any) -> SweepSpec:
    return SweepSpec(
        name="tiny",
        model=f"{SAMPLES}:{model}",
        data=f"{SAMPLES}:load_{model.removeprefix('build_')}",
        objective=Objective(metric="val_loss", direction="minimize"),
        training=Training(**{"epochs": 4, "batch_size": 8, **training}),
    )


def train(
    folder: Path, spec: SweepSpec, channel: FakeChannel | None = None, attempt: int = 1
) -> Any:
    told = Attempt(number=3, attempt=attempt, values={}, seed=11)
    return train_trial(spec, TrialPaths(folder), told, channel or FakeChannel())


def read_state(folder: Path) -> tuple[str, Any]:
    """Read what a trial has come to: a digest of all variables, and its history."""
    latest = LatestStore(TrialPaths(folder)).find()
    assert latest is not None
    return hash_state(latest), latest.state["history"]


TrainWhole = Callable[..., Path]


@pytest.fixture(scope="module")
def train_whole(tmp_path_factory: pytest.TempPathFactory) -> TrainWhole:
    """Train a model's trial without interruption, once for all tests; gives its folder."""
    folders: dict[Any, Path] = {}

    def train_once(model: str, **training: Any) -> Path:
        key = (model, *training.items())
        if key not in folders:
            folders[key] = tmp_path_factory.mktemp(model)
            assert train(folders[key], make_spec(model, **training)).state == "complete"
        return folders[key]

    return train_once


@pytest.mark.parametrize(
    ("model", "stop_after"),
    [
        ("build_mlp", 1),
        ("build_mlp", 2),
        ("build_mlp", 3),
        ("build_cnn", 2),
        ("build_rnn", 2),
        ("build_momentum", 2),
        ("build_accumulating", 2),
        ("build_loss_scaled", 2),
        ("build_own_step", 2),
        ("build_remembering", 2),
    ],
)
def test_train_trial_resumed_is_bit_identical_to_uninterrupted(
    tmp_path: Path, train_whole: TrainWhole, model: str, stop_after: int
) -> None:
    """Promise 2: stopped after an epoch and continued by a new model, every bit is the same."""
    whole, parts, spec = train_whole(model), tmp_path / "parts", make_spec(model)
    first = train(parts, spec, FakeChannel({stop_after: "stop"}))
    assert (first.state, first.epoch) == ("interrupted", stop_after)
    second = train(parts, spec, attempt=2)
    assert (second.state, second.epoch) == ("complete", 4)
    assert read_state(parts) == read_state(whole)
    histories = [(folder / "history.csv").read_text() for folder in (parts, whole)]
    assert histories[0] == histories[1]
    assert histories[0].count("\n") == 5
    bests = [BestStore(TrialPaths(folder)).find_best() for folder in (parts, whole)]
    assert bests[0] is not None
    assert bests[1] is not None
    assert (bests[0].value, bests[0].epoch) == (bests[1].value, bests[1].epoch)


def test_train_trial_with_another_optimizer_says_that_it_is_resumed_approximately(
    tmp_path: Path,
) -> None:
    """What only the model knows of is not saved; that is told, and nothing is claimed."""
    spec = make_spec("build_two_optimizers")
    train(tmp_path, spec, FakeChannel({2: "stop"}))
    channel = FakeChannel()
    assert train(tmp_path, spec, channel, attempt=2).state == "complete"
    assert channel.reasons is not None
    assert "the model has another optimizer, whose state is not saved" in channel.reasons


def test_train_trial_killed_after_a_fit_that_nobody_saw_keeps_what_it_told(tmp_path: Path) -> None:
    """Its only epoch is on disk: another value would not be that of the saved model."""
    spec = make_spec().model_copy(update={"model": f"{SAMPLES}:Unseen"})
    first = train(tmp_path, spec)
    state = read_state(tmp_path)
    second = train(tmp_path, spec, attempt=2)
    assert (second.state, second.epoch, second.value) == ("complete", 4, first.value)
    assert second.best == first.best
    assert read_state(tmp_path) == state


def test_train_trial_resumes_early_stopping_where_it_was(tmp_path: Path) -> None:
    """Patience counts on across attempts, so the trial ends in the epoch it would have ended in."""
    spec = make_spec("build_diverging", epochs=8, early_stopping=3)
    assert train(tmp_path / "whole", spec).epoch == 4
    assert train(tmp_path / "parts", spec, FakeChannel({3: "stop"})).epoch == 3
    second = train(tmp_path / "parts", spec, attempt=2)
    assert (second.state, second.epoch) == ("complete", 4)
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")


def test_train_trial_stopped_early_is_not_trained_on_when_its_end_was_not_told(
    tmp_path: Path,
) -> None:
    """Killed between its last epoch and telling the end, the next attempt only tells it."""
    spec = make_spec("build_diverging", epochs=8, early_stopping=3)
    train(tmp_path, spec)
    channel = FakeChannel()
    end = train(tmp_path, spec, channel, attempt=2)
    assert (end.state, end.epoch) == ("complete", 4)
    assert [epoch for epoch, _, _ in channel.reports] == [1, 2, 3, 4]


class KilledError(BaseException):
    """Stands for SIGKILL: no handler of ours may do anything about it."""


@pytest.mark.parametrize("best_only", [True, False])
def test_train_trial_killed_between_best_and_latest_trains_that_epoch_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best_only: bool
) -> None:
    """The best is one epoch ahead then; trained again, its record and its file still agree."""
    spec = make_spec("build_improving").model_copy(
        update={
            "checkpoint": Checkpoint(path="{trial}-{epoch}.keras", save_best_only=best_only),
            "objective": Objective(metric="loss", direction="minimize"),
        }
    )
    train(tmp_path / "whole", spec)
    commit = LatestStore.commit

    def die_at_three(store: LatestStore, epoch: int, *arguments: Any, **options: Any) -> None:
        if epoch == 3:
            (tmp_path / "parts" / "latest" / f".tmp-{os.getpid()}-epoch-000003").mkdir()
            raise KilledError
        commit(store, epoch, *arguments, **options)

    monkeypatch.setattr(LatestStore, "commit", die_at_three)
    with pytest.raises(KilledError):
        train(tmp_path / "parts", spec)
    trial = TrialPaths(tmp_path / "parts")
    assert open_best(trial).name == "3-3.keras"
    (trial.checkpoints / ".tmp-1-3-4.keras").touch()
    monkeypatch.undo()
    end = train(tmp_path / "parts", spec, attempt=2)
    assert open_best(trial).name == "3-4.keras"
    assert end.best is not None
    assert (end.best.file, end.best.epoch) == ("3-4.keras", 4)
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")
    files = sorted(path.name for path in trial.checkpoints.iterdir())
    kept = ["3-4.keras"] if best_only else [f"3-{epoch}.keras" for epoch in (1, 2, 3, 4)]
    assert files == [*kept, "best.json"]
    assert sorted(path.name for path in trial.latest.iterdir()) == ["epoch-000003", "epoch-000004"]


def damage(path: Path) -> None:
    """Flip one bit of a file, in whichever folders it has a name."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(content)


@pytest.mark.parametrize("name", ["arrays.bin", "model.keras", "state.json"])
def test_train_trial_with_a_corrupt_newest_state_continues_from_the_one_before(
    tmp_path: Path, name: str
) -> None:
    """A flipped bit costs one epoch, not the trial, and not a bit of its result."""
    spec = with_checkpoint(make_spec(), save_best_only=False)  # so that each state links a file
    train(tmp_path / "whole", spec)
    train(tmp_path / "parts", spec, FakeChannel({3: "stop"}))
    damage(tmp_path / "parts" / "latest" / "epoch-000003" / name)
    channel = FakeChannel()
    train(tmp_path / "parts", spec, channel, attempt=2)
    assert [epoch for epoch, _, _ in channel.reports] == [1, 2, 3, 4]
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")


def fit_keras(
    epochs: int, callbacks: list[Any], model: Any = None, first: int = 0
) -> tuple[str, Any]:
    keras.utils.set_random_seed(1)
    model = model or make_mlp()
    x, y = make_data().train.arrays
    model.fit(
        x, y, epochs=epochs, initial_epoch=first, batch_size=8, callbacks=callbacks, verbose=0
    )
    return hash_variables(model), model


def test_keras_backup_and_restore_differs_from_uninterrupted(tmp_path: Path) -> None:
    """Red control: Keras' own way to continue saves no dropout state, and the check sees it."""
    whole, _ = fit_keras(4, [])
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    fit_keras(2, [backup])
    resumed, _ = fit_keras(4, [keras.callbacks.BackupAndRestore(tmp_path / "backup")])
    assert fit_keras(4, [])[0] == whole
    assert resumed != whole


def test_keras_initial_epoch_after_loading_differs_from_uninterrupted(tmp_path: Path) -> None:
    """Red control: a loaded model with `initial_epoch` begins the random numbers anew."""
    whole, _ = fit_keras(4, [])
    _, model = fit_keras(2, [])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert fit_keras(4, [], loaded, first=2)[0] != whole


def test_train_trial_pruned_keeps_its_best(tmp_path: Path) -> None:
    """A pruned trial ends in its epoch, with the best checkpoint it has."""
    channel = FakeChannel({2: "prune"})
    end = train(tmp_path, make_spec(), channel)
    assert (end.state, end.epoch) == ("pruned", 2)
    assert end.best is not None
    assert [epoch for epoch, _, _ in channel.reports] == [1, 2]
    assert channel.reports[1][2] == end.best.value


def test_train_trial_that_diverges_keeps_the_best_finite_checkpoint(tmp_path: Path) -> None:
    """NaN after a good epoch fails the trial, says why, and leaves the good epoch's model."""
    channel = FakeChannel()
    end = train(tmp_path, make_spec("build_nan_later"), channel)
    assert (end.state, end.cause, end.epoch) == ("failed", "diverged", 2)
    assert end.reason.startswith("loss is nan after epoch 2: training diverged.")
    assert end.best is not None
    assert end.best.epoch == 1
    assert open_best(TrialPaths(tmp_path)).exists()
    assert [epoch for epoch, _, _ in channel.reports] == [1]
    assert (tmp_path / "history.csv").read_text().splitlines()[2].startswith("2,")


def test_train_trial_that_never_has_a_finite_value_fails(tmp_path: Path) -> None:
    """Without one good epoch there is no checkpoint and no completion."""
    end = train(tmp_path, make_spec("build_nan"))
    assert (end.state, end.cause, end.epoch, end.best) == ("failed", "diverged", 1, None)


def test_train_trial_missing_metric_names_those_there_are(tmp_path: Path) -> None:
    """A metric that a callback or an own train_step leaves out is found after the first epoch."""
    spec = make_spec().model_copy(
        update={"objective": Objective(metric="val_acc", direction="maximize")}
    )
    with pytest.raises(
        OptionError, match=r"metric 'val_acc' is not in the logs \(have: .*val_loss"
    ):
        train(tmp_path, spec)


def test_train_trial_validates_every_second_epoch(tmp_path: Path) -> None:
    """Epochs between have no value, save nothing and are reported as such."""
    channel = FakeChannel()
    end = train(tmp_path, make_spec(validation_freq=2), channel)
    assert [(epoch, value is None) for epoch, value, _ in channel.reports] == [
        (1, True),
        (2, False),
        (3, True),
        (4, False),
    ]
    assert end.best is not None
    assert end.best.epoch in (2, 4)


def test_train_trial_records_its_values(tmp_path: Path) -> None:
    """What the model's code declares is asked for once, told, and written beside the trial."""
    channel = FakeChannel()
    train(tmp_path, make_spec("build_with_units"), channel)
    assert channel.asked == ["units", "epochs"]
    assert channel.values == {"units": 4, "epochs": 1}
    assert (tmp_path / "params.json").read_text() == '{\n  "units": 4,\n  "epochs": 1\n}\n'
    assert len(channel.reports) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; expected a whole number of at least 1."),
        ({"epochs": 2.5}, "epochs is 2.5; expected a whole number of at least 1."),
        ({"epochs": True}, "epochs is True; expected a whole number of at least 1."),
    ],
)
def test_resolve_training_refuses_what_is_no_number_of(values: Any, message: str) -> None:
    """A hyperparameter of that name wins, so it has to make sense."""
    with pytest.raises(OptionError) as caught:
        resolve_training(make_spec(), values)
    assert str(caught.value) == message
    assert resolve_training(make_spec(), {}) == (4, 8)
    assert resolve_training(make_spec(), {"epochs": 9, "batch_size": 3}) == (9, 3)


def save_latest(trial: TrialPaths, model: Any) -> LatestState:
    from sweeps.training.latest_checkpoint import LatestCheckpointing

    saving = LatestCheckpointing(LatestStore(trial), trial.history, [], None, Repetition(0, 1, 0))
    saving.set_model(model)
    trial.root.mkdir(parents=True)
    saving.on_epoch_end(0, {"loss": float("nan"), "parts": np.array([1.0, float("inf")])})
    latest = LatestStore(trial).find()
    assert latest is not None
    return latest


BUILDERS: list[Callable[[], Any]] = [
    lambda: make_mlp(keras.optimizers.SGD(0.1, momentum=0.9)),
    lambda: make_mlp(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())),
    lambda: samples.compile_classifier(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype="bfloat16")]), "adam"
    ),
]


@pytest.mark.parametrize("build", BUILDERS)
def test_restore_model_gives_every_bit_back(tmp_path: Path, build: Callable[[], Any]) -> None:
    """Weights, slots, the loss scale, and types that NumPy has no name for."""
    from sweeps.training.epoch_loop import build_state

    model, other = build(), build()
    for each in (model, other):
        build_state(each, make_data().train, 8)
    model.fit(*make_data().train.arrays, verbose=0)
    latest = save_latest(TrialPaths(tmp_path / "trial"), model)
    assert hash_variables(other) != hash_variables(model)
    restore_model(other, latest)
    assert hash_variables(other) == hash_variables(model)
    assert latest.state["history"] == [{"epoch": 1, "loss": "nan", "parts": [1.0, "inf"]}]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: make_mlp(units=9), r"kernel float32\[4, 8\] is now kernel float32\[4, 9\]"),
        (lambda: make_mlp("sgd"), r"\d+ are now \d+|is now"),
        (lambda: make_mlp("adam", keras.layers.Dense(8)), "is now"),
        (lambda: make_mlp("adamax"), "_momentum float32.* is now .*_m float32|is now"),
    ],
)
def test_restore_model_refuses_other_variables(
    tmp_path: Path, build: Callable[[], Any], message: str
) -> None:
    """A changed model is never filled with weights that happen to fit."""
    from sweeps.training.epoch_loop import build_state

    model, other = make_mlp(), build()
    for each in (model, other):
        build_state(each, make_data().train, 8)
    latest = save_latest(TrialPaths(tmp_path / "trial"), model)
    before = hash_variables(other)
    with pytest.raises(CheckpointError, match=message):
        restore_model(other, latest)
    assert hash_variables(other) == before
    assert len(list_variables(model)) == 15


def with_checkpoint(spec: SweepSpec, metric: str = "val_loss", **options: Any) -> SweepSpec:
    objective = Objective(metric=metric, direction="minimize")
    checkpoint = Checkpoint(**{"path": "{epoch}.keras", **options})
    return spec.model_copy(update={"checkpoint": checkpoint, "objective": objective})


def test_train_trial_monitor_decides_and_the_value_is_the_objectives_there(tmp_path: Path) -> None:
    """Promise 7: the value is that of the kept checkpoint, whatever has chosen it."""
    spec = with_checkpoint(make_spec("build_improving"), monitor="loss", mode="max")
    end = train(tmp_path, spec)
    assert end.best is not None
    assert (end.state, end.best.epoch, end.best.monitor) == ("complete", 1, "loss")
    first = LatestStore(TrialPaths(tmp_path)).find().state["history"][0]  # type: ignore[union-attr]
    assert (end.value, end.best.monitored) == (first["val_loss"], first["loss"])


def test_train_trial_that_never_beats_the_threshold_is_pruned(tmp_path: Path) -> None:
    """Without a checkpoint there is no value; that is no failure either."""
    end = train(tmp_path, with_checkpoint(make_spec(), initial_value_threshold=0.0))
    assert (end.state, end.cause, end.best, end.value) == ("pruned", "threshold", None, None)
    assert "no epoch's val_loss was better than" in end.reason


def test_train_trial_save_freq_in_batches_resumes_as_if_uninterrupted(tmp_path: Path) -> None:
    """The best batch and its value are the same whether or not the trial was stopped."""
    spec = with_checkpoint(
        make_spec("build_improving"), "loss", path="{epoch}-{batch}.keras", save_freq=2
    )
    whole = train(tmp_path / "whole", spec)
    train(tmp_path / "parts", spec, FakeChannel({1: "stop"}))
    parts = train(tmp_path / "parts", spec, attempt=2)
    assert whole.best is not None
    assert parts.best is not None
    assert (whole.best.file, whole.best.value) == (parts.best.file, parts.best.value)
    assert (whole.value, whole.value) == (whole.best.value, parts.value)
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")


@pytest.mark.parametrize(
    ("training", "told"),
    [({}, ("compiled", "")), ({"loop": "fit"}, ("fit", "training.loop is fit"))],
)
def test_train_trial_tells_how_it_trains(
    tmp_path: Path, training: dict[str, Any], told: tuple[str, str]
) -> None:
    """Each attempt, before it trains."""
    channel = FakeChannel()
    train(tmp_path, make_spec("build_mlp", **training), channel)
    assert channel.loop == told


class OneBatch:
    """A pace that never changes."""

    num_batches = 1

    def learn(self, seconds: float) -> None:
        pass


@pytest.fixture
def by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a trial pause after every batch, so that it can be stopped there."""
    monkeypatch.setattr("sweeps.training.epoch_loop._Pace", OneBatch)
    monkeypatch.setattr("sweeps.training.keras_fit.PAUSE_SECONDS", 0.0)
    # A trial does not ask while it still writes: then it would depend on the disk where it stops.
    monkeypatch.setattr(Behind, "is_busy", False)
    # Its signs of life, of which nobody knows how many there are, would be counted as pauses.
    monkeypatch.setattr(
        ValidationHeartbeat, "on_test_batch_begin", lambda heartbeat, batch, logs=None: None
    )


@pytest.mark.usefixtures("by_batch")
@pytest.mark.parametrize(
    ("model", "training", "stop_at"),
    [
        *(("build_cnn", {}, stop_at) for stop_at in (1, 2, 3, 6)),
        *(("build_accumulating", {}, stop_at) for stop_at in (1, 2, 3, 6, 8)),
        ("build_mlp", {}, 4),
        ("build_rnn", {}, 3),
        ("build_momentum", {}, 3),
        ("build_loss_scaled", {}, 6),
        *(("build_own_step", {}, stop_at) for stop_at in (1, 2, 6, 8)),
        ("build_remembering", {}, 6),
        ("build_cnn", {"loop": "fit"}, 3),
        ("build_accumulating", {"loop": "fit"}, 3),
        ("build_accumulating", {"loop": "fit"}, 8),
        ("build_streaming", {}, 3),
        ("build_indexed", {}, 4),
    ],
)
def test_train_trial_stopped_in_mid_epoch_resumes_bit_identical(
    tmp_path: Path, train_whole: TrainWhole, model: str, training: dict[str, Any], stop_at: int
) -> None:
    """Promise 2 in the middle of an epoch, with all that is random, in both ways of training."""
    whole, parts, spec = train_whole(model, **training), tmp_path, make_spec(model, **training)
    first = train(parts, spec, FakeChannel(stop_at=stop_at))
    assert (first.state, first.epoch) == ("interrupted", (stop_at - 1) // 2)
    latest = LatestStore(TrialPaths(parts)).find()
    assert latest is not None
    assert (latest.epoch, latest.batch) == ((stop_at - 1) // 2, (stop_at - 1) % 2 + 1)
    channel = FakeChannel()
    second = train(parts, spec, channel, attempt=2)
    assert (second.state, second.epoch) == ("complete", 4)
    assert read_state(parts) == read_state(whole)
    assert bool(channel.reasons) == (model in ("build_streaming", "build_indexed"))


@pytest.mark.usefixtures("by_batch")
def test_train_trial_killed_after_a_save_in_mid_epoch_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With save_every a kill costs the batches since then only, and no bit; callbacks included."""
    spec = make_spec(
        "build_cnn", save_every=1e-9, callbacks=f"{SAMPLES}:make_schedule", early_stopping=3
    )
    train(tmp_path / "whole", spec)
    commit = LatestStore.commit

    def die_afterwards(store: LatestStore, *arguments: Any, batch: int, **options: Any) -> None:
        commit(store, *arguments, batch=batch, **options)
        if (arguments[0], batch) == (2, 2):
            raise KilledError

    monkeypatch.setattr(LatestStore, "commit", die_afterwards)
    with pytest.raises(KilledError):
        train(tmp_path / "parts", spec)
    monkeypatch.undo()
    names = sorted(path.name for path in TrialPaths(tmp_path / "parts").latest.iterdir())
    assert names == ["epoch-000002-batch-000001", "epoch-000002-batch-000002"]
    train(tmp_path / "parts", spec, attempt=2)
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")


@pytest.mark.usefixtures("by_batch")
def test_train_trial_saved_in_mid_epoch_goes_on_in_the_other_loop(
    tmp_path: Path, train_whole: TrainWhole
) -> None:
    """Both ways of training take the same state, in the same place, to the same bits."""
    train(tmp_path, make_spec("build_cnn"), FakeChannel(stop_at=2))
    train(tmp_path, make_spec("build_cnn", loop="fit"), FakeChannel(stop_at=2), attempt=2)
    train(tmp_path, make_spec("build_cnn"), attempt=3)
    assert read_state(tmp_path) == read_state(train_whole("build_cnn"))


@pytest.mark.usefixtures("by_batch")
@pytest.mark.parametrize("loop", ["auto", "fit"])
def test_train_trial_goes_on_in_an_epoch_that_has_become_shorter(
    tmp_path: Path, loop: Literal["auto", "fit"]
) -> None:
    """With larger batches, an accepted change, the last one of that epoch is trained."""
    first = train(tmp_path, make_spec(loop=loop, batch_size=2), FakeChannel(stop_at=4))
    assert (first.state, first.epoch) == ("interrupted", 0)
    second = train(tmp_path, make_spec(loop=loop, batch_size=8), attempt=2)
    assert (second.state, second.epoch) == ("complete", 4)


@pytest.mark.parametrize("best_only", [True, False])
def test_train_trial_save_freq_in_batches_saves_its_state_as_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best_only: bool
) -> None:
    """A kill costs the batches since the last save only; best batch and bits stay the same."""
    spec = with_checkpoint(
        make_spec("build_improving"),
        "loss",
        path="{epoch}-{batch}.keras",
        save_freq=2,
        save_best_only=best_only,
    )
    whole = train(tmp_path / "whole", spec)
    commit = LatestStore.commit
    states = []

    def die_at_ten(store: LatestStore, *arguments: Any, batch: int, **options: Any) -> None:
        commit(store, *arguments, batch=batch, **options)
        states.append((arguments[0], batch))
        if len(states) == 5:
            raise KilledError

    monkeypatch.setattr(LatestStore, "commit", die_at_ten)
    with pytest.raises(KilledError):
        train(tmp_path / "parts", spec)
    assert states == [(0, 2), (1, 0), (1, 1), (2, 0), (2, 2)]
    monkeypatch.undo()
    parts = train(tmp_path / "parts", spec, attempt=2)
    assert parts.value == whole.value
    assert read_state(tmp_path / "parts") == read_state(tmp_path / "whole")
    names = [
        sorted(path.name for path in TrialPaths(tmp_path / name).checkpoints.iterdir())
        for name in ("parts", "whole")
    ]
    assert names[0] == names[1]
