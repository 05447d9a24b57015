"""The soak in full: ``python -m tests.soak --minutes 60 --seed 1``."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from pathlib import Path

from tests.soak.storm import soak


def main() -> None:
    """Run it, print what it did, and keep the folder where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=60, help="how long to go on")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--trials", type=int, default=150, help="trials of a sweep, about")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    work = Path(tempfile.mkdtemp(prefix="soak-"))
    tally = soak(work, seed=options.seed, seconds=options.minutes * 60, num_trials=options.trials)
    print(tally.describe())
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
