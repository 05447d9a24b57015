"""Tests of `sweeps.worker.devices`: no GPU is needed to lend one."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import OptionError
from sweeps.spec.model import Resources
from sweeps.worker.devices import Devices, choose_devices, lend_to
from sweeps.worker.run_task import TaskLimits

VARIABLE = "CUDA_VISIBLE_DEVICES"


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    """Make the device files of a machine with three GPUs."""
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("gpus", "visible", "chosen"),
    [
        ("auto", None, ("0", "1", "2")),
        ("auto", "2, 0", ("2", "0")),
        ("auto", "1,-1,2", ("1",)),
        ("auto", "", ()),
        (0, None, ()),
        (2, None, ("0", "1")),
        (1, "GPU-8f,2", ("GPU-8f",)),
        ([2, 1], None, ("2", "1")),
        (["GPU-8f"], None, ("GPU-8f",)),
        ([2], "0,2", ("2",)),
    ],
)
def test_choose_devices(nodes: Path, gpus: Any, visible: str | None, chosen: Any) -> None:
    """A number takes the first of what is visible, a list names some of it."""
    environment = {} if visible is None else {VARIABLE: visible}
    assert choose_devices(Resources(gpus=gpus), environment, nodes) == chosen


@pytest.mark.parametrize(
    ("gpus", "visible", "message"),
    [
        (4, None, "got 4, but 3 GPUs are visible here"),
        (1, "-1", "got 1, but no GPU is visible here"),
        ([3], None, "got 3, but 3 GPUs are visible here: 0, 1, 2"),
        ([0], "1", "got 0, but 1 GPU is visible here: 1"),
        (["GPU-8f"], "", "got GPU-8f, but no GPU is visible here: none"),
    ],
)
def test_choose_devices_that_are_not_there(
    nodes: Path, gpus: Any, visible: str | None, message: str
) -> None:
    """A wish that cannot be met is a mistake, found before any trial."""
    environment = {} if visible is None else {VARIABLE: visible}
    with pytest.raises(OptionError, match=message):
        choose_devices(Resources(gpus=gpus), environment, nodes)


def test_devices_give_each_trial_the_emptiest() -> None:
    """Two trials on two GPUs have one each, four share them evenly."""
    devices = Devices(["a", "b"], 2)
    assert devices.num_slots == 4
    with contextlib.ExitStack() as stack:
        lent = [stack.enter_context(devices.lend()) for _ in range(4)]
        assert lent == ["a", "b", "a", "b"]


def test_devices_are_never_lent_beyond_the_share() -> None:
    """More workers than slots wait; what a failed trial had is free again."""
    devices, lock = Devices(["a", "b", "c"], 2), threading.Lock()
    held: Counter[str | None] = Counter()
    most: Counter[str | None] = Counter()

    def work(seed: int) -> None:
        for _ in range(20):
            with contextlib.suppress(ValueError), devices.lend() as name:
                with lock:
                    held[name] += 1
                    most[name] = max(most[name], held[name])
                time.sleep(random.Random(seed).random() / 1000)
                with lock:
                    held[name] -= 1
                raise ValueError

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == {"a": 2, "b": 2, "c": 2}
    assert +held == {}


@pytest.mark.parametrize(
    ("devices", "request_of_child"),
    [
        (Devices(["GPU-8f"]), {"task": "t", "device": "GPU-8f"}),
        (Devices([], other=""), {"task": "t", "device": ""}),
        (Devices([]), {"task": "t"}),
    ],
)
def test_request_carries_the_device(devices: Devices, request_of_child: dict[str, str]) -> None:
    """A task hears which GPU is its own, with its limits as they were."""
    heard: list[Any] = []

    def run_task(request: Any, answer: Any, **limits: Any) -> Any:
        heard.append((request, limits))
        return {}

    lend_to(run_task, devices)({"task": "t"}, lambda _: {}, limits=TaskLimits(3.0))
    assert heard == [(request_of_child, {"limits": TaskLimits(3.0)})]
