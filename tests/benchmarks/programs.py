"""Runs a benchmark as the program that it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[2]


def run_quick(name: str, folder: Path) -> Any:
    """Run the short form in a process of its own, as its first lines say; gives its record."""
    command = [sys.executable, HOME / "benchmarks" / f"{name}.py", "--quick"]
    ran = subprocess.run(
        [*command, "--json", folder / "figures.json"],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert ran.stdout.strip()
    return json.loads((folder / "figures.json").read_text())
