"""However a sweep ends, nothing of it is left: no process, no file elsewhere, no semaphore."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from sweeps.engines.local import LocalEngine
from sweeps.worker.events import EpochReported, Event, Notice, ignore_events
from sweeps.worker.process_tree import list_children
from tests.conftest import FAKES
from tests.processes import MARK, find_marked, find_marked_after
from tests.test_fencing import run_with

SPACE = """
name: hostile
model: hostile_model.py:build
data: hostile_model.py:load
objective: {metric: val_accuracy, direction: maximize}
parameters:
  learning_rate: {type: float, low: 1e-3, high: 1e-1, log: true}
  kind: wide
  units: 8
sampler: random
pruner: none
"""


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """Mark every process that is started from here on."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    return mark


def write_space(
    folder: Path, plan: list[str], epochs: int = 2
) -> tuple[Path, list[dict[str, float]]]:
    """Write the space file of trials that do what is planned; gives their queue, too."""
    folder.mkdir()
    for name in ("hostile_model.py", "tiny_model.py"):
        shutil.copy(FAKES / name, folder)
    (folder / "litter").mkdir()
    (folder / "plan.json").write_text(json.dumps(plan))
    space = folder / "space.yaml"
    training = f"training: {{epochs: {epochs}, batch_size: 16}}\n"
    space.write_text(f"{SPACE}{training}limits: {{trials: {len(plan)}, workers: 2}}\n")
    return space, [{"learning_rate": 0.02 + 0.001 * number} for number in range(len(plan))]


def kill(driver: subprocess.Popen[bytes]) -> None:
    driver.kill()


def interrupt(driver: subprocess.Popen[bytes]) -> None:
    driver.send_signal(signal.SIGINT)


def interrupt_twice(driver: subprocess.Popen[bytes]) -> None:
    driver.send_signal(signal.SIGINT)
    time.sleep(0.2)
    driver.send_signal(signal.SIGINT)


DRIVER = """
import json, sys, sweeps
sweeps.run(sys.argv[1], results=sys.argv[2], enqueue=json.loads(sys.argv[3]))
"""


@pytest.mark.parametrize(
    ("fault", "end", "status"),
    [
        ("leave_children_and_wait", kill, -signal.SIGKILL),
        ("leave_children_and_wait", interrupt_twice, 130),
        ("leave_children", interrupt, 0),  # of a Python program that asks for no report
    ],
)
def test_driver_that_ends_takes_along_what_its_trials_have_left(
    tmp_path: Path, mark: str, fault: str, end: Any, status: int
) -> None:
    """Children in sessions of their own, orphans of dead parents: all gone within 2 s."""
    space, queue = write_space(tmp_path / "code", [fault] * 4, epochs=100_000)
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(space), str(tmp_path), json.dumps(queue)]
    ) as driver:
        wait_for_children(driver, mark)
        end(driver)
        assert driver.wait(60 if end is interrupt else 5) == status
    assert find_marked_after(mark, 2) == []
    begun = sorted(path.name for path in (tmp_path / "hostile/trials").iterdir())
    assert begun == ["0000", "0001"]


def wait_for_children(driver: subprocess.Popen[bytes], mark: str) -> None:
    """Wait until both trials have left all their children, three each."""
    deadline = time.monotonic() + 120
    while sum("sleep 1000" in each for each in find_marked(mark)) < 6:
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_driver_killed_while_keras_is_imported_takes_the_server_along(mark: str) -> None:
    """The server does not look up while it imports; the kernel ends it."""
    script = "import time; from sweeps.worker.fork_server import ForkServer as F; f = F()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script + "time.sleep(1); print(1, flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
    ) as driver:
        assert driver.stdout is not None
        driver.stdout.readline()
        assert len(find_marked(mark)) == 2
        driver.kill()
    assert find_marked_after(mark, 2) == []


