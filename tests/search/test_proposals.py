"""Tests of the order in which parameters are proposed."""

from __future__ import annotations

import pytest

from sweeps.search.parents import sort_parents_first
from sweeps.search.trials import InfeasibleSpaceError
from sweeps.spec.conditions import Condition
from sweeps.spec.parameters import Parameter


def depending(name: str, *parents: str) -> Parameter:
    return Parameter(name, "bool", when=tuple(Condition(item, "in", (True,)) for item in parents))


def test_sort_parents_first_keeps_the_given_order_where_it_can():
    """A parameter is proposed once all that its conditions name have values."""
    given = (depending("a", "c"), depending("b"), depending("c", "d"), depending("d"))
    assert [item.name for item in sort_parents_first(given)] == ["b", "d", "c", "a"]


def test_sort_parents_first_unknown_parent_does_not_hold_up():
    """A condition on what does not exist never holds; that is the condition's business."""
    given = (depending("a", "nowhere"), depending("b"))
    assert [item.name for item in sort_parents_first(given)] == ["a", "b"]


def test_sort_parents_first_circle_is_an_error():
    """Conditions in a circle are named instead of looked at for ever."""
    with pytest.raises(InfeasibleSpaceError, match=r"circle: \['a', 'b'\]"):
        sort_parents_first((depending("a", "b"), depending("b", "a")))
