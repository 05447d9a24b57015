"""Tests of `sweeps.training.best_checkpoint`, against Keras' own ModelCheckpoint."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from sweeps.checkpoints.better import Direction
from sweeps.checkpoints.store import BestStore, open_best
from sweeps.durable import digest_file
from sweeps.paths import TrialPaths
from sweeps.spec.model import Checkpoint, Objective
from sweeps.training.best_checkpoint import BestCheckpointing, make_best_checkpointing
from tests.training.samples import make_data, make_mlp

NAN, INF = float("nan"), float("inf")
Values = list[float | None]


def make_model() -> Any:
    """Make a model of one weight, which tells the epoch in which it was saved."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile("sgd", "mse")
    return model


def play(callback: Any, model: Any, values: Values, first: int = 1) -> None:
    """Let a callback see epochs with these values of val_loss; None means not validated."""
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values, first):
        model.layers[0].kernel.assign([[float(epoch)]])
        logs = {"loss": 1.0} if value is None else {"loss": 1.0, "val_loss": value}
        callback.on_epoch_end(epoch - 1, logs)
    callback.on_train_end()


def read_saved(folder: Path) -> dict[int, float]:
    """Read which epochs were saved, with the weight that each file holds."""
    return {
        int(path.name.removesuffix(".keras")): float(
            keras.models.load_model(path).layers[0].kernel.numpy()[0, 0]
        )
        for path in folder.glob("*.keras")
    }


def save_with_keras(folder: Path, values: Values, direction: Direction = "minimize") -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    callback = keras.callbacks.ModelCheckpoint(
        folder / "{epoch}.keras",
        monitor="val_loss",
        mode=direction[:3],
        save_best_only=True,
    )
    play(callback, make_model(), values)
    return read_saved(folder)


def make_callback(
    folder: Path,
    *,
    template: str = "{epoch}.keras",
    direction: Direction = "minimize",
    keep_older: bool = True,
    save_best_only: bool = True,
    attempt: int = 1,
    num_kept: int | None = None,
    **options: Any,
) -> BestCheckpointing:
    return make_best_checkpointing(
        BestStore(TrialPaths(folder), keep_older=keep_older and num_kept is None),
        Checkpoint(path=template, save_best_only=save_best_only, **options),
        [Objective(metric="val_loss", direction=direction)],
        counters={"trial": 7, "attempt": attempt},
        num_kept=num_kept,
    )


def save_with_ours(folder: Path, values: Values, direction: Direction = "minimize") -> Any:
    play(make_callback(folder, direction=direction), make_model(), values)
    return read_saved(TrialPaths(folder).checkpoints)


@pytest.mark.parametrize(
    ("values", "direction", "epochs"),
    [
        ([3.0, 2.0, 1.0], "minimize", [1, 2, 3]),
        ([1.0, 2.0, 3.0], "minimize", [1]),
        ([2.0, 2.0, 1.0, 1.0], "minimize", [1, 3]),
        ([0.5, -0.5, 0.0, -1e-9, -0.6], "minimize", [1, 2, 5]),
        ([0.1, 0.9, 0.9, 0.8, 0.95], "maximize", [1, 2, 5]),
        ([-1.0, -2.0, -0.5], "maximize", [1, 3]),
        ([1.0, NAN, 0.5], "minimize", [1, 3]),
        ([1.0, INF, 0.5], "minimize", [1, 3]),
    ],
)
def test_best_checkpointing_saves_what_keras_saves(
    tmp_path: Path, values: Values, direction: Direction, epochs: list[int]
) -> None:
    """Where Keras' own callback is right, the same epochs are saved with the same weights."""
    expected = {epoch: float(epoch) for epoch in epochs}
    assert save_with_keras(tmp_path / "keras", values, direction) == expected
    assert save_with_ours(tmp_path / "ours", values, direction) == expected


