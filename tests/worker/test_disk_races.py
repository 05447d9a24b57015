"""Disk that is measured while trials write and delete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeps.worker import disk


def test_file_deleted_while_it_is_measured_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running trial drops an older state at any moment: that must not end the sweep."""
    for name in ("kept", "dropped"):
        (tmp_path / name).write_bytes(b"state")
    walk = os.walk

    def deleting(folder: Path) -> Iterator[Any]:
        for found in walk(folder):
            (tmp_path / "dropped").unlink()
            yield found

    monkeypatch.setattr(os, "walk", deleting)
    assert list(disk._measure_files(tmp_path).values()) == [5]
