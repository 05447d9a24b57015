"""README.md and the guide, followed word by word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import REPOSITORY, Block, follow_page, list_commands, read_blocks

FOLLOWED = ("README.md", "docs/guide.md", "CONTRIBUTING.md")
PAGES = sorted(
    str(path.relative_to(REPOSITORY))
    for path in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
)

# The sweep of README.md at a size for tests; everything else in the file stays.
SMALLER = {"trials: 20": "trials: 3", "epochs: 20": "epochs: 4", "min_epochs: 3": "min_epochs: 1"}


def test_readme_is_followed_from_run_to_load(tmp_path: Path) -> None:
    """All commands and programs of README.md work in the order in which they stand."""
    copy_space("digits", tmp_path / "search_spaces")
    printed = follow_page("README.md", tmp_path)
    assert (tmp_path / "results/digits/bundle/model.keras").is_file()
    assert "val_accuracy" in printed


def test_readme_space_file_is_one(tmp_path: Path) -> None:
    """The space file that README.md shows has no mistake."""
    copy_space("digits", tmp_path)
    (shown,) = [block for block in read_blocks("README.md") if block.language == "yaml"]
    check_space(shown, tmp_path)


def test_readme_names_both_commands_exactly() -> None:
    """The two commands of a stranger: run the sweep, run the tests."""
    blocks = [block.text.strip() for block in read_blocks("README.md")]
    assert "pip install uv && uv run python -m sweeps run search_spaces/digits.yaml" in blocks
    assert "uv run --extra dev pytest -n auto" in blocks


def test_guide_is_followed_from_model_to_prediction(tmp_path: Path) -> None:
    """All files, commands and programs of the guide work in an empty folder."""
    follow_page("docs/guide.md", tmp_path)
    assert (tmp_path / "results/spirals/bundle/model.keras").is_file()


def test_space_file_reference_example_is_one(tmp_path: Path) -> None:
    """The example at the top of the reference of the space file has no mistake."""
    copy_space("digits", tmp_path)
    shown = next(b for b in read_blocks("docs/reference/space-file.md") if b.language == "yaml")
    check_space(shown, tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_page_every_block_is_executed_or_says_why_not(page: str) -> None:
    """No code is shown that nobody executes."""
    for block in read_blocks(page):
        assert block.language in {"sh", "python", "yaml", "text", "json"}, block.place
        if block.marker == "" and list_commands(block):
            assert page in FOLLOWED, f"{block.place}: follow it in a test, or mark it."
        assert block.marker in {"", "file", "menu", "not executed"}, block.place


@pytest.mark.parametrize("page", PAGES)
def test_page_links_lead_somewhere(page: str) -> None:
    """Every link to a file of this repository finds it."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    folder = (REPOSITORY / page).parent
    links = re.findall(r"\]\((?!https?://)([^)#]+)", text)
    missing = [link for link in links if not (folder / link).exists()]
    assert not missing, f"{page}: {missing}: no such file."


def check_space(block: Block, folder: Path) -> None:
    """Have a space file checked for mistakes, without building its model."""
    import sweeps

    (folder / "shown.yaml").write_text(block.text, encoding="utf-8")
    sweeps.check(folder / "shown.yaml", build=False)


def copy_space(name: str, folder: Path) -> None:
    """Copy a space of the repository with its model and data, smaller than it is."""
    folder.mkdir(exist_ok=True)
    for suffix in (".yaml", "_model.py", ".npz"):
        source = REPOSITORY / "search_spaces" / f"{name}{suffix}"
        (folder / source.name).write_bytes(source.read_bytes())
    path = folder / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    for usual, smaller in SMALLER.items():
        assert usual in text, f"{path.name}: {usual!r} is gone; adapt SMALLER."
        text = text.replace(usual, smaller)
    path.write_text(text, encoding="utf-8")