def make_keras_options(seed: int) -> tuple[Values, dict[str, Any]]:
    """Draw values with ties, and arguments of ModelCheckpoint, as a seed says."""
    draw = random.Random(seed)
    values: Values = [draw.randint(-3, 3) / 2 for _ in range(6)]
    options: dict[str, Any] = {
        "mode": draw.choice(["min", "max"]),
        "save_best_only": draw.random() < 0.75,
        "save_weights_only": draw.random() < 0.5,
    }
    if draw.random() < 0.5:
        options["initial_value_threshold"] = draw.randint(-2, 2) / 2
    return values, options


@pytest.mark.parametrize("seed", range(16))
def test_best_checkpointing_saves_what_keras_saves_whatever_the_arguments(
    tmp_path: Path, seed: int
) -> None:
    """The same files with the same weights, for any values and any arguments both know."""
    values, options = make_keras_options(seed)
    suffix = ".weights.h5" if options["save_weights_only"] else ".keras"
    template = "{epoch:02d}_{val_loss:.1f}" + suffix
    theirs = keras.callbacks.ModelCheckpoint(tmp_path / template, monitor="val_loss", **options)
    play(theirs, make_model(), values)
    direction: Direction = "minimize" if options["mode"] == "min" else "maximize"
    ours = make_callback(tmp_path / "ours", template=template, direction=direction, **options)
    play(ours, make_model(), values)
    expected = {path.name: read_weight(path) for path in tmp_path.glob(f"*{suffix}")}
    folder = TrialPaths(tmp_path / "ours").checkpoints
    saved = folder.glob(f"*{suffix}") if folder.exists() else []
    assert {path.name: read_weight(path) for path in saved} == expected


def read_weight(path: Path) -> float:
    """Read the one weight of a file, which is the epoch in which it was saved."""
    model = make_model()
    model.load_weights(path)
    return float(model.layers[0].kernel.numpy()[0, 0])


def test_best_checkpointing_nan_first_epoch_does_not_block_later_saves(tmp_path: Path) -> None:
    """NaN is never the best, so the first finite epoch is saved."""
    assert save_with_ours(tmp_path, [NAN, 3.0, 2.0]) == {2: 2.0, 3: 3.0}


def test_keras_nan_first_epoch_blocks_later_saves(tmp_path: Path) -> None:
    """Red control: ModelCheckpoint takes NaN for the best and never saves again."""
    assert list(save_with_keras(tmp_path, [NAN, 3.0, 2.0])) == [1]


@pytest.mark.parametrize(("value", "direction"), [(-INF, "minimize"), (INF, "maximize")])
def test_best_checkpointing_infinity_never_wins(
    tmp_path: Path, value: float, direction: Direction
) -> None:
    """An infinite value is a mistake of the arithmetic, not a record."""
    assert save_with_ours(tmp_path, [value, 1.0], direction) == {2: 2.0}


def test_best_checkpointing_passes_over_epochs_that_were_not_validated(tmp_path: Path) -> None:
    """With validation_freq 2, only validated epochs can be best."""
    assert save_with_ours(tmp_path, [None, 3.0, None, 2.0]) == {2: 2.0, 4: 4.0}


@pytest.mark.filterwarnings("ignore:Can save best model only")
def test_keras_saves_epochs_that_were_not_validated(tmp_path: Path) -> None:
    """Red control: without the metric, ModelCheckpoint saves although nothing was compared."""
    assert set(save_with_keras(tmp_path, [None, 3.0, None, 2.0])) != {2, 4}


def test_best_checkpointing_of_a_resumed_trial_knows_its_best(tmp_path: Path) -> None:
    """A worse epoch of a later attempt does not replace a better one of an earlier attempt."""
    play(make_callback(tmp_path, template="best.keras", keep_older=False), make_model(), [0.5])
    later = make_callback(tmp_path, template="best.keras", keep_older=False, attempt=2)
    play(later, make_model(), [0.9], first=2)
    best = BestStore(TrialPaths(tmp_path)).find_best()
    assert best is not None
    assert (best.file, best.value, best.epoch) == ("best.keras", 0.5, 1)
    assert (
        float(keras.models.load_model(open_best(TrialPaths(tmp_path))).layers[0].kernel[0, 0]) == 1
    )


