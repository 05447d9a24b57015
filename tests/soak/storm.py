"""Runs sweeps through random faults: lives that are killed, folders that are damaged between."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sweeps
from sweeps.paths import SweepPaths
from sweeps.search.replay import read_study
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import spec_from_json
from sweeps.tidying import tidy
from tests.soak.checker import Evidence, check_end, check_now
from tests.soak.notes import VARIABLE, Notes, read_notes

ROOT = Path(__file__).parents[2]
FAKES = ROOT / "tests/fakes"
LONGEST_SILENCE_SECONDS = 120
"""A driver hangs where nothing is noted for so long; how long it all takes is the machine's."""
LONGEST_LIFE_SECONDS = 1800
LONGEST_ORPHAN_SECONDS = 10
"""Two are promised; a busy machine is given more."""
MOST_QUIET_LIVES = 12
STATUSES = (0, 1, 75, 130, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)
"""How a driver may end; by SIGTERM or SIGINT themselves before it takes them."""

LIVES = {"kill": 5, "die at": 5, "SIGTERM": 2, "SIGINT": 1, "twice": 0.5, "server": 1.5, "full": 2}
DAMAGES = ("corrupt", "torn", "cut", "gc", "enqueue", "nothing")


class SoakError(AssertionError):
    """Something is wrong; the folder is kept."""


@dataclass
class Tally:
    """What a soak has done.

    Attributes:
        sweeps: Sweeps that came to their end.
        trials: Trials in all.
        attempts: Attempts in all.
        counts: How often each fault struck, and how trials ended.
    """

    sweeps: int = 0
    trials: int = 0
    attempts: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def describe(self) -> str:
        """Give it as text."""
        lines = [f"{self.sweeps} sweeps, {self.trials} trials, {self.attempts} attempts"]
        return "\n".join([*lines, *(f"  {name}: {n}" for name, n in sorted(self.counts.items()))])


def soak(work: Path, *, seed: int, seconds: float, num_trials: int = 60) -> Tally:
    """Run one stormy sweep after the other until the time is up; one at least.

    Every fourth one, and never the first, has real Keras trials.

    Args:
        work: A folder; each sweep gets one inside, which stays where something is wrong.
        seed: Decides everything but the moments.
        seconds: How long to go on.
        num_trials: How many trials a sweep of stub trials has, about.

    Raises:
        SoakError: What is wrong, the seed, and the folder.
    """
    tally, deadline, index = Tally(), time.monotonic() + seconds, 0
    while index == 0 or time.monotonic() < deadline:
        one = seed * 1000 + index
        storm = Storm(work / f"{one}", one, is_stub=index % 4 != 1, num_trials=num_trials)
        storm.run(tally)
        index += 1
    return tally


