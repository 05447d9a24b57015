"""Our `hp` against the installed KerasTuner: the same programs, the same answers.

Programs are lists of steps that hypothesis draws; each step is what a user may write in `build`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sweeps.search.space import decode, encode, from_unit, to_distribution
from sweeps.spec.builds import Build
from sweeps.spec.conditions import is_active
from sweeps.spec.exploration import Explorer
from sweeps.spec.known_space import KnownSpace, merge_space
from sweeps.spec.model import SweepSpec
from sweeps.spec.parameters import Parameter, contains, default_of, value_at, values_of
from sweeps.training.discover import RecordingHyperParameters, Request
from sweeps.training.hyperparameters import AskingHyperParameters, to_parameter

NAMES = st.sampled_from(["a", "b", "c", "d"])
WORDS, INTS, FLOATS = ["x", "y", "z"], [1, 2, 3], [0.5, 1.0, 2.0]
quick = settings(max_examples=200, deadline=None)

Hp = keras_tuner.HyperParameters
Trace = list[tuple[str, object]]


@dataclass(frozen=True)
class Declare:
    """``hp.Int("a", 1, 3)``, with a parent or without."""

    kind: str
    name: str
    arguments: dict[str, Any]

    def run(self, hp: Hp, trace: Trace) -> None:
        with noting(trace, self.name):
            value = getattr(hp, self.kind)(self.name, **self.arguments)
            trace.append((self.name, (type(value).__name__, value)))


@dataclass(frozen=True)
class Read:
    """``hp.get("a")``, ``hp["a"]`` or ``"a" in hp``."""

    how: str
    name: str

    def run(self, hp: Hp, trace: Trace) -> None:
        ways: dict[str, Callable[[], Any]] = {
            "get": lambda: hp.get(self.name),
            "[]": lambda: hp[self.name],
            "in": lambda: self.name in hp,
        }
        with noting(trace, self.how):
            trace.append((self.how, ways[self.how]()))


@dataclass(frozen=True)
class Scope:
    """``with hp.conditional_scope("a", [1]):`` or ``with hp.name_scope("n"):`` and its body."""

    name: str
    values: list[Any] | None
    steps: tuple[Any, ...]

    def run(self, hp: Hp, trace: Trace) -> None:
        scope = (
            hp.name_scope(self.name)
            if self.values is None
            else hp.conditional_scope(self.name, self.values)
        )
        with noting(trace, self.name), scope:
            run_steps(hp, self.steps, trace)


Steps = Sequence[Declare | Read | Scope]


@contextlib.contextmanager
def noting(trace: Trace, what: str) -> Iterator[None]:
    """Let an exception be part of what happened, and go on."""
    try:
        yield
    except Exception as error:
        trace.append((what, (type(error).__name__, str(error))))


def run_steps(hp: Hp, steps: Steps, trace: Trace | None = None) -> Trace:
    trace = [] if trace is None else trace
    for step in steps:
        step.run(hp, trace)
    return trace


@st.composite
def numbers(draw: Any, kind: str) -> dict[str, Any]:
    whole = kind == "Int"
    scale = 1 if whole else draw(st.sampled_from([1.0, 0.1, 0.25]))
    low = draw(st.integers(-2, 8))
    high = low + draw(st.integers(-1, 12))
    step = draw(st.sampled_from([None, None, 1, 2, 3, 1.5] if not whole else [None, None, 1, 2, 3]))
    sampling = draw(st.sampled_from(["linear", "linear", "log", "reverse_log", "LOG", None, "no"]))
    arguments: dict[str, Any] = {"min_value": low * scale, "max_value": high * scale}
    if step is not None:
        arguments["step"] = step * scale if sampling in ("linear", None) else step
    if sampling != "linear":
        arguments["sampling"] = sampling
    if draw(st.booleans()):
        arguments["default"] = low * scale
    return arguments


@st.composite
def choices(draw: Any) -> dict[str, Any]:
    values = draw(st.sampled_from([WORDS, INTS, FLOATS, [True, False], ["x"], [1, "x"], []]))
    arguments: dict[str, Any] = {"values": values}
    if draw(st.booleans()):
        arguments["default"] = draw(st.sampled_from([*values, None, "missing"]))
    if draw(st.integers(0, 4)) == 0:
        arguments["ordered"] = draw(st.booleans())
    return arguments


@st.composite
def declarations(draw: Any) -> Declare:
    kind = draw(st.sampled_from(["Int", "Float", "Choice", "Choice", "Boolean", "Fixed"]))
    if kind in ("Int", "Float"):
        arguments = draw(numbers(kind))
    elif kind == "Choice":
        arguments = draw(choices())
    elif kind == "Boolean":
        arguments = draw(st.sampled_from([{}, {"default": True}]))
    else:
        arguments = {"value": draw(st.sampled_from([3, 0.5, "x", True, None]))}
    if draw(st.integers(0, 3)) == 0:
        arguments = {**arguments, "parent_name": draw(NAMES), "parent_values": draw(parent_values)}
    return Declare(kind, draw(NAMES), arguments)


parent_values = st.sampled_from(
    [["x"], ["x", "y"], [1], [1, 2], [0.5], [True], [False], "x", 1, [3], [None]]
)
reads = st.builds(Read, st.sampled_from(["get", "[]", "in"]), NAMES)


def programs(*, with_reads: bool = True) -> st.SearchStrategy[list[Any]]:
    leaf = st.one_of(declarations(), reads) if with_reads else declarations()

    def nest(inner: Any) -> Any:
        bodies = st.lists(inner, min_size=1, max_size=3).map(tuple)
        conditional = st.builds(Scope, NAMES, parent_values, bodies)
        named = st.builds(Scope, st.sampled_from(["n", "m"]), st.none(), bodies)
        return st.one_of(inner, conditional, named)

    return st.lists(st.recursive(leaf, nest, max_leaves=4), min_size=1, max_size=8)


def make_theirs(values: Mapping[str, Any]) -> Hp:
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def ours_asking(values: Mapping[str, Any]) -> Hp:
    return AskingHyperParameters(default_of, values)


def ours_recording(values: Mapping[str, Any]) -> Hp:
    return RecordingHyperParameters(Request(values, {}, "default", 1.0))


both = pytest.mark.parametrize("make_ours", [ours_asking, ours_recording])
file_values = st.dictionaries(
    st.sampled_from(["a", "b", "c", "n/a", "m/b"]), st.sampled_from([*WORDS, *INTS, *FLOATS, True])
)


@both
@given(steps=programs(), values=file_values)
@quick
def test_hp_does_what_keras_tuners_does(
    make_ours: Callable[[Mapping[str, Any]], Hp], steps: Steps, values: Mapping[str, Any]
) -> None:
    """Same values returned, same exceptions, same `values`, same space, same scopes entered."""
    ours, theirs = make_ours(values), make_theirs(values)
    assert run_steps(ours, steps) == run_steps(theirs, steps)
    assert dict(ours.values) == theirs.values
    assert ours.get_config() == theirs.get_config()
    assert ours.active_scopes == theirs.active_scopes
    assert ours.inactive_scopes == theirs.inactive_scopes


@given(steps=programs(with_reads=False), shares=st.lists(st.floats(0, 0.999), min_size=8))
@quick
def test_hp_answers_are_what_keras_tuner_would_return(steps: Steps, shares: list[float]) -> None:
    """A build with proposed values is KerasTuner's build with these values, types included."""
    asked: list[Parameter] = []

    def ask(parameter: Parameter) -> Any:
        asked.append(parameter)
        return propose(parameter, shares[len(asked) % len(shares)])

    ours = AskingHyperParameters(ask, {})
    trace = run_steps(ours, steps)
    theirs = make_theirs(ours.values)
    assert run_steps(theirs, steps) == trace
    assert theirs.get_config() == ours.get_config()


