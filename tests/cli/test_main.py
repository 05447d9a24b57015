"""``python -m sweeps`` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
HEAVY = ["tensorflow", "keras", "keras_tuner", "optuna", "joblib", "numpy"]


def start(
    *arguments: str, cwd: Path, stdout: int = subprocess.PIPE, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(HOME), **env},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], [*HEAVY, "pydantic"]),
        (["--version"], [*HEAVY, "pydantic"]),
        # Typer 0.29 itself reads the options of a command with pydantic.
        (["run", "--help"], HEAVY),
        (["statsu"], HEAVY),
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str], absent: list[str], tmp_path: Path) -> None:
    """Help and bad usage answer at once: no TensorFlow, no Optuna."""
    script = (
        "import sys; from sweeps.cli.app import run_command_line as run; "
        f"run({arguments!r}); print([name for name in {absent!r} if name in sys.modules])"
    )
    assert start("-c", script, cwd=tmp_path).stdout.splitlines()[-1] == "[]"


def test_import_sweeps_loads_no_other_package(tmp_path: Path) -> None:
    """`import sweeps` alone imports nothing that is not the standard library's."""
    script = (
        "import sys; import sweeps; "
        "print([n for n in sys.modules if n.startswith('sweeps.')], 'typing' in sys.modules)"
    )
    assert start("-S", "-c", script, cwd=tmp_path).stdout == "[] False\n"


@pytest.mark.parametrize("env", [{}, {"PYTHONSAFEPATH": "1"}])
def test_stray_modules_of_the_working_directory_are_not_imported(
    env: dict[str, str], tmp_path: Path
) -> None:
    """A file called like a package we use is left alone."""
    for name in ("yaml", "optuna", "rich", "typer", "pydantic", "json", "pathlib", "typing"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('imported stray {name}')\n")
    for arguments in (["--help"], ["status", "nowhere"]):
        done = start("-m", "sweeps", *arguments, cwd=tmp_path, **env)
        assert "imported stray" not in done.stderr
    assert done.returncode == 2


def test_stray_module_is_imported_by_plain_python_dash_m(tmp_path: Path) -> None:
    """Red control: what `python -m` does when nobody takes the folder off the path."""
    (tmp_path / "rich.py").write_text("raise SystemExit('imported stray rich')\n")
    assert "stray" in start("-m", "rich.console", cwd=tmp_path).stderr


def test_package_found_through_the_working_directory_only_still_starts(tmp_path: Path) -> None:
    """A checkout that is not installed works, and installed packages come before its folder."""
    (tmp_path / "sweeps").symlink_to(HOME / "sweeps")
    (tmp_path / "rich.py").write_text("raise SystemExit('imported stray rich')\n")
    done = start("-m", "sweeps", "status", "nowhere", cwd=tmp_path, PYTHONPATH="")
    assert done.returncode == 2
    assert "nowhere: " in done.stderr


def test_foreign_distribution_is_told(tmp_path: Path) -> None:
    """W&B's `sweeps` installs the same package: said at start, on standard error."""
    site = tmp_path / "site"
    (site / "sweeps-0.2.0.dist-info").mkdir(parents=True)
    (site / "sweeps-0.2.0.dist-info" / "METADATA").write_text("Name: sweeps\nVersion: 0.2.0\n")
    done = start("-m", "sweeps", "--version", cwd=tmp_path, PYTHONPATH=f"{HOME}:{site}")
    assert done.stdout == "keras-sweeps 0.1.0\n"
    assert "warning: the distribution 'sweeps' 0.2.0" in done.stderr
    assert "pip uninstall sweeps" in done.stderr


def test_no_foreign_distribution_no_warning(tmp_path: Path) -> None:
    """Where only this package is installed nothing is said."""
    assert start("-m", "sweeps", "--version", cwd=tmp_path).stderr == ""


OUTCOME = """
from pathlib import Path
import sys
from sweeps.cli.outcome import tell_outcome
from sweeps.cli import app
from tests.report.samples import make_report
app._invoke = lambda _: tell_outcome(make_report(Path("x" * 100_000), stopped="terminated"))
sys.exit(app.run_command_line(["run"]))
"""


@pytest.mark.parametrize(
    ("arguments", "status"), [(["-m", "sweeps", "--help"], 0), (["-c", OUTCOME], 75)]
)
def test_reader_that_leaves_early_gets_no_traceback(
    arguments: list[str], status: int, tmp_path: Path
) -> None:
    """`sweeps ... | head` ends quietly, and a sweep's own exit status stays."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = start(*arguments, cwd=tmp_path, stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (status, "")


def test_public_names_are_all_there() -> None:
    """Every public name resolves, and an unknown one is an AttributeError."""
    import sweeps

    assert sorted(sweeps.__all__) == [
        "BundleReport", "CheckReport", "ExportReport", "PlanReport", "SpecError", "SweepReport",
        "SweepsError", "TrialRecord", "check", "enqueue", "export", "extend", "load", "plan",
        "predict", "read", "resume", "retrain", "run", "verify",
    ]  # fmt: skip
    for name in sweeps.__all__:
        assert getattr(sweeps, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sweeps.nothing  # noqa: B018
