"""Peer: Optuna with TPE and SuccessiveHalvingPruner (ASHA): two processes, one study in a journal.

Two processes of one thread each work on the study, as Optuna's documentation shows it.
First rung and reduction factor are given, since ``auto`` is guessed by each process for itself.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

import optuna
import todo
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

WORKERS = 2


def work(search: str, epochs: int, seed: int) -> None:
    """Train trials until somebody ends this process."""
    import keras
    import searches
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    data = searches.load(search)
    storage = JournalStorage(JournalFileBackend(str(todo.find_folder() / "journal.log")))
    study = optuna.load_study(
        study_name="study",
        storage=storage,
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    )

    class Report(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self, trial: optuna.Trial) -> None:
            super().__init__()
            self.trial, self.is_pruned = trial, False

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.trial.report(float(logs[todo.METRIC]), epoch + 1)
            self.is_pruned = self.model.stop_training = self.trial.should_prune()

    def objective(trial: optuna.Trial) -> float:
        hp = searches.OptunaValues(trial)
        size = searches.choose_batch_size(search, hp)
        keras.utils.set_random_seed(seed + trial.number)
        model = searches.build(search, hp)
        best = keras.callbacks.ModelCheckpoint(
            todo.find_folder() / f"{trial.number}.keras", monitor=todo.METRIC, save_best_only=True
        )
        report = Report(trial)
        history = model.fit(
            *data["train"],
            validation_data=data["validation"],
            epochs=epochs,
            batch_size=size,
            callbacks=[best, searches.Note(), report],
            verbose=0,
        )
        if report.is_pruned:
            raise optuna.TrialPruned
        return float(max(history.history[todo.METRIC]))

    study.optimize(objective)


def main() -> None:
    """Make the study, and let two processes work on it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search, epochs, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    storage = JournalStorage(JournalFileBackend(str(todo.find_folder() / "journal.log")))
    optuna.create_study(study_name="study", storage=storage, direction="maximize")
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(target=work, args=(search, epochs, 1000 * seed + number))
        for number in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(max(abs(worker.exitcode or 0) for worker in workers))


if __name__ == "__main__":
    main()
