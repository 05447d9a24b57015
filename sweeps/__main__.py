"""Start the command line: ``python -m sweeps``, or ``sweeps`` once installed.

Importing this module imports nothing that Python has not loaded already, so that the working
directory is off the import path before anything can be picked up from it.
"""

from __future__ import annotations

import os
import sys


def drop_working_directory() -> None:
    """Take the working directory, which ``python -m`` puts first, off the import path.

    A stray ``yaml.py`` or ``optuna.py`` there would be imported in place of the real one. Where
    this package itself is found only through that folder (a checkout that is not installed), the
    folder goes to the end instead: trial processes have to find the package, but every installed
    package comes first.
    """
    if sys.flags.safe_path:  # python -P or PYTHONSAFEPATH: it was never put there
        return
    sys.path.pop(0)
    home = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - pathlib is not loaded yet
    if home not in sys.path:
        sys.path.append(home)


def warn_of_foreign_package() -> None:
    """Say so where another distribution owns the package name `sweeps` as well.

    Weights & Biases' `sweeps` installs the same top-level package: the two overwrite each other's
    files, and what happens next is anybody's guess.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("sweeps")
    except PackageNotFoundError:
        return
    sys.stderr.write(
        f"warning: the distribution 'sweeps' {found} (Weights & Biases) is installed beside "
        "keras-sweeps, and both install the package 'sweeps'. Remove both and install the one you "
        "need: pip uninstall sweeps keras-sweeps && pip install keras-sweeps\n"
    )


def main() -> None:
    """Run the command line with the arguments of this process, and exit with its status."""
    warn_of_foreign_package()
    from sweeps.cli.app import run_command_line

    raise SystemExit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    drop_working_directory()
    main()
