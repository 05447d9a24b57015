"""The Python API replaced at its border, and a way to run the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sweeps import preflight, reading, sweep
from sweeps.cli.app import run_command_line
from tests.report.samples import make_report


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture
def sweeps(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """Run a command in an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def say(*arguments: str) -> Said:
        status = run_command_line(arguments)
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return say


@dataclass
class Api:
    """What the command line asked of the API, and what the API answers.

    Attributes:
        calls: Name, positional and named arguments of each call.
        answer: Returned by every function; raised where it is an exception.
    """

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]]
    answer: Any


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """Replace run, resume, extend, read, check and plan."""
    fake = Api([], make_report(bundle=None))

    def replace(module: ModuleType, name: str) -> None:
        def call(*args: Any, **options: Any) -> Any:
            observer = options.pop("observer", None)
            assert name in {"read", "check", "plan"} or callable(observer)
            fake.calls.append((name, args, options))
            if isinstance(fake.answer, BaseException):
                raise fake.answer
            return fake.answer

        monkeypatch.setattr(module, name, call)

    replace(sweep, "run")
    replace(sweep, "resume")
    replace(sweep, "extend")
    replace(reading, "read")
    replace(preflight, "check")
    replace(preflight, "plan")
    return fake
