"""Tests of `sweeps.menu`."""

from __future__ import annotations

import sys

import pytest

from sweeps.menu import Menu, suggest_name

MENU = Menu("writer", {"json": "json:dumps", "table": "tabnanny:check", "gone": "json:nothing"})


def test_menu_is_a_mapping_in_the_order_given() -> None:
    """Help and documentation list members as the room does."""
    assert list(MENU) == ["json", "table", "gone"]
    assert (len(MENU), MENU["json"], "yaml" in MENU) == (3, "json:dumps", False)


def test_menu_load_imports_only_what_is_chosen() -> None:
    """A member nobody asks for costs no import."""
    sys.modules.pop("tabnanny", None)
    assert MENU.load("json")([1]) == "[1]"
    assert "tabnanny" not in sys.modules


def test_menu_load_of_an_unknown_member_lists_all() -> None:
    """The message says what there is, and what was probably meant."""
    with pytest.raises(KeyError) as caught:
        MENU.load("jsno")
    assert caught.value.args[0] == (
        "got 'jsno'; expected one of json, table, gone. Did you mean 'json'?"
    )


def test_menu_load_of_a_member_that_is_not_there_is_a_bug_of_the_room() -> None:
    """A wrong target is an AttributeError, not an unknown name."""
    with pytest.raises(AttributeError, match="nothing"):
        MENU.load("gone")


def test_suggest_name_says_nothing_where_nothing_is_close() -> None:
    """A far-fetched suggestion would mislead."""
    assert suggest_name("xyz", ["median", "asha"]) == ""
    assert suggest_name("medain", ["median", "asha"]) == " Did you mean 'median'?"
    assert suggest_name("a", []) == ""
