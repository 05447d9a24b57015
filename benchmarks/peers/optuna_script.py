"""Peer: the script that everybody writes: one process, trial after trial, Optuna in memory."""

from __future__ import annotations

import optuna
import todo
import work


def main() -> None:
    """Train the queued trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data, given = work.load(), todo.read_todo()
    trials = given["trials"]
    choices = todo.list_choices(trials)

    def objective(trial: optuna.Trial) -> float:
        values = {
            name: trial.suggest_categorical(name, choices[name]) for name in trials[trial.number]
        }
        return work.train(trial.number, values, data, given["epochs"])

    study = optuna.create_study(direction="maximize")
    for values in trials:
        study.enqueue_trial(values)
    study.optimize(objective, n_trials=len(trials))


if __name__ == "__main__":
    main()
