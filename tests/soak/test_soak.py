"""Random faults over whole sweeps: nothing is lost, duplicated, invented or reordered."""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.soak.driver import MISTAKES
from tests.soak.storm import SoakError, Storm, Tally, soak

QUICK = ("drop reports",)


def test_sweeps_under_random_faults_keep_their_promises(soak_seconds: float) -> None:
    """Killed, damaged and resumed again and again; `pytest --soak-seconds 300` for longer."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}: repeat with python -m tests.soak --seed {seed} --trials 60")
    work = Path(tempfile.mkdtemp(prefix="soak-"))  # stays where something is wrong
    tally = soak(work, seed=seed, seconds=soak_seconds)
    assert tally.trials >= 20
    print(tally.describe())
    shutil.rmtree(work)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_in_the_package_is_seen_by_the_checker(
    mistake: str, tmp_path: Path, soak_seconds: float
) -> None:
    """The red control: a package that does so does not pass."""
    if mistake not in QUICK and soak_seconds < 60:
        pytest.skip("with --soak-seconds 60 and more")
    storm = Storm(tmp_path / "storm", 0, num_trials=30, mistake=mistake)
    with pytest.raises(SoakError) as caught:
        storm.run(Tally())
    assert "the driver" not in str(caught.value), "the package itself saw it, not the checker"