def propose(parameter: Parameter, share: float) -> Any:
    """Draw a value as our samplers do: a code of Optuna's distribution, decoded."""
    if parameter.type == "fixed":
        return parameter.value
    return decode(parameter, from_unit(to_distribution(parameter), share))


@given(declared=declarations(), share=st.floats(0, 0.999))
@quick
def test_proposals_are_values_that_keras_tuner_could_draw(declared: Declare, share: float) -> None:
    """Inside the bounds, on a step, of the right type; and each of KerasTuner's values is ours."""
    hp = keras_tuner.HyperParameters()
    arguments = {
        key: value for key, value in declared.arguments.items() if not key.startswith("parent")
    }
    with contextlib.suppress(ValueError, TypeError):
        getattr(hp, declared.kind)("a", **arguments)
    assume(hp.space)
    [theirs] = hp.space
    parameter = to_parameter(theirs)
    value = propose(parameter, share)
    assert_possible(theirs, value)
    assert contains(parameter, value)
    for drawn in [theirs.random_sample(seed) for seed in range(5)]:
        assert contains(parameter, drawn), (parameter, drawn)
        again = drawn if parameter.type == "fixed" else decode(parameter, encode(parameter, drawn))
        assert type(again) is type(drawn)
        assert again == pytest.approx(drawn) if isinstance(drawn, float) else again == drawn


