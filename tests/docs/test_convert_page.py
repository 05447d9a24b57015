"""The page about converting names every format, and what it shows works."""

from __future__ import annotations

import re

from sweeps.converters import CONVERTERS
from tests.docs.blocks import REPOSITORY

PAGE = (REPOSITORY / "docs/reference/convert.md").read_text(encoding="utf-8")


def test_convert_page_has_a_heading_for_every_format() -> None:
    """Every name that --from takes is documented, in the order of the menu."""
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == list(CONVERTERS)


def test_convert_page_names_what_a_distribution_becomes() -> None:
    """Each distribution of W&B is in the table, by its own name or that of its family."""
    from sweeps.converters.wandb import READERS

    plain = {"constant", "categorical", "categorical_w_probabilities", "int_uniform", "uniform"}
    families = {name.removeprefix("q_") for name in READERS} - plain
    assert [name for name in sorted(families) if f"`{name}`" not in PAGE] == []


def test_convert_page_names_every_algorithm_and_searcher() -> None:
    """So are Katib's algorithms and Determined's searchers that are still in use."""
    from sweeps.converters.determined import SEARCHERS
    from sweeps.converters.katib import ALGORITHMS

    old = {"async_halving", "adaptive", "adaptive_simple"}
    names = [*ALGORITHMS, *(set(SEARCHERS) - old)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
