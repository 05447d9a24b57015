"""Space files that are meant to do harm end in a precise error, quickly and in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.spec.load import load_spec
from tests.spec.hostile import hostile_files
from tests.spec.spaces import ROOMS, problems_of

ROOT = Path(__file__).parents[2]
MAX_SECONDS = 0.2
MAX_BYTES = 100_000_000

EXPECTED = {
    "bomb": "7: the file has more than 2000 values (aliases count as often as used)",
    "recursive": "5: parameters.lr: '*a' contains itself",
    "deep_flow": "4: nested deeper than 20 levels",
    "deep_lines": "25: nested deeper than 20 levels",
    "tag": "4: seed: got the tag '!!python/object/apply:os.system'; tags are not read, remove it",
    "digits": "4: the line has more than 10000 characters",
    "folded_digits": "4: seed: got a number of 9000 characters; expected at most 300",
    "nan": "5: parameters.lr.low: got nan; expected a finite number",
    "infinite": "5: parameters.lr.high: got inf; expected a finite number",
    "name_newline": "5: parameters: got the parameter name 'a\\nb'",
    "name_slash": "5: parameters: got the parameter name '/a'",
    "name_braces": "5: parameters: got the parameter name '{a}'",
    "sweep_name": "4: name: got '../evil'",
    "duplicates": "5: seed: this key is given twice, on line 4 and line 5; keep one",
    "power": "5: constraints.0: '9 ** 9 ** 9 ** 9' cannot be computed",
    "merge_key": "5: c: '<<' is not YAML 1.2; write the merged keys out instead",
    "second_document": "4: a second document; expected one",
    "latin": "4: byte 0xe9 is not UTF-8; save the file as UTF-8",
    "control": "4: this is no YAML: unacceptable character",
    "mixed": "5: parameters.a: got [1, 'two', True]; expected values of one type",
}

MEASURE = """
import json, sys, time
from pathlib import Path
from sweeps.errors import SpecError
from sweeps.spec.load import load_spec
from tests.spec.spaces import ROOMS
measured = {}
load_spec(sys.argv[2], rooms=ROOMS)
for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
    before = time.process_time()
    try:
        load_spec(path, rooms=ROOMS)
        kind = "loaded"
    except SpecError as error:
        kind = "refused"
    measured[path.stem] = [kind, time.process_time() - before]
status = Path("/proc/self/status").read_text()
peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
print(json.dumps([measured, peak]))
"""


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_hostile_file_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    """The message names the line and what is wrong there."""
    path = tmp_path / "space.yaml"
    path.write_bytes(hostile_files()[name])
    first = problems_of(lambda: load_spec(path, rooms=ROOMS))[0]
    assert first.startswith(f"space.yaml:{EXPECTED[name]}")


def test_hostile_files_are_all_refused_within_the_promised_time_and_memory(tmp_path: Path) -> None:
    """Each takes at most 0.2 s of one core, and all together stay within 100 MB."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name, content in hostile_files().items():
        (folder / f"{name}.yaml").write_bytes(content)
    (tmp_path / "m.py").touch()
    good = tmp_path / "good.yaml"
    good.write_text("model: m.py:build\ndata: m.py:load\nmetric: val_loss\n")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder), str(good)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    measured, peak = json.loads(done.stdout)
    assert {name: kind for name, (kind, _) in measured.items() if kind != "refused"} == {}
    assert {name: s for name, (_, s) in measured.items() if s > MAX_SECONDS} == {}
    assert peak < MAX_BYTES