def test_keras_resumed_overwrites_the_better_file(tmp_path: Path) -> None:
    """Red control: a ModelCheckpoint made anew forgets the best and overwrites it."""
    for first, value in ((1, 0.5), (2, 0.9)):
        callback = keras.callbacks.ModelCheckpoint(
            tmp_path / "best.keras", monitor="val_loss", mode="min", save_best_only=True
        )
        play(callback, make_model(), [value], first=first)
    assert float(keras.models.load_model(tmp_path / "best.keras").layers[0].kernel[0, 0]) == 2


def test_best_checkpointing_keeps_the_best_only(tmp_path: Path) -> None:
    """Templated files of older bests go, which Keras leaves for ever."""
    play(make_callback(tmp_path, keep_older=False), make_model(), [3.0, 2.0, 2.5, 1.0])
    names = sorted(path.name for path in TrialPaths(tmp_path).checkpoints.iterdir())
    assert names == ["4.keras", "best.json"]


def test_best_checkpointing_names_that_round_to_one_stay_distinct(tmp_path: Path) -> None:
    """The recorded best is never overwritten by the file that is to replace it."""
    callback = make_callback(tmp_path, template="{val_loss:.1f}.keras")
    play(callback, make_model(), [0.52, 0.51, 0.49])
    names = sorted(path.name for path in TrialPaths(tmp_path).checkpoints.iterdir())
    assert names == ["0.5-2.keras", "0.5.keras", "best.json"]
    assert open_best(TrialPaths(tmp_path)).name == "0.5.keras"


def test_best_checkpointing_fills_every_counter(tmp_path: Path) -> None:
    """Trial, attempt, epoch and the count of optimizer updates."""
    model = make_mlp()
    model.optimizer.iterations.assign(340)
    callback = make_callback(
        tmp_path, template="{trial:04d}-{attempt}-{epoch:02d}-{step:06d}.weights.h5", attempt=2
    )
    callback.set_model(model)
    callback.on_epoch_end(11, {"val_loss": 0.5})
    assert open_best(TrialPaths(tmp_path)).name == "0007-2-12-000340.weights.h5"


def test_best_checkpointing_save_all_records_the_best_among_them(tmp_path: Path) -> None:
    """save_best_only: false writes every epoch, NaN included, and still knows the best."""
    callback = make_callback(tmp_path, save_best_only=False)
    play(callback, make_model(), [2.0, 3.0, NAN, None, 1.0, 4.0])
    trial = TrialPaths(tmp_path)
    assert set(read_saved(trial.checkpoints)) == {1, 2, 3, 4, 5, 6}
    assert open_best(trial).name == "5.keras"


def test_best_checkpointing_save_all_never_overwrites_the_recorded_best(tmp_path: Path) -> None:
    """An epoch trained again with another value keeps both: the record and its file must agree."""
    play(make_callback(tmp_path, save_best_only=False), make_model(), [2.0])
    play(make_callback(tmp_path, save_best_only=False), make_model(), [3.0, 1.0])
    trial = TrialPaths(tmp_path)
    assert open_best(trial).name == "2.keras"
    names = sorted(path.name for path in trial.checkpoints.iterdir())
    assert names == ["1-2.keras", "1.keras", "2.keras", "best.json"]


@pytest.mark.parametrize(
    ("values", "num_kept", "options", "kept"),
    [
        ([3.0, 2.0, 2.5, 1.0], 2, {}, [4, 2]),
        ([3.0, 2.0, 2.5, 1.0], 9, {}, [4, 2, 1]),
        ([2.0, 3.0, NAN, None, 1.0, 1.5, 4.0], 3, {"save_best_only": False}, [5, 6, 1]),
        ([1.0, 1.0, 1.0], 2, {"save_best_only": False}, [1, 2]),
        (
            [3.0, 2.0, 2.9],
            9,
            {"save_best_only": False, "initial_value_threshold": 2.95},
            [2, 3],
        ),
    ],
)
def test_best_checkpointing_keeps_the_best_few(
    tmp_path: Path, values: Values, num_kept: int, options: dict[str, Any], kept: list[int]
) -> None:
    """They are the best of what was saved, are on record best first, and nothing else stays."""
    play(make_callback(tmp_path, num_kept=num_kept, **options), make_model(), values)
    trial = TrialPaths(tmp_path)
    best = BestStore(trial).find_best()
    assert best is not None
    assert [each.epoch for each in best.all_kept] == kept
    assert read_saved(trial.checkpoints) == {epoch: float(epoch) for epoch in kept}
    for each in best.all_kept:
        assert digest_file(trial.checkpoints / each.file) == each.sha256


