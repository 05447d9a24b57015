"""Tests of `sweeps.worker.discovery`: the driver's side, with processes that are played."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sweeps.spec.builds import Build, ModelSize, build_to_json
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter
from sweeps.worker.discovery import discover
from sweeps.worker.messages import Ask, Message
from sweeps.worker.outcomes import Death
from sweeps.worker.run_task import TaskLimits

KIND = Parameter("kind", "categorical", choices=("a", "b", "c"), default="a")
SPEC = SweepSpec(
    name="a",
    model="m.py:build",
    data="m.py:load",
    objective={"metric": "val_loss", "direction": "minimize"},
)

Builder = Callable[[Mapping[str, Any]], Build | Death]


class Processes:
    """Plays processes that build; one that gives a `Death` is gone."""

    def __init__(self, build: Builder, start: Callable[[], None] = lambda: None) -> None:
        self.build = build
        self.start = start
        self.started = 0
        self.requests: list[Message] = []

    def __call__(
        self, request: Mapping[str, Any], answer: Ask, *, limits: TaskLimits
    ) -> Message | Death:
        assert request["task"] == "discover"
        self.started += 1
        self.start()
        answer({"kind": "begin"})
        told = None
        while (wanted := answer({"kind": "built", "build": told})["request"]) is not None:
            self.requests.append(wanted)
            built = self.build(wanted)
            if isinstance(built, Death):
                return built
            told = build_to_json(built)
        return {}


def build(wanted: Mapping[str, Any]) -> Build:
    kind = wanted["answers"].get("kind", "a")
    return Build({"kind": kind}, (KIND,), size=ModelSize({"a": 10, "b": 30, "c": 5}[kind]))


def test_discover_gives_space_and_sizes() -> None:
    """All builds take one process; the smallest and largest of them are told."""
    processes = Processes(build)
    found = discover(processes, SPEC, threads=1)
    assert processes.started == 1
    assert found.space.parameters == (KIND,)
    assert (found.default, found.smallest, found.largest) == tuple(map(ModelSize, (10, 5, 30)))
    assert (found.is_built, found.cut, found.failures) == (True, "", ())
    assert found.num_builds == len(processes.requests)


def test_discover_constraints_decide_what_is_largest() -> None:
    """A model that no trial will be is not the largest one."""
    spec = SPEC.model_copy(update={"constraints": ("kind != 'b'",)})
    assert discover(Processes(build), spec, threads=1).largest == ModelSize(10)


def test_discover_goes_on_in_another_process_after_a_death() -> None:
    """Code that kills its process costs one build, and it is said which."""

    def deadly(wanted: Mapping[str, Any]) -> Build | Death:
        if wanted["answers"].get("kind") == "b":
            return Death(-signal.SIGSEGV)
        return build(wanted)

    processes = Processes(deadly)
    found = discover(processes, SPEC, threads=1)
    assert processes.started == 2
    assert found.smallest == ModelSize(5)
    assert found.space.parameters == (KIND,)
    [failure] = found.failures
    assert failure.startswith("kind = b: crashed with SIGSEGV.")


def test_discover_ends_where_not_even_the_default_can_be_built() -> None:
    """The inspection says why; trying on would find nothing."""
    processes = Processes(lambda _: Death(5))
    found = discover(processes, SPEC, threads=1)
    assert processes.started == 1
    assert (found.is_built, found.num_builds) == (False, 1)


def test_discover_ends_with_the_server_of_processes() -> None:
    """A death that nobody knows more of is no failure of one build."""
    answers: Iterator[Build | Death] = iter([build({"answers": {}}), Death(None)])
    processes = Processes(lambda _: next(answers))
    assert discover(processes, SPEC, threads=1).num_builds == 1


def test_discover_stops_when_its_time_is_up_but_builds_twice() -> None:
    """Two builds are the least: they show whether build does the same each time."""
    seconds = iter(range(0, 10_000, 7))
    processes = Processes(build)
    found = discover(processes, SPEC, threads=1, max_seconds=10, clock=lambda: next(seconds))
    assert found.num_builds == 2
    assert found.cut == "stopped after the time for it was up"


def test_discover_time_begins_with_the_process_that_builds() -> None:
    """Keras may take long to import; what is found does not depend on how busy the machine is."""
    times = {"now": 0.0}
    processes = Processes(build, start=lambda: times.update(now=60.0))
    found = discover(processes, SPEC, threads=1, max_seconds=30, clock=lambda: times["now"])
    assert (found.cut, found.smallest) == ("", ModelSize(5))


def test_discover_build_that_hangs_is_given_little_time() -> None:
    """Once a default build took a second, ten are enough for any other."""
    times = {"now": 0.0}

    def slow(wanted: Mapping[str, Any]) -> Build:
        times["now"] += 1.0
        return build(wanted)

    processes = Processes(slow)
    discover(processes, SPEC, threads=1, clock=lambda: times["now"])
    assert [wanted["seconds"] for wanted in processes.requests[:2]] == [30.0, 10.0]
