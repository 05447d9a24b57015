"""Random faults over whole sweeps: nothing is lost, duplicated, invented or reordered."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.soak.driver import MISTAKES
from tests.soak.storm import SoakError, Storm, Tally, soak

SEEN = {
    "drop reports": ", but is None",
    "change reports": ", which nobody has reported",
    "forget attempts": "began, but it is in 0",
    "delete the leader's checkpoint": "the leader's .*keras is gone or damaged",
    "keep records back": "but is None|but it is |is lost",
}
"""What the checker says of each mistake."""


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
def test_mistake_in_the_package_is_seen_by_the_checker(mistake: str, tmp_path: Path) -> None:
    """The red control: a package that does so does not pass."""
    storm = Storm(tmp_path / "storm", 0, num_trials=30, mistake=mistake)
    with pytest.raises(SoakError) as caught:
        storm.run(Tally())
    told = str(caught.value)
    assert "the driver" not in told, "the package itself saw it, not the checker"
    assert re.search(SEEN[mistake], told)