def test_best_checkpointing_epoch_among_the_best_few_is_not_saved_again(tmp_path: Path) -> None:
    """An epoch trained again after a kill is on record already, the best one or not."""
    options = {"num_kept": 3, "save_best_only": False}
    play(make_callback(tmp_path, **options), make_model(), [1.0, 2.0])
    record = TrialPaths(tmp_path).best.read_bytes()
    play(make_callback(tmp_path, attempt=2, **options), make_model(), [2.0], first=2)
    assert TrialPaths(tmp_path).best.read_bytes() == record
    assert set(read_saved(TrialPaths(tmp_path).checkpoints)) == {1, 2}


class Unsavable(keras.layers.Layer):
    """Raises once it is told to."""

    broken = False

    def get_config(self) -> Any:
        if self.broken:
            raise RuntimeError("no config")
        return super().get_config()


def make_breaking() -> Any:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), Unsavable()])
    model.compile("sgd", "mse")
    return model


def test_best_checkpointing_save_that_raises_leaves_the_old_best(tmp_path: Path) -> None:
    """A layer that cannot be saved any more costs the new checkpoint, not the old one."""
    model, callback = make_breaking(), make_callback(tmp_path, template="best.keras")
    play(callback, model, [2.0])
    model.layers[1].broken = True
    with pytest.raises(RuntimeError, match="no config"):
        callback.on_epoch_end(1, {"val_loss": 1.0})
    trial = TrialPaths(tmp_path)
    assert open_best(trial).name == "best.keras"
    assert sorted(path.name for path in trial.checkpoints.iterdir()) == ["best.json", "best.keras"]


def test_keras_save_that_fails_half_way_destroys_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red control: `model.save` writes over the old best, so a failing write leaves neither."""
    model, path = make_model(), tmp_path / "best.keras"
    model.save(path)
    original = path.read_bytes()

    def fail(*arguments: Any, **named: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(
        "keras.src.saving.saving_lib._write_to_zip_recursively", fail, raising=False
    )
    monkeypatch.setattr("zipfile.ZipFile.writestr", fail)
    monkeypatch.setattr("zipfile.ZipFile.write", fail)
    with pytest.raises(OSError, match="no space left"):
        model.save(path)
    assert not path.exists() or path.read_bytes() != original


class Marking(keras.callbacks.Callback):
    """Writes the number of batches since training began into the weight, so that files tell it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        self.model.layers[0].kernel.assign([[float(self.seen)]])


def fit_batches(callback: Any, steps_per_execution: int = 1) -> None:
    """Fit three epochs of four batches."""
    x = np.linspace(-1, 1, 16, dtype="float32")[:, None]
    model = make_model()
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution)
    model.fit(
        x, x, batch_size=4, epochs=3, callbacks=[Marking(), callback], shuffle=False, verbose=0
    )


@pytest.mark.parametrize(
    ("save_freq", "steps_per_execution"), [(1, 1), (3, 1), (4, 1), (5, 1), (100, 1), (3, 2), (4, 4)]
)
def test_batch_checkpointing_writes_what_keras_writes(
    tmp_path: Path, save_freq: int, steps_per_execution: int
) -> None:
    """With save_freq in batches, the same files hold the same weights, across ends of epochs."""
    template = "{epoch}-{batch}.keras"
    theirs = keras.callbacks.ModelCheckpoint(tmp_path / template, save_freq=save_freq)
    fit_batches(theirs, steps_per_execution)
    fit_batches(
        make_callback(
            tmp_path / "ours",
            template=template,
            save_best_only=False,
            save_freq=save_freq,
            monitor="loss",
            mode="min",
        ),
        steps_per_execution,
    )
    ours = TrialPaths(tmp_path / "ours").checkpoints
    expected = sorted(path.name for path in tmp_path.glob("*.keras"))
    assert len(expected) == 12 // (save_freq + save_freq % steps_per_execution)
    assert sorted(path.name for path in ours.glob("*.keras")) == expected
    for name in expected:
        theirs, own = (
            keras.models.load_model(folder / name).layers[0].kernel.numpy()
            for folder in (tmp_path, ours)
        )
        assert (theirs == own).all()


