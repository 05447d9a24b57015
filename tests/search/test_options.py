"""Tests of how the choice of a sampler or pruner is checked."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sweeps.errors import MissingExtraError
from sweeps.search.options import check_choice, load_options, require
from sweeps.search.samplers import SAMPLERS
from sweeps.spec.model import Choice
from tests.search.sample_sweeps import make_spec


def test_check_choice_unknown_name_says_what_was_probably_meant():
    """A typing mistake in the name is found without loading anything."""
    [(key, message)] = check_choice(SAMPLERS, Choice(name="tep"), make_spec())
    assert key == "sampler.name"
    assert message == (
        "got 'tep'; expected one of tpe, random, grid, qmc, cmaes, gp, nsga2. Did you mean 'tpe'?"
    )


def test_check_choice_lists_every_mistake_at_once():
    """All wrong options are named together, each with what was given."""
    choice = Choice(name="tpe", options={"startup_trials": -1, "candidates": "many"})
    problems = check_choice(SAMPLERS, choice, make_spec())
    assert [key for key, _ in problems] == ["sampler.startup_trials", "sampler.candidates"]
    assert problems[0][1] == "got -1; Input should be greater than or equal to 0."
    assert problems[1][1].startswith("got 'many'; ")


def test_check_choice_option_of_a_member_without_options_is_refused():
    """Random search takes nothing; it does not ignore what it is given."""
    choice = Choice(name="random", options={"seed": 1})
    expected = [("sampler.seed", "unknown option; there are no options.")]
    assert check_choice(SAMPLERS, choice, make_spec()) == expected


def test_load_options_fills_in_defaults_and_freezes():
    """What a member gets is complete and cannot change."""
    member, options = load_options(SAMPLERS, Choice(name="tpe", options={"startup_trials": 3}))
    assert member is SAMPLERS.load("tpe")
    assert options.model_dump() == {"startup_trials": 3, "candidates": 24}
    with pytest.raises(ValidationError):
        options.startup_trials = 4


def test_require_missing_package_names_package_and_extra():
    """The message holds the command; the error keeps its parts."""
    require("the sampler gp", extra="gp", packages=("json",))
    with pytest.raises(MissingExtraError, match=r"pip install 'keras-sweeps\[gp\]'") as caught:
        require("the sampler gp", extra="gp", packages=("json", "no_such_package"))
    assert (caught.value.package, caught.value.extra) == ("no_such_package", "gp")
