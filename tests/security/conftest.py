"""One trained sweep for all tests of this folder, looked at while it trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

import sweeps
from sweeps.worker.events import EpochReported
from tests.conftest import FAKES, use_engine
from tests.security.clone import CloneRun, run_in_clone
from tests.security.sockets import find_descendants, find_listening

SPACE = f"""
name: tiny
model: {FAKES}/tiny_model.py:build
data: {FAKES}/tiny_model.py:load
objective: {{metric: val_accuracy, direction: maximize}}
limits: {{trials: 2, workers: 2}}
training: {{epochs: 1}}
pruner: none
"""


@dataclass
class Trained:
    """A sweep, and what was seen while it ran.

    Attributes:
        results: The folder of results that was given: a link, in which ``tiny`` is one too.
        folder: Where the sweep really lies.
        listening: Sockets on which one of its processes listened.
        num_processes: How many processes it had at the same time.
    """

    results: Path
    folder: Path
    listening: set[str] = field(default_factory=set)
    num_processes: int = 0

    def look(self, event: object) -> None:
        """Look at the sweep's processes while a trial waits for the answer to its report."""
        if isinstance(event, EpochReported):
            processes = find_descendants()
            self.listening |= find_listening(processes)
            self.num_processes = max(self.num_processes, len(processes))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, local_engine: object) -> Trained:
    """Two trials and a bundle, by way of links to the place where results are to lie."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.yaml").write_text(SPACE)
    (folder / "disk" / "elsewhere").mkdir(parents=True)
    (folder / "disk" / "tiny").symlink_to("elsewhere")
    (folder / "results").symlink_to("disk")
    trained = Trained(folder / "results", folder / "disk" / "elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        use_engine(patch, local_engine)
        sweeps.run(folder / "tiny.yaml", results=folder / "results", observer=trained.look)
    return trained


@pytest.fixture(scope="session")
def clone_run(tmp_path_factory: pytest.TempPathFactory) -> CloneRun:
    """A sweep of two trials, started by a command in a clone; one of them fails."""
    return run_in_clone(tmp_path_factory.mktemp("clone"))
