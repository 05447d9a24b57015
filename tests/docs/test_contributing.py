"""CONTRIBUTING.md's "add a pruner in five minutes", done in a copy of the repository."""

from __future__ import annotations

from pathlib import Path

from tests.docs.blocks import copy_repository, follow_page


def test_add_a_pruner_steps_work_word_by_word(tmp_path: Path) -> None:
    """Who follows the steps has a pruner that is documented, keeps the contract and is accepted."""
    folder = copy_repository(tmp_path)
    before = (folder / "docs/reference/pruners.md").read_text(encoding="utf-8")
    follow_page("CONTRIBUTING.md", folder)
    after = (folder / "docs/reference/pruners.md").read_text(encoding="utf-8")
    assert "### patient_median" not in before
    assert "### patient_median" in after