def test_batch_checkpointing_best_only_keeps_the_best_batch(tmp_path: Path) -> None:
    """With best-only, the running mean of a training metric is compared every n batches."""
    callback = make_batch_callback(tmp_path)
    play_batches(callback, [[5.0, 4.0, 6.0, 3.0], [9.0, 2.0, 1.0, 2.5]])
    best = BestStore(TrialPaths(tmp_path)).find_best()
    assert best is not None
    assert (best.file, best.value, best.epoch, best.batch) == ("2-2.keras", 2.0, 2, 2)


def test_keras_best_only_every_few_batches_raises(tmp_path: Path) -> None:
    """Red control: ModelCheckpoint never settles its comparison before the first epoch's end."""
    callback = keras.callbacks.ModelCheckpoint(
        tmp_path / "a.keras", monitor="loss", save_best_only=True, save_freq=2
    )
    with pytest.raises(TypeError):
        play_batches(callback, [[5.0, 4.0, 6.0, 3.0]])


def test_batch_checkpointing_resumed_counts_on(tmp_path: Path) -> None:
    """The count of batches goes on in the next attempt, and so does the best value."""
    first = make_batch_callback(tmp_path, save_freq=3)
    play_batches(first, [[5.0, 4.0, 3.0, 1.0]])
    second = make_batch_callback(tmp_path, save_freq=3)
    second.set_state(json.loads(json.dumps(first.get_state())))
    play_batches(second, [[2.5, 2.0, 1.0, 1.0]], first=1)
    best = second.best
    assert best is not None
    assert (best.value, best.epoch, best.batch) == (2.0, 2, 2)


def test_batch_checkpointing_names_of_one_step_stay_distinct(tmp_path: Path) -> None:
    """While gradients are accumulated no update is made, and {step} stands still; resumed, too."""
    options = {"template": "{step}.keras", "save_freq": 1, "save_best_only": False}
    first, model = make_callback(tmp_path, **options), make_model()
    model.optimizer.build(model.trainable_variables)
    play_steps(first, model, [0, 0, 0, 1, 1])
    second = make_callback(tmp_path, attempt=2, **options)
    second.on_epoch_begin(0)
    second.set_state(json.loads(json.dumps(first.get_state())))
    play_steps(second, model, [1, 2], first=5)
    assert sorted(path.stem for path in TrialPaths(tmp_path).checkpoints.glob("*.keras")) == [
        "0", "0-2", "0-3", "1", "1-2", "1-3", "2",
    ]  # fmt: skip


def play_steps(callback: Any, model: Any, steps: list[int], first: int = 0) -> None:
    """Let a callback see batches after which the optimizer has made so many updates."""
    callback.set_model(model)
    for batch, step in enumerate(steps, first):
        model.optimizer.iterations.assign(step)
        callback.on_train_batch_end(batch, {"loss": 1.0})


def make_batch_callback(folder: Path, save_freq: int = 2) -> Any:
    return make_best_checkpointing(
        BestStore(TrialPaths(folder)),
        Checkpoint(path="{epoch}-{batch}.keras", save_freq=save_freq),
        [Objective(metric="loss", direction="minimize")],
        counters={"trial": 0},
    )


def play_batches(callback: Any, epochs: list[list[float]], first: int = 0) -> None:
    """Let a callback see batches with these values of loss."""
    callback.set_model(make_model())
    callback.on_train_begin()
    for epoch, values in enumerate(epochs, first):
        callback.on_epoch_begin(epoch)
        for batch, value in enumerate(values):
            callback.on_train_batch_end(batch, {"loss": value})
        callback.on_epoch_end(epoch, {"loss": values[-1]})


