"""Peer: KerasTuner's Hyperband, which is sequential and saves each trial's best epoch itself."""

from __future__ import annotations

import sys
from typing import Any

import keras
import keras_tuner
import searches
import todo

MANY = 100


class Model(keras_tuner.HyperModel):
    """The models of a search, with the size of a batch among their parameters."""

    def __init__(self, search: str) -> None:
        super().__init__()
        self._search = search

    def build(self, hp: Any) -> keras.Model:
        """Build one model."""
        return searches.build(self._search, hp)

    def fit(self, hp: Any, model: keras.Model, *arguments: Any, **options: Any) -> Any:
        """Fit it."""
        size = searches.choose_batch_size(self._search, hp)
        return model.fit(*arguments, batch_size=size, **options)


def main() -> None:
    """Search until somebody ends this process."""
    search, epochs, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    data = searches.load(search)
    tuner = keras_tuner.Hyperband(
        Model(search),
        objective=keras_tuner.Objective(todo.METRIC, "max"),
        max_epochs=epochs,
        factor=3,
        hyperband_iterations=MANY,
        seed=seed,
        directory=todo.find_folder(),
        project_name="tuner",
    )
    tuner.search(
        *data["train"],
        validation_data=data["validation"],
        callbacks=[searches.Note()],
        verbose=0,
    )


if __name__ == "__main__":
    main()
