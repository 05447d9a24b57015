"""Let every client use a bundle made here: ``python -m tests.clients [CLIENT ...]``.

Prints the table of docs/clients.md. What a client needs is downloaded; one that cannot be had here
is said to be missing, and anything else that goes wrong is an error.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.clients.bundle import TOLERANCE, make_bundle
from tests.clients.clients import CLIENTS, measure_difference
from tests.clients.environments import UnavailableError


def main() -> int:
    """Run the clients that were asked for, all by default."""
    names = [client.name for client in CLIENTS]
    parser = argparse.ArgumentParser(prog="python -m tests.clients")
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(names))
    wanted = parser.parse_args().clients or names
    if unknown := set(wanted) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; expected {', '.join(names)}")
    with tempfile.TemporaryDirectory(prefix="clients-") as folder:
        return use_all(wanted, Path(folder))


def use_all(wanted: list[str], folder: Path) -> int:
    """Make a bundle and let clients use it; returns 1 where one differs."""
    bundle = make_bundle(folder)
    sys.stdout.write("| client | reads | largest difference |\n|---|---|---|\n")
    status = 0
    for client in CLIENTS:
        if client.name not in wanted:
            continue
        work = folder / client.name
        work.mkdir()
        try:
            found = client.use(bundle, work)
        except UnavailableError as error:
            sys.stdout.write(f"| {client.name} | `{client.file}` | not here: {error} |\n")
            continue
        difference = measure_difference(bundle, found)
        status |= difference > TOLERANCE
        sys.stdout.write(f"| {found.version} | `{client.file}` | {difference:.1e} |\n")
        sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