@dataclass
class Storm:
    """One sweep and what happens to it.

    Args:
        work: Its folder.
        seed: Its seed.
        is_stub: Its trials are those of `stub_training`.
        num_trials: How many trials it has, about.
        mistake: One of `tests.soak.driver.MISTAKES`, to see it found.
    """

    work: Path
    seed: int
    is_stub: bool = True
    num_trials: int = 60
    mistake: str = ""
    before: tuple[TrialRecord, ...] = ()

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.work.mkdir(parents=True)
        self.paths = SweepPaths(self.work / "results/soak")
        self.notes = Notes(self.work / "notes.jsonl")
        self.target = self.draw.randint(self.num_trials // 2, self.num_trials)
        self.notes.add("seed", seed=self.seed)
        self.environment = {**os.environ, VARIABLE: str(self.notes.path)}
        self.environment["SOAK_SEED"] = str(self.seed)
        self.environment["PYTHONPATH"] = str(ROOT)

    def run(self, tally: Tally) -> None:
        """Let it live and die until it has come to its end, and check it after every life."""
        self._write_space()
        for _ in range(self.draw.randint(4, 8) if self.is_stub else 3):
            self._live(tally, self.draw.choices(list(LIVES), list(LIVES.values()))[0])
            self._meddle(tally)
        if self.draw.random() < 0.5:
            self.target += 5
        for _ in range(MOST_QUIET_LIVES):
            is_done = self._live(tally, "quiet") == 0
            if is_done and sum(each.counts for each in self.before) >= self.target:
                break
        self._check(check_end(self._collect()))
        self._count(tally)

    def _write_space(self) -> None:
        draw = self.draw
        direction = draw.choice(["maximize", "minimize"]) if self.is_stub else "maximize"
        values: dict[str, Any] = {
            "name": "soak",
            "objective": {
                "metric": "val_score" if self.is_stub else "val_accuracy",
                "direction": direction,
            },
            "sampler": draw.choice(["random", "tpe"]),
            "pruner": draw.choice(["none", "median", "asha"]),
            "limits": {
                "trials": self.target if self.is_stub else 6,
                "workers": draw.randint(1, 5) if self.is_stub else 2,
                "trial_timeout": "4s" if self.is_stub else "20s",
            },
            "training": {"epochs": draw.randint(3, 7) if self.is_stub else 3},
            "keep": {"best": draw.randint(1, 4), "latest": draw.choice([0, 1])},
            "seed": self.seed,
        }
        if self.is_stub:
            code = self.work / "model.py"
            code.write_text("# The stub does not look at it.\n")
            values |= {"model": f"{code}:build", "data": f"{code}:load"}
            step = {"step": 0.1} if draw.random() < 0.5 else {}
            values["parameters"] = {
                "x": {"type": "float", "low": 0, "high": 1, **step},
                "units": {"type": "int", "low": 1, "high": 6},
                "kind": ["a", "bb", "ccc"],
            }
        else:
            self.target = 6
            code = ROOT / "tests/soak/keras_model.py"
            values |= {"model": f"{code}:build", "data": f"{code}:load"}
        self.space = self.work / "space.yaml"
        self.space.write_text(json.dumps(values))

    def _live(self, tally: Tally, kind: str) -> int:
        """Let a driver work, end it as `kind` says, and look at what it leaves."""
        draw = self.draw
        tally.counts[f"life: {kind}"] += 1
        plan = {
            "stub": self.is_stub,
            "mistake": self.mistake,
            "seed": draw.random(),
            "full_disk": 0.02 if kind == "full" else 0,
            "die_at": draw.randint(20, 1500) if kind == "die at" else 0,
            "kill_server_after": draw.uniform(0.5, 2.5) if kind == "server" else 0,
        }
        verb = ["resume", str(self.paths.root), "--set", f"limits.trials={self.target}"]
        if not self.paths.spec.exists():
            verb = ["run", str(self.space), "--results", str(self.paths.root.parent)]
        command = [sys.executable, "-m", "tests.soak.driver", json.dumps(plan), *verb, "--plain"]
        self.notes.add("life", of=kind)
        said = self.work / "said.txt"
        with said.open("a") as output:
            output.write(f"--- {kind} {plan}\n")
            output.flush()
            start = output.tell()
            driver = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=output
            )
            status = self._end(driver, kind)
        self._wait_for_orphans()
        self.notes.add("died", status=status)
        text = said.read_text()[start:]
        if "Traceback (most recent call last)" in text or "unexpected error" in text:
            self._check([f"the driver says:\n{text[-3000:]}"])
        # Where the server is killed while model and data are checked, the check has failed.
        if status not in STATUSES and (kind, status) != ("server", 2):
            self._check([f"the driver ended with {status}:\n{text[-3000:]}"])
        if self.paths.journal.exists():
            self._check(check_now(self._collect(), self.before))
            self.before = self._collect().trials  # type: ignore[assignment]
        return status

    def _end(self, driver: subprocess.Popen[bytes], kind: str) -> int:
        deadline = time.monotonic() + LONGEST_SILENCE_SECONDS
        size = self._measure()
        if kind in ("kill", "SIGTERM", "SIGINT", "twice"):
            while self._measure() == size and driver.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(self.draw.uniform(0, 2.5))
            for number in _SIGNALS[kind]:
                driver.send_signal(number)
                time.sleep(0.1)
        if not self._wait_for_end(driver):
            driver.kill()
            driver.wait()
            self._check([f"the driver hangs in a life of the kind {kind!r}"])
        return driver.wait()

    def _wait_for_end(self, driver: subprocess.Popen[bytes]) -> bool:
        """Wait until a driver has ended; False where it does nothing, or goes on and on."""
        began = heard = time.monotonic()
        size = 0
        while driver.poll() is None:
            if (grown := self.notes.path.stat().st_size + self._measure()) != size:
                size, heard = grown, time.monotonic()
            if time.monotonic() > min(
                heard + LONGEST_SILENCE_SECONDS, began + LONGEST_LIFE_SECONDS
            ):
                return False
            time.sleep(0.02)
        return True

    def _wait_for_orphans(self) -> None:
        mark = f"{VARIABLE}={self.notes.path}".encode()
        deadline = time.monotonic() + LONGEST_ORPHAN_SECONDS
        while (left := _list_marked(mark)) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._check([f"{_describe(pid)} outlives the driver" for pid in left])

    def _meddle(self, tally: Tally) -> None:
        """Do to the folder what a loss of power, a bad disk or a user may do."""
        if not self.paths.journal.exists():
            return
        kind = self.draw.choice(DAMAGES)
        done = getattr(self, f"_do_{kind}", lambda: False)()
        tally.counts[f"between lives: {kind}"] += bool(done)

    def _do_corrupt(self) -> bool:
        """Change a byte of the newest state of a trial that will go on."""
        running = [each for each in self.before if each.state == "running"]
        states = [(each, *self._newest(each.number)) for each in running]
        states = [each for each in states if each[1] is not None]
        if not states:
            return False
        trial, path, epoch = self.draw.choice(states)
        file = self.draw.choice([each for each in path.iterdir() if each.is_file()])
        content = bytearray(file.read_bytes())
        content[self.draw.randrange(len(content))] ^= 1 << self.draw.randrange(8)
        file.write_bytes(content)
        self.notes.add("corrupted", number=trial.number, epoch=epoch)
        return True

    def _newest(self, number: int) -> tuple[Any, int]:
        folder = self.paths.trial(number).latest
        states = sorted(folder.glob("epoch-*")) if folder.exists() else []
        if len(states) < 2:
            return None, 0
        return states[-1], int(states[-1].name.split("-")[1])

    def _do_torn(self) -> bool:
        """Append a part of a record, as who is killed in mid-write leaves it."""
        line = self.paths.journal.read_bytes().splitlines()[-1]
        with self.paths.journal.open("ab") as journal:
            journal.write(line[: self.draw.randrange(1, len(line))])
        return True

    def _do_cut(self) -> bool:
        """Take away what was never said to be on disk, as a loss of power may."""
        synced = self.work / "synced"
        size, least = self._measure(), int(synced.read_text() or 0) if synced.exists() else 0
        if not 0 < least < size:
            return False
        os.truncate(self.paths.journal, self.draw.randint(least, size - 1))
        self.before = ()  # what was not confirmed may be another one now
        return True

    def _do_gc(self) -> bool:
        tidy(self.paths.root)
        return True

    def _do_enqueue(self) -> bool:
        if not self.is_stub:
            return False
        values = {"x": round(self.draw.randint(0, 10) * 0.1, 6), "units": self.draw.randint(1, 6)}
        number = len(read_study(self.paths))
        sweeps.enqueue(self.paths.root, values)
        self.notes.add("queued", number=number, values=values)
        self.target = max(self.target, sum(each.counts for each in read_study(self.paths)))
        return True

    def _measure(self) -> int:
        return self.paths.journal.stat().st_size if self.paths.journal.exists() else 0

    def _collect(self) -> Evidence:
        spec = spec_from_json(json.loads(self.paths.spec.read_bytes())["spec"])
        notes = read_notes(self.notes.path)
        return Evidence(notes, read_study(self.paths), spec, self.paths, self.is_stub)

    def _check(self, problems: list[str]) -> None:
        if problems:
            told = "\n".join(problems[:20])
            raise SoakError(f"seed {self.seed}, folder {self.work}:\n{told}")

    def _count(self, tally: Tally) -> None:
        evidence = self._collect()
        tally.sweeps += 1
        tally.trials += len(evidence.trials)
        for note in evidence.notes:
            tally.attempts += note["kind"] == "attempt"
            if note["kind"] == "begin" and note.get("fault", "none") != "none":
                tally.counts[f"drawn for an attempt: {note['fault']}"] += 1
            if note["kind"] == "refused":
                tally.counts["late results refused"] += 1
        for trial in evidence.trials:
            tally.counts[f"ended: {trial.state}, {trial.cause or 'by itself'}"] += 1


_SIGNALS = {
    "kill": [signal.SIGKILL],
    "SIGTERM": [signal.SIGTERM],
    "SIGINT": [signal.SIGINT],
    "twice": [signal.SIGTERM, signal.SIGTERM],
}


def _list_marked(mark: bytes) -> list[int]:
    """List the processes that were started with a variable of the environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def _describe(pid: int) -> str:
    try:
        process = Path(f"/proc/{pid}")
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:80]
        return f"{pid}: {command!r}: {(process / 'status').read_text()[:300]}"
    except OSError:
        return str(pid)
