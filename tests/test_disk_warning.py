"""A sweep that may not fit on the disk is told so before it begins."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import sweeps
from sweeps.preflight import warn_of_disk
from sweeps.worker.events import Notice
from tests.conftest import MakeSpace


@pytest.mark.parametrize("needed", [None, 0, 1000])
def test_warn_of_disk_is_silent_where_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: int | None
) -> None:
    """As much as is free is enough, and what is not known is no reason to warn."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert warn_of_disk(tmp_path / "new" / "digits", needed) is None


def test_warn_of_disk_names_both_sizes_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder need not exist yet: its nearest parent's disk is asked."""
    asked = []
    usage = SimpleNamespace(free=2_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or usage)
    warning = warn_of_disk(tmp_path / "new" / "digits", 5_000_000_000)
    assert asked == [tmp_path]
    assert warning is not None
    assert "may need 5 GB of disk, and 2 GB are free. Set keep.best or keep.max_disk" in warning


@pytest.mark.usefixtures("shared_engine")
def test_run_warns_before_the_first_trial(
    make_space: MakeSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a remark, not an error: the sweep runs."""
    events: list[object] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
    space = make_space(limits="{trials: 1, workers: 1}")
    assert sweeps.run(space, results=tmp_path, observer=events.append).best is not None
    said = [event.text for event in events if isinstance(event, Notice)]
    assert any("may need" in text for text in said)
