"""Configurations of Hydra's Optuna sweeper."""

from __future__ import annotations

import re

from sweeps.converters.draft import Draft, fit_steps, is_whole, read_number
from sweeps.converters.foreign import ForeignFile
from sweeps.spec.nodes import Node, resolve_scalar

SAMPLERS = {
    "TPESampler": "tpe",
    "RandomSampler": "random",
    "GridSampler": "grid",
    "CmaEsSampler": "cmaes",
    "QMCSampler": "qmc",
    "GPSampler": "gp",
    "NSGAIISampler": "nsga2",
}
"""Optuna's sampler -> ours."""

GROUPS = {"tpe": "tpe", "random": "random", "grid": "grid", "cmaes": "cmaes", "nsgaii": "nsga2"}
"""Hydra's config group ``hydra/sweeper/sampler`` -> our sampler."""

OPTIONS = {
    "tpe": {"n_startup_trials": "startup_trials", "n_ei_candidates": "candidates"},
    "gp": {"n_startup_trials": "startup_trials"},
    "cmaes": {"popsize": "population"},
    "nsga2": {
        "population_size": "population",
        "crossover_prob": "crossover",
        "mutation_prob": "mutation",
    },
    "qmc": {"qmc_type": "sequence", "scramble": "scramble"},
}
"""Our sampler -> argument of Optuna's -> our option."""

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*", re.DOTALL)
_KEYWORD = re.compile(r"\s*(start|stop|end|step|sweep|value)\s*=\s*(.*)", re.DOTALL)
_EXPECTED = (
    "expected interval(a, b), range(a, b), choice(a, b), or these in tag(log, ...) or int(...)"
)


class Hydra:
    """A configuration of Hydra with the Optuna sweeper, `hydra.sweeper.params` in it."""

    title = "configuration of Hydra's Optuna sweeper"

    @staticmethod
    def is_mine(root: Node) -> bool:
        """Tell by `hydra`, which no other format has."""
        return "hydra" in root.value

    @staticmethod
    def convert(file: ForeignFile) -> Draft:
        """Convert a configuration."""
        draft = Draft()
        sweeper = file.open(file.open(file.root, "hydra"), "sweeper")
        if sweeper is None:
            raise file.root.error("hydra.sweeper is missing; expected Hydra's Optuna sweeper")
        _explain(file, sweeper)
        draft.put_name(file.take(sweeper, "study_name"))
        _convert_direction(draft, file, sweeper)
        _convert_parameters(draft, file, sweeper)
        _convert_sampler(draft, file, sweeper, _read_defaults(file))
        draft.put("pruner", "name", sweeper.with_value("none"))
        draft.put("limits", "trials", file.take(sweeper, "n_trials"))
        workers = file.take(sweeper, "n_jobs")
        if workers is not None and workers.value == -1:
            workers = workers.with_value("auto")
        draft.put("limits", "workers", workers)
        return draft


def _explain(file: ForeignFile, sweeper: Node) -> None:
    file.take(sweeper, "_target_")
    file.explain(
        sweeper,
        storage="the study lies in the sweep's folder",
        max_failure_rate="see limits.failures, a number of trials",
        custom_search_space="see when and constraints",
    )
    for key in file.root.value:
        if key not in ("hydra", "defaults"):
            file.explain(
                file.root, **{key: "the application's own; fixed values can be parameters"}
            )


def _convert_direction(draft: Draft, file: ForeignFile, sweeper: Node) -> None:
    direction = file.take(sweeper, "direction") or sweeper.with_value("minimize")
    if direction.is_list:
        if len(direction.value) != 1:
            raise direction.wrong("expected one direction; this converter knows one objective")
        direction = direction.value[0]
    known = "for Hydra it is what the task function returns"
    draft.put_objective(None, direction, known=known)


def _read_defaults(file: ForeignFile) -> Node | None:
    """Take what the defaults list says about the sweeper; gives the sampler it chooses."""
    sampler = None
    for item in file.open_list(file.root, "defaults"):
        for key in item.value if item.is_mapping else ():
            group = key.removeprefix("override").strip()
            if group == "hydra/sweeper":
                file.take(item, key)
            elif group == "hydra/sweeper/sampler":
                sampler = file.take(item, key)
    return sampler


def _convert_sampler(draft: Draft, file: ForeignFile, sweeper: Node, group: Node | None) -> None:
    node = file.open(sweeper, "sampler")
    target = file.take(node, "_target_")
    name = "tpe"
    if target is not None:
        name = SAMPLERS.get(str(target.value).rpartition(".")[2], "")
        if not name:
            file.leave(target, "proposed by tpe instead")
            return
    elif group is not None:
        name = GROUPS.get(str(group.value), "")
        if not name:
            file.leave(group, "proposed by tpe instead")
            return
    draft.put("sampler", "name", (target or group or sweeper).with_value(name))
    draft.put_top("seed", file.take(node, "seed"))
    for theirs, ours in OPTIONS.get(name, {}).items():
        draft.put("sampler", ours, file.take(node, theirs))


