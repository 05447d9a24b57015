"""Peer: Optuna with joblib's loky: two warm processes of one thread each.

The study stays in the first process, in memory; trials go out as parameters and come back as
values. A warm process imports TensorFlow and loads the data once.
"""

from __future__ import annotations

import joblib
import optuna
import todo
from loky_worker import train

WORKERS = 2


def main() -> None:
    """Ask for all trials, let them be trained two at a time, and tell how they went."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    given = todo.read_todo()
    choices = todo.list_choices(given["trials"])
    study = optuna.create_study(direction="maximize")
    asked = []
    for values in given["trials"]:
        study.enqueue_trial(values)
        trial = study.ask()
        asked.append({name: trial.suggest_categorical(name, choices[name]) for name in values})
    parallel = joblib.Parallel(n_jobs=WORKERS, return_as="generator_unordered", pre_dispatch="all")
    jobs = (
        joblib.delayed(train)(number, values, given["epochs"])
        for number, values in enumerate(asked)
    )
    for number, value in parallel(jobs):
        study.tell(number, value)


if __name__ == "__main__":
    main()
