"""What may change when a sweep goes on: everything is compared with what it began with.

Ordinary are other limits and wider ranges of numbers. Other keys of the space file, code, data and
versions have to be accepted. Objectives, repeats or folds, and any other change of a parameter
never are: a study whose values mean two things is none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sweeps.engines._base import Engine
from sweeps.errors import CheckError, OptionError, Problem, ResumeRefusedError, SpecError
from sweeps.menu import suggest_name
from sweeps.paths import SweepPaths
from sweeps.preflight import load_space
from sweeps.reading import know_space, read_sweep_record
from sweeps.search.trials import TrialRecord
from sweeps.search.widened import is_wider
from sweeps.spec.fingerprint import (
    Fingerprint,
    diff_fingerprints,
    diff_specs,
    digest_spec,
    fingerprint,
    list_targets,
)
from sweeps.spec.model import (
    Limits,
    Resources,
    SweepSpec,
    is_repeated,
    spec_from_json,
    spec_to_json,
)
from sweeps.spec.nodes import Node
from sweeps.spec.overrides import parse_override
from sweeps.spec.parameter_reading import check_bounds
from sweeps.spec.parameters import Parameter, parameter_to_json
from sweeps.spec.targets import move_target, parse_target
from sweeps.spec.units import parse_int, parse_number
from sweeps.spec.validation import validate
from sweeps.worker.limits import divide_cores
from sweeps.worker.messages import Message
from sweeps.worker.outcomes import Death, explain_death

_SECTIONS: Mapping[str, type[BaseModel]] = {"limits": Limits, "resources": Resources}
_NEVER = ("objective", "other_objectives", "parameters", "repeats", "folds")
_Parameters = dict[str, Parameter]


@dataclass(frozen=True)
class Resumption:
    """A sweep as it goes on. Nothing has been written yet.

    Attributes:
        spec: What is asked for from now on.
        changes: Differences that the user has to accept, one line each.
        updates: Keys of ``spec.json`` with their values from now on.
        began: What ``spec.json`` says so far.
    """

    spec: SweepSpec
    changes: tuple[str, ...]
    updates: Mapping[str, Any]
    began: Mapping[str, Any]


def describe_folder(space_folder: Path, sweep_folder: Path) -> dict[str, str]:
    """Describe where a space file lies, so that it is found again when both have been moved."""
    relative = os.path.relpath(space_folder, sweep_folder)
    return {"path": str(space_folder), "from_sweep": Path(relative).as_posix()}


def compare(paths: SweepPaths, space: Path | None, overrides: Sequence[str]) -> Resumption:
    """Compare a sweep with its code, the installed versions and what is asked for now.

    Args:
        paths: The sweep's folder.
        space: The space file, where it was edited or moved; None goes on with the recorded one.
        overrides: ``key=value`` each: over the keys of `space`, else limits and wider ranges.

    Raises:
        ResumeRefusedError: Something changed that nobody can accept; the message holds it.
        OptionError: An override is none that a resume takes.
        SpecError: The space file or a limit is wrong.
    """
    record = read_sweep_record(paths)
    old, folder = _find_moved(paths, record, space)
    known = {each.name: each for each in know_space(old, record).parameters}
    before = known | _by_name(old.parameters)
    if space is None:
        new, after = _override(old, before, overrides)
    else:
        new = _load_edited(space, overrides, old)
        only_in_code = {name: before[name] for name in known.keys() - _by_name(old.parameters)}
        after = only_in_code | _by_name(new.parameters)
    _check_workers(old, new)
    _check_files(paths, new)
    widened = _find_widened(before, after)
    differences = diff_specs(_with(old, before | widened), _with(new, after))
    _refuse_never(paths, differences, "training.epochs" if is_repeated(old) else "")
    now = fingerprint(new, folder)
    updates = {
        "spec": spec_to_json(new),
        "space": [parameter_to_json(_widen(each, widened)) for each in known.values()],
        "fingerprint": now.to_json(),
        "space_folder": describe_folder(folder, paths.root),
        "threads": new.resources.threads or record["threads"],
    }
    return Resumption(new, (*differences, *_diff_code(record, now)), updates, record)


def is_work_left(spec: SweepSpec, trials: Sequence[TrialRecord]) -> bool:
    """Tell whether any trial is still to be trained."""
    num_counted = sum(trial.counts for trial in trials)
    is_open = any(trial.state in ("running", "waiting") for trial in trials)
    return is_open or num_counted < spec.limits.trials


def compare_data(resumption: Resumption, engine: Engine) -> Resumption:
    """Compare the data too, which is loaded in a process of its own, as trials load it.

    Args:
        resumption: What was compared so far.
        engine: Where to load it.

    Raises:
        CheckError: It cannot be loaded.
    """
    request = {"task": "inspect_data", "threads": divide_cores("auto", 1).threads}
    found = engine.run_task(request, lambda _: {"spec": spec_to_json(resumption.spec)})
    parts = _read_parts(found)
    changes = tuple(_diff_data(resumption.began.get("data_parts", parts), parts))
    updates = {**resumption.updates, "data": found["data"], "data_parts": parts}  # type: ignore[index]
    return replace(resumption, changes=(*resumption.changes, *changes), updates=updates)


def refuse_changes(folder: str | Path, changes: Sequence[str]) -> None:
    """Refuse to go on where there are changes that were not accepted.

    Raises:
        ResumeRefusedError: There are; the message holds them.
    """
    if changes:
        raise ResumeRefusedError(
            f"{folder}: changed since the sweep began:\n  " + "\n  ".join(changes) + "\n"
            "Undo the change, start a new sweep, or take it with --accept-change."
        )


def _find_moved(
    paths: SweepPaths, record: Mapping[str, Any], space: Path | None
) -> tuple[SweepSpec, Path]:
    """Read the spec with its code where it is now, and find the folder that it lies below.

    Code beside the results wins over code where it was: a copied project uses its own.
    """
    spec = spec_from_json(record["spec"])
    before = Path(record["space_folder"]["path"])
    now = space.parent if space else paths.root / record["space_folder"]["from_sweep"]
    now = now.resolve()
    targets = {key: move_target(text, before, now) for key, text in list_targets(spec).items()}
    callbacks = {"callbacks": targets.get("training.callbacks")}
    preprocessing = {"preprocessing": targets.get("export.preprocessing")}
    moved = spec.model_copy(
        update={
            "model": targets["model"],
            "data": targets["data"],
            "training": spec.training.model_copy(update=callbacks),
            "export": spec.export.model_copy(update=preprocessing),
        }
    )
    return moved, (before if moved == spec else now)


def _load_edited(space: Path, overrides: Sequence[str], old: SweepSpec) -> SweepSpec:
    spec = load_space(space, overrides)
    limits = spec.limits
    if old.deterministic and limits.workers == "auto":
        limits = limits.model_copy(update={"workers": old.limits.workers})
    # The name may be that of the file, which may be a copy; the sweep keeps its own.
    return spec.model_copy(update={"name": old.name, "limits": limits})


def _override(
    spec: SweepSpec, known: _Parameters, overrides: Sequence[str]
) -> tuple[SweepSpec, _Parameters]:
    """Put limits and bounds of parameters over the recorded ones."""
    record = spec_to_json(spec)
    parameters = dict(known)
    for override in overrides:
        node, path = parse_override(override)
        if len(path) == 2 and path[0] in _SECTIONS:
            record[path[0]] |= node.to_python()[path[0]]
            validate(_SECTIONS[path[0]], record[path[0]], node.value[path[0]])
        elif path[0] == "parameters" and path[-1] in ("low", "high"):
            name, value = ".".join(path[1:-1]), override.partition("=")[2].strip()
            parameters[name] = _set_bound(parameters, name, path[-1], value)
        else:
            raise OptionError(
                f"--set {override}: when a sweep is resumed, only limits may change, such as "
                "limits.trials=50 or resources.memory=4GB, and ranges may grow, such as "
                "parameters.learning_rate.high=0.2. For all else edit the space file and give it "
                "with --space, or start a new sweep."
            )
    new = spec_from_json(record)
    own = tuple(parameters[each.name] for each in spec.parameters)
    return new.model_copy(update={"parameters": own}), parameters


def _set_bound(parameters: _Parameters, name: str, key: str, value: str) -> Parameter:
    where = f"parameters.{name}.{key}"
    if name not in parameters:
        hint = suggest_name(name, list(parameters))
        raise OptionError(
            f"--set {where}: {name!r} is none of the parameters that are proposed before the "
            f"model is built ({', '.join(parameters)}).{hint}"
        )
    parameter = parameters[name]
    if parameter.type not in ("int", "float"):
        raise OptionError(f"--set {where}: {name!r} is {parameter.type}, which has no range.")
    try:
        bound = parse_int(value) if parameter.type == "int" else parse_number(value)
    except ValueError as error:
        raise SpecError([Problem("--set", where, f"got {value!r}; {error}")]) from error
    changed = replace(parameter, low=bound) if key == "low" else replace(parameter, high=bound)
    written = Node(bound, "--set", ("parameters", name, key))
    check_bounds(changed, Node(dict.fromkeys(("low", "high", "step"), written), "--set"))
    return changed


def _check_workers(old: SweepSpec, new: SweepSpec) -> None:
    if old.deterministic and new.limits.workers != old.limits.workers:
        raise OptionError(
            f"limits.workers: {new.limits.workers!r} instead of {old.limits.workers}, but "
            "the sweep is deterministic: what a trial knows of the others depends on the number "
            "of workers it began with. Leave it as it is, or start a new sweep."
        )


def _check_files(paths: SweepPaths, spec: SweepSpec) -> None:
    """Say where code was looked for that is gone: accepting that would fail every trial."""
    for key, target in list_targets(spec).items():
        file = parse_target(target).file
        if file is not None and not file.is_file():
            raise ResumeRefusedError(
                f"{paths.root}: {key}: the file {file} is gone. Put it back, or, where the "
                "project was moved, name the space file in its new place with --space."
            )


def _diff_code(record: Mapping[str, Any], now: Fingerprint) -> Iterator[str]:
    began = Fingerprint.from_json(record["fingerprint"])
    yield from diff_fingerprints(began, now)
    if digest_spec(record["spec"]) != began.spec:
        yield "spec.json: the spec was changed by hand"


def _find_widened(before: _Parameters, after: _Parameters) -> _Parameters:
    return {
        name: parameter
        for name, parameter in after.items()
        if name in before and is_wider(parameter, before[name])
    }


def _refuse_never(paths: SweepPaths, changes: Sequence[str], also: str) -> None:
    """Refuse changes after which values of trials could not be compared, and that of one key."""
    keys = [change.partition(":")[0] for change in changes]
    never = [
        change
        for change, key in zip(changes, keys, strict=True)
        if key.split(".")[0] in _NEVER or key == also
    ]
    if never:
        raise ResumeRefusedError(
            f"{paths.root}: a sweep keeps its objectives, its repeats or folds with their epochs, "
            "and its parameters, whose ranges may only grow, on the same grid:\n  "
            + "\n  ".join(never)
            + "\n"
            f"Undo the change, or start a new sweep; with --from {paths.root} it tries the best "
            "parameters of this one first."
        )


def _widen(parameter: Parameter, widened: _Parameters) -> Parameter:
    """Give a parameter its wider range; it keeps conditions that only the code knows."""
    wider = widened.get(parameter.name, parameter)
    return replace(parameter, low=wider.low, high=wider.high)


def _by_name(parameters: Sequence[Parameter]) -> _Parameters:
    return {parameter.name: parameter for parameter in parameters}


def _with(spec: SweepSpec, parameters: _Parameters) -> SweepSpec:
    return spec.model_copy(update={"parameters": tuple(parameters.values())})


def _read_parts(found: Message | Death) -> dict[str, Any]:
    if isinstance(found, Death):
        problem = Problem("", "data", f"loading it: {explain_death(found).reason}")
        raise CheckError([problem])
    if found["problems"]:
        problems = [Problem("", key, message) for key, message in found["problems"]]
        raise CheckError(problems, found["traceback"])
    parts: dict[str, Any] = found["data_parts"]
    return parts


def _diff_data(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        if name not in old or name not in new:
            yield f"data: {name} is {'new' if name in new else 'gone'}"
            continue
        before, after = old[name], new[name]
        keys = [key for key in after if before.get(key) != after[key] and key != "sha256"]
        for key in keys:
            yield f"data: {name} {key} {_show(before.get(key))} -> {_show(after[key])}"
        if not keys and before.get("sha256") != after.get("sha256"):
            yield f"data: {name}: the values changed"


def _show(value: Any) -> str:
    return str(tuple(value)) if isinstance(value, list) else str(value)