def test_killed_fork_server_is_started_again_and_trials_go_on(
    tmp_path: Path,
    mark: str,
    local_engine: LocalEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its trials are lost, not failed, and end as if nothing had been; their children are gone."""
    plan = ["leave_children", "nothing", "leave_children"]
    space, queue = write_space(tmp_path / "code", plan, epochs=100)
    undisturbed = run_with(
        local_engine, space, tmp_path / "whole", monkeypatch, ignore_events, enqueue=queue
    )
    engine = LocalEngine()
    first = engine._server
    assert first is not None
    notices: list[str] = []
    left: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, EpochReported) and event.number == 0 and not left:
            left.extend(find_marked(mark))
            os.kill(first.pid, signal.SIGKILL)
        if isinstance(event, Notice):
            notices.append(event.text)

    report = run_with(engine, space, tmp_path / "cut", monkeypatch, watch, enqueue=queue)
    assert sum("sleep 1000" in each for each in left) == 3
    assert report.stopped == ""
    assert report.to_rows() == undisturbed.to_rows()
    assert [trial.state for trial in report.trials] == ["complete"] * 3
    assert report.trials[0].attempt == 2
    told = "trial 0000: lost: the process that forks trials died. It goes on in attempt 2."
    assert told in notices
    second = engine._server
    assert second is not None
    assert second is not first
    (data_server,) = list_children(second.pid)
    assert list_children(data_server) == []
    engine.close()
    assert find_marked_after(mark, 2) == []


STARTS = """
import glob, os, sys, threading
import sweeps
from sweeps.engines.local import LocalEngine
from sweeps.preflight import load_space
from sweeps.spec.model import spec_to_json
from tests.soak.stub_training import replace_keras

def list_own():
    files = os.listdir("/proc/self/fd")
    children = "".join(map(read, glob.glob("/proc/self/task/*/children")))
    return len(files), threading.active_count(), children

def read(path):
    try:
        return open(path).read()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # a thread is there a moment longer for the kernel than for Python

def work(task):
    engine = LocalEngine()
    if task:
        engine.run_task(task, lambda message: {"spec": spec_to_json(spec), "values": {}})
    engine.close()

spec = load_space(sys.argv[2], ())
work({})
before = list_own()
for _ in range(10):  # ends while it is still importing
    work({})
restore_keras = replace_keras()
for _ in range(50):
    work({"task": "inspect_data", "threads": 1})
restore_keras()
for _ in range(int(sys.argv[1])):
    work({"task": "inspect_data", "threads": 1})
sweeps.run(sys.argv[2], results=sys.argv[3])
assert list_own() == before, (list_own(), before)
"""


def test_starts_and_ends_leave_nothing(
    tmp_path: Path, mark: str, request: pytest.FixtureRequest
) -> None:
    """No process, zombie, thread or descriptor, no file anywhere, no semaphore.

    Fifty of the starts have a stub in the place of Keras, whose import costs seconds, and one is
    whole; before a release run ``pytest tests/test_orphans.py --starts 50``.
    """
    space, _ = write_space(tmp_path / "code", ["nothing"])
    places = {name: tmp_path / name for name in ("home", "tmp", "cwd")}
    for place in places.values():
        place.mkdir()
    shared = set(Path("/dev/shm").iterdir())
    starts = request.config.getoption("--starts")
    subprocess.run(
        [sys.executable, "-c", STARTS, str(starts), str(space), str(tmp_path / "results")],
        cwd=places["cwd"],
        env={
            **os.environ,
            "HOME": str(places["home"]),
            "TMPDIR": str(places["tmp"]),
            "PYTHONPATH": str(FAKES.parents[1]),
        },
        check=True,
    )
    assert find_marked(mark) == []
    left = [
        str(path.relative_to(tmp_path)) for place in places.values() for path in place.rglob("*")
    ]
    # Keras writes its defaults where there are none, whoever imports it.
    assert set(left) <= {"home/.keras", "home/.keras/keras.json"}
    assert set(Path("/dev/shm").iterdir()) <= shared