@pytest.mark.parametrize(
    ("values", "threshold", "direction", "epochs"),
    [
        ([3.0, 2.0, 1.0], 2.0, "minimize", [3]),
        ([3.0, 2.0, 1.0], 0.5, "minimize", []),
        ([0.1, 0.7, 0.6, 0.8], 0.65, "maximize", [2, 4]),
    ],
)
def test_best_checkpointing_threshold_saves_what_keras_saves(
    tmp_path: Path, values: Values, threshold: float, direction: Direction, epochs: list[int]
) -> None:
    """The first best has to beat initial_value_threshold."""
    theirs = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.keras",
        monitor="val_loss",
        mode=direction[:3],
        save_best_only=True,
        initial_value_threshold=threshold,
    )
    play(theirs, make_model(), values)
    ours = make_callback(tmp_path / "ours", direction=direction, initial_value_threshold=threshold)
    play(ours, make_model(), values)
    expected = {epoch: float(epoch) for epoch in epochs}
    assert read_saved(tmp_path) == expected
    assert read_saved(TrialPaths(tmp_path / "ours").checkpoints) == expected


def test_best_checkpointing_monitor_chooses_and_the_objective_is_recorded(tmp_path: Path) -> None:
    """The value is the objective's at the kept checkpoint, though another epoch had a better."""
    callback = make_callback(tmp_path, monitor="gain", mode="max")
    callback.set_model(make_model())
    for epoch, (loss, gain) in enumerate([(1.0, 0.1), (2.0, 0.9), (0.5, 0.8), (0.4, NAN)]):
        callback.on_epoch_end(epoch, {"val_loss": loss, "gain": gain})
    best = BestStore(TrialPaths(tmp_path)).find_best()
    assert best is not None
    assert (best.epoch, best.value, best.monitor, best.monitored) == (2, 2.0, "gain", 0.9)


def test_best_checkpointing_verbose_writes_a_line_an_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line says the value, the best one so far, and what was done."""
    play(make_callback(tmp_path, verbose=1), make_model(), [2.0, 3.0, None])
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1: val_loss is 2 (best so far: none), saved 1.keras",
        "epoch 2: val_loss is 3 (best so far: 2), not saved",
        "epoch 3: val_loss is missing or not finite (best so far: 2), not saved",
    ]


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_best_checkpointing_runs_the_documented_example_of_keras(
    tmp_path: Path, suffix: str
) -> None:
    """The arguments of ModelCheckpoint's own examples keep the same weights when given to ours."""
    weights = {}
    for name in ("keras", "ours"):
        file = f"checkpoint{suffix}" if suffix != ".keras" else "checkpoint.model.keras"
        options: dict[str, Any] = {
            "monitor": "val_accuracy",
            "mode": "max",
            "save_best_only": True,
            "save_weights_only": suffix != ".keras",
        }
        callback: Any
        if name == "keras":
            callback = keras.callbacks.ModelCheckpoint(filepath=tmp_path / file, **options)
        else:
            callback = make_best_checkpointing(
                BestStore(TrialPaths(tmp_path)),
                Checkpoint(path=file, **options),
                [Objective(metric="val_accuracy", direction="maximize")],
                counters={"trial": 0},
            )
        keras.utils.set_random_seed(3)
        model = make_mlp(keras.optimizers.RMSprop(0.05))
        data = make_data()
        assert data.validation is not None
        model.fit(
            *data.train.arrays,
            epochs=10,
            validation_data=data.validation.arrays,
            callbacks=[callback],
            verbose=0,
        )
        path = tmp_path / file if name == "keras" else open_best(TrialPaths(tmp_path))
        if suffix == ".keras":
            model = keras.models.load_model(path)
        else:
            model.load_weights(path)
        weights[name] = [array.tobytes() for array in model.get_weights()]
    assert weights["keras"] == weights["ours"]