def _convert_parameters(draft: Draft, file: ForeignFile, sweeper: Node) -> None:
    sections = [file.open(sweeper, key) for key in ("params", "search_space")]
    found = [section for section in sections if section is not None]
    if not any(section.value for section in found):
        raise sweeper.error("params is missing; expected such as {lr: 'interval(0.1, 1.0)'}")
    for section in found:
        for key, node in section.value.items():
            name = key.lstrip("+")
            if node.is_mapping:
                _convert_mapping(draft, file, name, node)
            else:
                file.take(section, key)
                _convert_text(draft, name, node)


def _convert_mapping(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    """Convert the older form, whose keys are Optuna's."""
    fields = {}
    for key in ("type", "low", "high", "step", "log", "choices"):
        child = file.take(node, key)
        if child is not None:
            fields[key] = child
    draft.put_parameter(name, node, fields, *fit_steps(fields))


def _convert_text(draft: Draft, name: str, node: Node) -> None:
    if node.is_list:
        draft.put_parameter(name, node, {"choices": node})
        return
    fields, notes = _read_sweep(node, node.value)
    draft.put_parameter(name, node, fields, *notes, *fit_steps(fields))


def _read_sweep(node: Node, text: object) -> tuple[dict[str, Node], list[str]]:
    """Read one override of Hydra's grammar."""
    if not isinstance(text, str):
        return {"type": node.with_value("fixed"), "value": node}, []
    call = _CALL.fullmatch(text)
    arguments = _split(node, call[2] if call else text)
    if call is None:
        return _read_values(node, arguments, is_choice=len(arguments) > 1)
    if call[1] == "choice":
        return _read_values(node, arguments, is_choice=True)
    if call[1] in _WRAPPERS:
        return _read_wrapped(node, call[1], arguments)
    if call[1] in ("interval", "range"):
        return _read_bounds(node, call[1], arguments)
    raise node.wrong(_EXPECTED)


_WRAPPERS = ("tag", "int", "float", "shuffle", "sort")


def _read_wrapped(
    node: Node, function: str, arguments: list[str]
) -> tuple[dict[str, Node], list[str]]:
    if not arguments:
        raise node.wrong(_EXPECTED)
    keyword = _KEYWORD.fullmatch(arguments[-1])
    fields, notes = _read_sweep(node, keyword[2] if keyword else arguments[-1])
    if function == "tag" and "log" in (argument.strip() for argument in arguments[:-1]):
        fields["scale"] = node.with_value("log")
    if function in ("int", "float") and "low" in fields:
        fields["type"] = node.with_value(function)
        for key in ("low", "high"):
            value = read_number(fields[key])
            fields[key] = node.with_value(int(value) if function == "int" else value)
    return fields, notes


def _read_bounds(
    node: Node, function: str, arguments: list[str]
) -> tuple[dict[str, Node], list[str]]:
    names = ("low", "high", "step") if function == "range" else ("low", "high")
    words = {"start": "low", "stop": "high", "end": "high", "step": "step"}
    fields: dict[str, Node] = {}
    for position, argument in enumerate(arguments):
        keyword = _KEYWORD.fullmatch(argument)
        name = words.get(keyword[1], "") if keyword else ""
        if not keyword:
            name = names[position] if position < len(names) else ""
        if name not in names or name in fields:
            raise node.wrong(_EXPECTED)
        value = node.with_value(_resolve(node, keyword[2] if keyword else argument))
        fields[name] = value.with_value(read_number(value))
    if function == "range" and list(fields) == ["low"]:  # range(n) begins at 0
        fields = {"low": node.with_value(0), "high": fields["low"]}
    if not {"low", "high"} <= fields.keys():
        raise node.wrong(_EXPECTED)
    if function == "interval":
        return {**fields, "type": node.with_value("float")}, []
    kind = "int" if is_whole(*fields.values()) else "float"
    # Hydra hands the bound of range() to Optuna as it is, which includes it.
    return {**fields, "type": node.with_value(kind)}, []


def _read_values(
    node: Node, arguments: list[str], *, is_choice: bool
) -> tuple[dict[str, Node], list[str]]:
    values = [Node(_resolve(node, text), node.where, node.path) for text in arguments]
    if not is_choice:
        value = values[0] if values else node
        return {"type": node.with_value("fixed"), "value": value}, []
    return {"type": node.with_value("categorical"), "choices": node.with_value(values)}, []


def _resolve(node: Node, text: str) -> object:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text[:1] in ("[", "{"):
        raise node.wrong("a list or a mapping is no value here; give it a name in code")
    try:
        return resolve_scalar(text)
    except ValueError as error:
        raise node.error(str(error)) from error


def _split(node: Node, text: str) -> list[str]:
    """Split arguments at the commas outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote or letter in "'\"":
            quote = "" if letter == quote else quote or letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    if depth or quote:
        raise node.wrong("a bracket or a quote is not closed")
    return [part for part in parts if part.strip()]
