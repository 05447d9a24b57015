"""The reference says what the code does: generated parts are current, and nothing is missing."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from tests.docs.blocks import REPOSITORY

REFERENCE = REPOSITORY / "docs/reference"
PAGES = sorted(path.name for path in REFERENCE.glob("*.md"))
ROOMS = {
    "samplers.md": "samplers",
    "pruners.md": "pruners",
    "engines.md": "engines",
    "formats.md": "formats",
    "commands.md": "commands",
}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REPOSITORY / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_reference_generated_parts_are_current(generate: ModuleType, page: str) -> None:
    """What a page shows of the code is what the code says now."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    assert generate.renew_page(text) == text, f"{page} is behind: run python docs/generate.py"


def test_reference_part_behind_the_code_is_renewed(generate: ModuleType) -> None:
    """The comparison bites: a stale part differs from a renewed one."""
    stale = "a\n<!-- generated: section limits -->\nold\n<!-- end -->\nb"
    renewed = generate.renew_page(stale)
    assert renewed != stale
    assert "`trials`" in renewed
    assert renewed.startswith("a\n")
    assert renewed.endswith("\nb")


@pytest.mark.parametrize("page", ROOMS)
def test_reference_every_member_of_a_menu_has_a_heading(generate: ModuleType, page: str) -> None:
    """Every command and every name that a user may choose is documented."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    headings = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    assert headings == list(generate.load_menu(ROOMS[page]))


@pytest.mark.parametrize("room", ["samplers", "pruners"])
def test_reference_every_option_is_explained(generate: ModuleType, room: str) -> None:
    """An option without a description is none that a user could use."""
    menu = generate.load_menu(room)
    for name in menu:
        for key, field in menu.load(name).Options.model_fields.items():
            assert field.description, f"{room}: {name}.{key}: give its Field a description"


def test_reference_every_key_of_the_space_file_is_described() -> None:
    """Each key at the top has a heading or a row, and each key of a section has a row."""
    from sweeps.spec.aliases import SECTIONS, TOP_KEYS

    text = (REFERENCE / "space-file.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    named = [word for heading in headings for word in re.split(r" and |, ", heading)]
    for key in TOP_KEYS:
        assert key in named or f"| `{key}` |" in text, key
    for section, model in SECTIONS.items():
        part = text.partition(f"<!-- generated: section {section} -->")[2].partition("<!-- end")[0]
        for key, field in model.model_fields.items():
            assert f"| `{key}` |" in part, f"{section}.{key}"
            assert field.description, f"{section}.{key}: give it a description in spec/model.py"


def test_json_page_explains_every_field_of_the_files_of_a_trial() -> None:
    """`outcome.json` and `best.json` are for readers without this package, too."""
    from dataclasses import fields

    from sweeps.checkpoints.store import BestCheckpoint
    from sweeps.search.trials import TrialOutcome

    text = (REFERENCE / "json.md").read_text(encoding="utf-8")
    outcome, best = text.partition("outcome.json` says")[2].partition("best.json` says")[::2]
    own = {"schema", "number", "epoch", "traceback", "resume", "resume_reason", "accepted_changes"}
    for name in own | {field.name for field in fields(TrialOutcome)}:
        assert f"`{name}`" in outcome, name
    for field in fields(BestCheckpoint):
        assert f"`{field.name}`" in best, field.name


def test_docs_name_no_place_of_one_machine() -> None:
    """What is written for everyone names nobody's folders and no registry."""
    words = re.compile(r"/work/|/root/|/home/|/tmp/|pypi\.org|registry\.npmjs|files\.pythonhosted")
    paths = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.*"), REPOSITORY / ".ci/run"]
    paths += REPOSITORY.glob("search_spaces/*.*[mly]")
    found = [path.name for path in paths if words.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_architecture_page_draws_every_room() -> None:
    """The picture of the rooms shows each folder and module at the top of the package."""
    picture = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
    entries = [*REPOSITORY.glob("sweeps/*/__init__.py"), *REPOSITORY.glob("sweeps/*.py")]
    names = [
        path.name if path.parent.name == "sweeps" else f"{path.parent.name}/" for path in entries
    ]
    assert [name for name in names if name not in picture] == []
