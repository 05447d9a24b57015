"""Tests of derived seeds."""

from __future__ import annotations

from sweeps.search.seeds import derive_seed


def test_derive_seed_same_parts_is_the_same_number_for_ever():
    """A seed is part of a sweep's identity: it must not change with versions or machines."""
    assert derive_seed(0, "propose", 7) == 1239879651
    assert derive_seed(1, "propose", 7) == 3229533508


def test_derive_seed_number_and_text_and_grouping_differ():
    """Parts are told apart by type and by position."""
    seeds = {derive_seed(0, 7), derive_seed(0, "7"), derive_seed(0, 1, 23), derive_seed(0, 12, 3)}
    assert len(seeds) == 4
