"""Start the command line: ``python -m sweeps``, or ``sweeps`` once installed.

Importing this module imports nothing that Python has not loaded already, not even `__future__`, so
that the working directory is off the import path before anything can be picked up from it. What
`python -m` itself imports before that (`runpy` and the few modules it needs) only ``python -P -m
sweeps`` and the installed command ``sweeps`` protect.
"""

import sys


def drop_working_directory() -> None:
    """Take the working directory, which ``python -m`` puts first, off the import path.

    A stray ``yaml.py`` or ``optuna.py`` there would be imported in place of the real one, or of one
    that is not installed. Where this package itself was found only through that folder (a checkout
    that is not installed), its own modules are found all the same: it knows where it lies.
    """
    if not sys.flags.safe_path:  # else python -P or PYTHONSAFEPATH: it was never put there
        sys.path.pop(0)


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
