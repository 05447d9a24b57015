"""Peer: Ray Tune with a class trainable whose actors are reused, two of one thread each."""

from __future__ import annotations

from typing import Any

import ray
import todo
from ray import tune

WORKERS = 2


class Trial(tune.Trainable):
    """Trains a trial in one step; its process goes on with the next one."""

    def setup(self, config: dict[str, Any]) -> None:
        """Import TensorFlow and load the data, once per actor."""
        import tensorflow as tf
        import work

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._data, self._given = work.load(), todo.read_todo()
        self._number = config["number"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another trial."""
        self._number = new_config["number"]
        return True

    def step(self) -> dict[str, Any]:
        """Train the trial."""
        import work

        values = self._given["trials"][self._number]
        value = work.train(self._number, values, self._data, self._given["epochs"])
        return {"value": value, "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing more: the best model is on disk."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load nothing."""


def main() -> None:
    """Tune."""
    folder, given = todo.find_folder(), todo.read_todo()
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    tune.Tuner(
        Trial,
        param_space={"number": tune.grid_search(list(range(len(given["trials"]))))},
        tune_config=tune.TuneConfig(
            metric="value", mode="max", reuse_actors=True, max_concurrent_trials=WORKERS
        ),
        run_config=tune.RunConfig(name="ray", storage_path=str(folder), verbose=0),
    ).fit()
    ray.shutdown()


if __name__ == "__main__":
    main()
