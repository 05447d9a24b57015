"""Passwords and tokens reach no log, no message and no file."""

from __future__ import annotations

import json

import pytest

from sweeps.cli.app import run_command_line
from sweeps.errors import OptionError, describe_error, describe_traceback, mask_secrets
from tests.conftest import MakeSpace
from tests.security.clone import SECRET, CloneRun

URL = f"postgresql://me:{SECRET}{'x' * 80}@host/db"  # longer than a message shows of a value


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://u:secret@h/db", "postgresql://***@h/db"),
        ("redis://:secret@h:6379/0", "redis://***@h:6379/0"),
        ("https://token@h/x", "https://***@h/x"),
        ("mysql+pymysql://u:s/e@c:r@h/db", "mysql+pymysql://***@h/db"),
        ("host=h password=secret user=u", "host=h password=*** user=u"),
        ("two a://u:p@h and b://v:q@i", "two a://***@h and b://***@i"),
        ("https://example.org/@name", "https://example.org/@name"),
        ("https://example.org:80/x", "https://example.org:80/x"),
        ("me@example.org, model.py:build", "me@example.org, model.py:build"),
    ],
)
def test_mask_secrets_takes_what_a_url_holds_before_its_host(text: str, masked: str) -> None:
    """The password goes, and what tells which database was meant stays."""
    assert mask_secrets(text) == masked


def test_described_error_and_traceback_are_masked() -> None:
    """A library quotes the address it was given, and so does the line of code."""
    with pytest.raises(ConnectionError) as caught:
        raise ConnectionError(URL)
    described, told = describe_error(caught.value), describe_traceback(caught.value)
    assert SECRET not in described + told
    assert "ConnectionError: postgresql://***@host" in described
    assert SECRET not in str(OptionError(URL))


@pytest.mark.parametrize(
    ("line", "overrides"),
    [
        (f"storage: {URL}", []),
        (f"storage: {{url: '{URL}'}}", []),
        (f"pruner: '{URL}'", []),
        (f"seed: '{URL}'", []),
        (f"limits: {{timeout: '{URL}'}}", []),
        (f"'{URL}': 1", []),
        (f"storage: [{URL}", []),
        (f"storage: !!python/object:{URL} x", []),
        ("seed: 1", ["--set", f"storage={URL}"]),
        ("seed: 1", ["--set", f"name={URL}"]),
        ("seed: 1", ["--set", URL]),
        ("seed: 1", [f"--{URL}"]),
    ],
)
@pytest.mark.parametrize("more", [[], ["--json"], ["--debug"]])
def test_command_given_a_password_does_not_repeat_it(
    make_space: MakeSpace,
    capsys: pytest.CaptureFixture[str],
    line: str,
    overrides: list[str],
    more: list[str],
) -> None:
    """Wherever a URL stands where none belongs, the message shows it without its password."""
    space = make_space(line + "\n", **({"limits": ""} if line.startswith("limits") else {}))
    arguments = ["check", str(space), "--no-build", *overrides, *more]
    assert run_command_line(arguments) == 2
    said = "".join(capsys.readouterr())
    assert SECRET not in said
    assert said


def test_run_with_secrets_in_the_environment_writes_none(clone_run: CloneRun) -> None:
    """No file of the sweep holds one, nor what it printed, though a trial failed for it."""
    assert clone_run.done.returncode == 0, clone_run.done.stderr
    outcomes = [*clone_run.folder.glob("trials/*/outcome.json")]
    failed = [record for path in outcomes if (record := json.loads(path.read_text()))["traceback"]]
    assert len(failed) == 1
    assert "cannot reach postgresql://***@host/db" in failed[0]["reason"]
    assert SECRET not in clone_run.done.stdout + clone_run.done.stderr
    files = [path for path in clone_run.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