def assert_possible(theirs: Any, value: Any) -> None:
    """Check a value against a hyperparameter of KerasTuner."""
    drawn = theirs.random_sample(0)
    assert type(value) is type(drawn)
    if not hasattr(theirs, "step"):
        assert value in list(theirs.values)
    elif theirs.step is None:
        assert theirs.min_value <= value <= theirs.max_value
    else:
        listed = list(theirs.values)
        # KerasTuner's documentation includes `max_value` ("The possible values are [0, 0.2, ...,
        # 1.0]"), but 1.0 // 0.2 is 4.0 in floating point, so that its code stops at 0.8.
        if theirs.sampling == "linear":
            listed.append(listed[-1] + theirs.step)
        assert value <= theirs.max_value
        assert any(math.isclose(value, one, rel_tol=1e-9, abs_tol=1e-12) for one in listed)
        if isinstance(value, int):
            assert value in [int(one) for one in listed]


def explore(steps: Steps) -> KnownSpace:
    """Find the space of a program as preflight does."""
    spec = SweepSpec(
        name="a",
        model="m.py:build",
        data="m.py:load",
        objective={"metric": "val_loss", "direction": "minimize"},
    )
    explorer = Explorer(spec)
    while (attempt := explorer.next()) is not None:
        request = Request(explorer.values_for(attempt), attempt.answers, attempt.numbers, 1.0)
        hp = RecordingHyperParameters(request)
        run_steps(hp, steps)
        inactive = tuple(each.when for each in hp.declared if each.when)
        explorer.note(attempt, Build(dict(hp.values), tuple(hp.declared), inactive))
    return merge_space(spec, explorer.builds)


@given(
    steps=programs(with_reads=False), shares=st.lists(st.floats(0, 0.999), min_size=4, max_size=4)
)
@quick
def test_discovered_space_is_active_where_keras_tuner_says(
    steps: Steps, shares: list[float]
) -> None:
    """What is proposed beforehand is what KerasTuner takes for active, and all of it."""
    space = explore(steps)
    assume(not space.problems)
    values: dict[str, Any] = {}
    for index, parameter in enumerate(space.parameters):
        if is_active(parameter, values):
            values[parameter.name] = propose(parameter, shares[index % 4])
    theirs = make_theirs(values)
    run_steps(theirs, steps)
    joint = {parameter.name for parameter in space.parameters}
    active = {hp.name for hp in theirs.space if theirs.is_active(hp)}
    assert values.keys() == joint & active
    if space.is_whole:
        assert values == theirs.values


def test_values_of_a_declaration_are_those_of_keras_tuners_documentation() -> None:
    """The examples of its docstrings, word for word."""
    hp = keras_tuner.HyperParameters()
    hp.Int("a", 6, 12)
    hp.Int("b", 6, 13, step=3)
    hp.Int("c", 2, 32, step=2, sampling="log")
    hp.Float("d", 0, 1, step=0.2)
    hp.Float("e", 0.001, 10, step=10, sampling="log")
    listed = [values_of(to_parameter(each)) for each in hp.space]
    assert listed[:3] == [(6, 7, 8, 9, 10, 11, 12), (6, 9, 12), (2, 4, 8, 16, 32)]
    assert listed[3] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert listed[4] == pytest.approx([0.001, 0.01, 0.1, 1, 10])
    assert value_at(to_parameter(hp.space[3]), 5) == 1.0
