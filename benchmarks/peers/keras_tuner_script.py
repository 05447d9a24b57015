"""Peer: KerasTuner's RandomSearch, with the trials given instead of drawn."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner
import todo
import work


class GivenOracle(keras_tuner.oracles.RandomSearchOracle):
    """Proposes the trials of a list, one after the other."""

    def __init__(self, trials: list[dict[str, Any]], **options: Any) -> None:
        super().__init__(max_trials=len(trials), **options)
        self._left = list(trials)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Give the next trial."""
        del trial_id
        if not self._left:
            return {"status": keras_tuner.engine.trial.TrialStatus.STOPPED, "values": None}
        return {
            "status": keras_tuner.engine.trial.TrialStatus.RUNNING,
            "values": self._left.pop(0),
        }


class Model(keras_tuner.HyperModel):
    """The models, with the size of a batch among their parameters."""

    def build(self, hp: Any) -> keras.Model:
        """Build one model."""
        return work.build(hp)

    def fit(self, hp: Any, model: keras.Model, *arguments: Any, **options: Any) -> Any:
        """Fit it."""
        size = hp.Choice("batch_size", [64, 128])
        history = model.fit(*arguments, batch_size=size, **options)
        values = history.history[todo.METRIC]
        todo.note("", len(values), float(max(values)))
        return history


def main() -> None:
    """Search."""
    data, given = work.load(), todo.read_todo()
    oracle = GivenOracle(
        given["trials"], objective=keras_tuner.Objective(todo.METRIC, "max"), seed=0
    )
    tuner = keras_tuner.Tuner(
        oracle=oracle, hypermodel=Model(), directory=todo.find_folder(), project_name="tuner"
    )
    tuner.search(
        *data["train"], validation_data=data["validation"], epochs=given["epochs"], verbose=0
    )


if __name__ == "__main__":
    main()
