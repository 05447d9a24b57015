"""Measure all models anew and write the table of docs/formats.md: ``python -m tests.formats``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from sweeps.bundles.clean_child import Runtimes
from tests.formats.measure import PAGE, PART, measure, write_row, write_table
from tests.formats.models import MODELS


def main() -> None:
    """Measure, and renew the page."""
    measured = {}
    with tempfile.TemporaryDirectory(prefix="formats-") as folder, Runtimes() as runtimes:
        for name in MODELS:
            bundle = Path(folder) / name
            bundle.mkdir()
            measured[name] = measure(name, bundle, runtimes)
            sys.stdout.write(write_row(name, measured[name]) + "\n")
            sys.stdout.flush()
    table = write_table(measured)
    PAGE.write_text(PART.sub(lambda _: table, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
