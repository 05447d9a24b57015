"""Compares what the processes of a sweep noted with its study and its folder.

Every function gives sentences, one for each thing that is wrong; none is good.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.checkpoints.store import BestStore
from sweeps.durable import digest_file, find_leftovers, read_json
from sweeps.paths import SweepPaths
from sweeps.search.trials import TrialRecord
from sweeps.spec.model import SweepSpec
from tests.history import Event, check_history
from tests.soak.notes import Note

ENDED = ("complete", "pruned", "failed")


@dataclass(frozen=True)
class Evidence:
    """All that is known of a sweep.

    Attributes:
        notes: What its processes noted.
        trials: What the study says.
        spec: What was asked for.
        paths: Its folder.
        is_stub: Its trials were those of `stub_training`, whose notes say more.
    """

    notes: Sequence[Note]
    trials: Sequence[TrialRecord]
    spec: SweepSpec
    paths: SweepPaths
    is_stub: bool = True

    def of(self, number: int, *kinds: str) -> list[Note]:
        """List the notes of some kinds about a trial."""
        return [
            note for note in self.notes if note.get("number") == number and note["kind"] in kinds
        ]


def check_now(evidence: Evidence, before: Sequence[TrialRecord]) -> list[str]:
    """Find what is wrong with a sweep that may have been killed a moment ago.

    Args:
        evidence: What is known.
        before: What the study said when nobody worked on it the last time.
    """
    found = check_history(_to_events(evidence))
    found += [f"{note['kind']}: trial {note['number']}" for note in evidence.notes if _is_bad(note)]
    found += _check_same(before, evidence.trials)
    known = {trial.number for trial in evidence.trials}
    asked = {note["number"] for note in evidence.notes if note["kind"] in ("ask", "queued")}
    found += [f"trial {number} was asked for and is lost" for number in sorted(asked - known)]
    for trial in evidence.trials:
        found += [f"trial {trial.number}: {each}" for each in _check_trial(evidence, trial)]
    return [*found, *_check_leader(evidence)]


def check_end(evidence: Evidence) -> list[str]:
    """Find what is wrong with a sweep that has come to its end."""
    found = []
    counted = sum(trial.counts for trial in evidence.trials)
    if counted != evidence.spec.limits.trials:
        found.append(f"{counted} trials count, of {evidence.spec.limits.trials}")
    for trial in evidence.trials:
        if trial.state not in ENDED:
            found.append(f"trial {trial.number} is {trial.state} at the end")
        outcome = evidence.paths.trial(trial.number).outcome
        recorded = read_json(outcome)["state"] if outcome.exists() else "missing"
        told = evidence.of(trial.number, "tell")
        if told and recorded != trial.state and not _was_cut_short(evidence, trial.number):
            found.append(f"trial {trial.number} is {trial.state}, its outcome.json {recorded}")
    return [*found, *_check_bundle(evidence), *_check_disk(evidence)]


def _is_bad(note: Note) -> bool:
    return note["kind"] in ("two alive", "taken late")


def _was_cut_short(evidence: Evidence, number: int) -> bool:
    """Tell whether the driver ended soon after a trial was told: nothing may come after that."""
    told = max(i for i, note in enumerate(evidence.notes) if note in evidence.of(number, "tell"))
    return any(note["kind"] == "died" for note in evidence.notes[told : told + 200])


def _to_events(evidence: Evidence) -> list[Event]:
    """Give the notes in the words of `check_history`."""
    names = {"begin": "begin", "answered": "report", "ask": "ask", "tell": "tell", "died": "died"}
    if not evidence.is_stub:
        names = {**names, "begin": "", "attempt": "begin", "taken": "report"}
    asked = {note["number"] for note in evidence.notes if note["kind"] == "ask"}
    alive: dict[int, int] = {}
    events = []
    # An `ask` that was not noted, since the driver was killed before, is known by its trial.
    events = [Event("ask", each.number) for each in evidence.trials if each.number not in asked]
    for note in evidence.notes:
        kind, number = note["kind"], note.get("number", -1)
        if kind in ("over", "gone"):
            if alive.get(number):
                events.append(Event("end", number, alive.pop(number)))
            continue
        if names.get(kind):
            attempt = note.get("attempt", alive.get(number, 0))
            events.append(Event(names[kind], number, attempt, note.get("epoch", 0)))
        if names.get(kind) == "begin":
            alive[number] = note["attempt"]
        elif kind == "died":
            alive.clear()
    return events


def _check_same(before: Sequence[TrialRecord], now: Sequence[TrialRecord]) -> Iterator[str]:
    for old, new in zip(before, now, strict=False):
        if old.state in ENDED and old != new:
            yield f"trial {old.number} had ended as {old}, now it is {new}"
        if any(new.reports.get(epoch) != value for epoch, value in old.reports.items()):
            yield f"trial {old.number} had the reports {old.reports}, now {new.reports}"
        if new.attempt < old.attempt:
            yield f"trial {old.number} was in attempt {old.attempt}, now in {new.attempt}"
    if len(now) < len(before):
        yield f"{len(before)} trials have become {len(now)}"


def _check_trial(evidence: Evidence, trial: TrialRecord) -> Iterator[str]:
    told = evidence.of(trial.number, "tell")
    if len(told) > 1:
        yield f"told {len(told)} times"
    if told and (trial.state, trial.value) != (told[0]["state"], told[0]["value"]):
        yield f"told as {told[0]}, but it is {trial.state} with {trial.value}"
    attempts = [note["attempt"] for note in evidence.of(trial.number, "attempt")]
    if len(set(attempts)) < len(attempts) or attempts != sorted(attempts):
        yield f"attempts {attempts}"
    if attempts and trial.attempt < attempts[-1]:
        yield f"attempt {attempts[-1]} began, but it is in {trial.attempt}"
    if evidence.is_stub:
        yield from _check_reports(evidence, trial)
        yield from _check_states(evidence, trial)
        yield from _check_values(evidence, trial)
        yield from _check_result(evidence, trial)
    else:
        for note in evidence.of(trial.number, "taken"):
            if trial.reports.get(note["epoch"]) is None:
                yield f"the report of epoch {note['epoch']} is lost"


def _check_reports(evidence: Evidence, trial: TrialRecord) -> Iterator[str]:
    """Each confirmed report is there with its first value, and no other one is."""
    sent: dict[int, list[float]] = defaultdict(list)
    confirmed: dict[int, list[float]] = {}
    for note in evidence.of(trial.number, "reporting", "answered"):
        epoch = note["epoch"]
        if note["kind"] == "reporting" and epoch not in confirmed:
            sent[epoch].append(note["value"])
        elif note["kind"] == "answered":
            confirmed.setdefault(epoch, list(sent[epoch]))
    for epoch, values in confirmed.items():
        if trial.reports.get(epoch) not in values:
            yield f"epoch {epoch} was reported as {values}, but is {trial.reports.get(epoch)}"
    for epoch, value in trial.reports.items():
        if value not in sent[epoch]:
            yield f"epoch {epoch} is {value}, which nobody has reported ({sent[epoch]})"
    if sorted(trial.reports) != list(range(1, len(trial.reports) + 1)):
        yield f"epochs {sorted(trial.reports)}"


def _check_states(evidence: Evidence, trial: TrialRecord) -> Iterator[str]:
    """Each attempt goes on from the newest committed state, unless that was damaged."""
    from tests.soak.stub_training import link

    seed = int(evidence.notes[0]["seed"])
    committed = 0
    kinds = ("state", "corrupted", "continued", "restarted", "trained")
    is_continued: set[int] = set()
    for note in evidence.of(trial.number, *kinds):
        if note["kind"] == "state":
            committed = max(committed, note["epoch"])
        elif note["kind"] == "corrupted":
            committed = min(committed, note["epoch"] - 1)
        elif note["kind"] == "restarted":
            committed = 0
        elif note["kind"] == "continued":
            is_continued.add(note["attempt"])
            if note["epoch"] < committed:
                yield f"state {committed} is lost: attempt {note['attempt']} is at {note['epoch']}"
            if note["chain"] != link(seed, trial.number, note["epoch"]):
                yield f"attempt {note['attempt']} went on from other weights"
        elif committed and note["epoch"] == 1 and note["attempt"] not in is_continued:
            yield f"attempt {note['attempt']} began anew, after {committed} epochs"


def _check_values(evidence: Evidence, trial: TrialRecord) -> Iterator[str]:
    """All attempts of a trial have the same parameters: those that were asked for or queued."""
    given = [note["values"] for note in evidence.of(trial.number, "ask", "values")]
    if any(values != given[0] for values in given):
        yield f"its parameters changed: {given}"
    for note in evidence.of(trial.number, "queued"):
        params = dict(trial.params)
        if params and any(
            not math.isclose(params[name], value) for name, value in note["values"].items()
        ):
            yield f"queued with {note['values']}, but it has {dict(trial.params)}"


def _check_result(evidence: Evidence, trial: TrialRecord) -> Iterator[str]:
    """The value is that of the best epoch, and its checkpoint is whole where it is still there."""
    if trial.cause == "duplicate":
        yield from _check_duplicate(evidence, trial)
        return
    sign = 1 if evidence.spec.objective.direction == "maximize" else -1
    trained, kept = [], []
    for note in evidence.of(trial.number, "trained", "best", "restarted"):
        if note["kind"] == "restarted":
            trained, kept = [], []
        else:
            (kept if note["kind"] == "best" else trained).append(note)
    best = max((sign * note["value"] for note in kept), default=None)
    if trial.state in ENDED and trial.value is not None:
        known = {(each["epoch"], each["value"]) for each in trained}
        if (trial.best_epoch, trial.value) not in known:
            yield f"epoch {trial.best_epoch} with {trial.value} was never trained"
        if best is not None and sign * trial.value < best:
            yield f"its value is {trial.value}, but it kept {sign * best}"
    yield from _check_kept(evidence, trial, best)


def _check_kept(evidence: Evidence, trial: TrialRecord, best: float | None) -> Iterator[str]:
    sign = 1 if evidence.spec.objective.direction == "maximize" else -1
    record = BestStore(evidence.paths.trial(trial.number)).find_best()
    if record is None:
        if best is not None and trial.state not in ENDED:
            yield "its best checkpoint is lost"
        return
    path = evidence.paths.trial(trial.number).checkpoints / record.file
    if trial.state not in ENDED or path.exists():
        if not path.exists() or digest_file(path) != record.sha256:
            yield f"{path.name} is gone or damaged"
        if best is not None and sign * record.value < best:
            yield f"best.json says {record.value}, but {sign * best} was kept"


def _check_duplicate(evidence: Evidence, trial: TrialRecord) -> Iterator[str]:
    same = [
        other
        for other in evidence.trials
        if other.number != trial.number and dict(other.params) == dict(trial.params)
    ]
    if (trial.state, trial.value) not in {(each.state, each.value) for each in same}:
        yield f"a duplicate with {trial.value}, like none of {[each.number for each in same]}"


def _find_leader(evidence: Evidence) -> TrialRecord | None:
    sign = 1 if evidence.spec.objective.direction == "maximize" else -1
    complete = [trial for trial in evidence.trials if trial.state == "complete"]
    return max(complete, key=lambda trial: (sign * (trial.value or 0), -trial.number), default=None)


def _check_leader(evidence: Evidence) -> Iterator[str]:
    """The best complete trial has its checkpoint at any moment, and it is the one on record."""
    leader = _find_leader(evidence)
    if leader is None:
        return
    trial = evidence.paths.trial(leader.number)
    record = BestStore(trial).find_best()
    if record is None:
        yield f"the leader {leader.number} has no checkpoint on record"
        return
    if record.value != leader.value or record.epoch != leader.best_epoch:
        yield f"the leader is {leader}, its checkpoint {record}"
    path = trial.checkpoints / record.file
    if not path.exists() or digest_file(path) != record.sha256:
        yield f"the leader's {path.name} is gone or damaged"


def _check_bundle(evidence: Evidence) -> Iterator[str]:
    """The bundle is the leader's."""
    leader = _find_leader(evidence)
    if leader is None:
        return
    bundle = evidence.paths.bundle
    number = read_json(bundle.manifest)["trial"] if bundle.manifest.exists() else None
    if number != leader.number:
        yield f"the bundle holds trial {number}, but {leader.number} leads"
        return
    trial = evidence.paths.trial(leader.number)
    record = BestStore(trial).find_best()
    model = trial.checkpoints / record.file if record else None
    is_known = evidence.is_stub and model is not None and model.exists()
    if is_known and model and bundle.model.read_bytes() != model.read_bytes():
        yield "the bundle's model is not the leader's checkpoint"


def _check_disk(evidence: Evidence) -> Iterator[str]:
    """What is left is what `keep` allows."""
    keep, holders = evidence.spec.keep, Counter[str]()
    for trial in evidence.trials:
        folder = evidence.paths.trial(trial.number)
        files = [each for each in _list(folder.checkpoints) if each != folder.best]
        holders["checkpoints"] += bool(files)
        if len(files) > 1:
            yield f"trial {trial.number} keeps {len(files)} checkpoints"
        states = _list(folder.latest)
        holders["states"] += bool(states)
        if len(states) > 1 or (states and trial.state != "complete"):
            yield f"trial {trial.number} is {trial.state} and keeps {len(states)} states"
        for left in (find_leftovers(place) for place in (folder.checkpoints, folder.latest)):
            if left:
                yield f"left behind: {left}"
    for what, most in (("checkpoints", keep.best), ("states", keep.latest)):
        if most is not None and holders[what] > most:
            yield f"{holders[what]} trials keep their {what}, but {most} may"
    if left := find_leftovers(evidence.paths.root):
        yield f"left behind: {left}"


def _list(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []
