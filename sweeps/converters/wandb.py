"""Sweep configurations of Weights & Biases.

Keys and distributions as in W&B's page "Sweep configuration options".
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sweeps.converters.draft import Draft, fit_steps, is_whole, raise_base, read_number
from sweeps.converters.foreign import ForeignFile
from sweeps.menu import suggest_name
from sweeps.spec.nodes import Node

METHODS = {"bayes": "tpe", "random": "random", "grid": "grid"}
DEFAULT_ETA = 3

Read = Callable[[Draft, ForeignFile, str, Node], None]


class Wandb:
    """A sweep configuration of Weights & Biases: what `wandb sweep` is given."""

    title = "W&B sweep"

    @staticmethod
    def is_mine(root: Node) -> bool:
        """Tell by `method` and `parameters` at the top, and by none of Katib's and Determined's."""
        foreign = {"searcher", "hydra", "apiVersion", "spec"}
        return {"method", "parameters"} <= root.value.keys() and not foreign & root.value.keys()

    @staticmethod
    def convert(file: ForeignFile) -> Draft:
        """Convert a sweep configuration."""
        draft = Draft()
        file.explain(
            file.root,
            program="the code is named by model and data",
            command="trials are not started by a command",
            project="results lie in a folder",
            entity="results lie in a folder",
        )
        draft.put_name(file.take(file.root, "name"))
        _convert_metric(draft, file)
        parameters = file.open(file.root, "parameters")
        if parameters is None:
            raise file.root.error("parameters is missing; expected a W&B sweep configuration")
        _convert_parameters(draft, file, parameters, "")
        _convert_method(draft, file)
        _convert_early_terminate(draft, file)
        _convert_run_cap(draft, file)
        return draft


def _convert_metric(draft: Draft, file: ForeignFile) -> None:
    metric = file.open(file.root, "metric")
    file.explain(metric, target="a sweep does not end at a value; see limits")
    goal = file.take(metric, "goal") or file.root.with_value("minimize")
    known = "this W&B sweep names none"
    draft.put_objective(file.take(metric, "name"), goal, known=known)


def _convert_method(draft: Draft, file: ForeignFile) -> None:
    method = file.take(file.root, "method")
    if method is None:
        return
    if not method.is_one_of(METHODS):
        file.leave(method, "proposed by tpe instead")
        return
    if method.value == "bayes":
        draft.note("sampler", "method: bayes; sampler gp is a Gaussian process, tpe is quicker")
    draft.put("sampler", "name", method.with_value(METHODS[method.value]))


def _convert_early_terminate(draft: Draft, file: ForeignFile) -> None:
    """Turn W&B's hyperband, which judges each run alone at its rungs, into asha."""
    node = file.open(file.root, "early_terminate")
    if node is None:
        draft.put("pruner", "name", file.root.with_value("none"))
        return
    file.explain(node, strict="asha compares a trial with all that reached the rung")
    kind = file.take(node, "type") or node.with_value("hyperband")
    if kind.value != "hyperband":
        raise kind.wrong("expected hyperband, the only one that W&B has")
    draft.note("pruner", "W&B counts logged values, asha counts epochs")
    draft.put("pruner", "name", kind.with_value("asha"))
    eta = file.take(node, "eta")
    first = file.take(node, "min_iter")
    if first is None:
        first = _find_first_rung(draft, file, node, eta)
    draft.put("pruner", "min_epochs", first)
    draft.put("pruner", "reduction_factor", eta)


def _find_first_rung(draft: Draft, file: ForeignFile, node: Node, eta: Node | None) -> Node | None:
    """Compute the first rung from the last: ``max_iter / eta**s``."""
    last, brackets = file.take(node, "max_iter"), file.take(node, "s")
    if last is None:
        return None
    factor = DEFAULT_ETA if eta is None else read_number(eta)
    power = 1 if brackets is None else read_number(brackets)
    if factor <= 1 or not 0 <= power < 100:
        raise node.wrong("expected eta above 1 and s from 0 to 99")
    draft.note("pruner", "min_epochs is max_iter / eta**s")
    try:
        first = int(read_number(last) // factor**power)
    except OverflowError:
        first = 0
    return last.with_value(max(1, first))


def _convert_run_cap(draft: Draft, file: ForeignFile) -> None:
    cap = file.take(file.root, "run_cap")
    draft.put("limits", "trials", cap)
    if cap is None:
        draft.put("limits", "trials", file.root.with_value(20))
        draft.note("limits", "TODO: this W&B sweep has no run_cap; here a sweep has an end")


def _convert_parameters(draft: Draft, file: ForeignFile, section: Node, prefix: str) -> None:
    for key, node in section.value.items():
        name = f"{prefix}{key}"
        if not node.is_mapping:
            raise node.wrong("expected a mapping such as {min: 0.1, max: 1.0} or {values: [1, 2]}")
        inner = file.open(node, "parameters")
        if inner is not None:
            _convert_parameters(draft, file, inner, f"{name}.")
        else:
            _convert_parameter(draft, file, name, node)


def _convert_parameter(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    file.explain(node, probabilities="choices are equally likely at first")
    distribution = file.take(node, "distribution")
    kind = _find_distribution(node) if distribution is None else distribution.value
    if not isinstance(kind, str) or kind not in READERS:
        given = distribution or node
        hint = suggest_name(str(kind), list(READERS))
        raise given.wrong(f"expected one of {', '.join(READERS)}.{hint}")
    READERS[kind](draft, file, name, node)


def _find_distribution(node: Node) -> str:
    if "values" in node.value:
        return "categorical"
    if "value" in node.value:
        return "constant"
    if not {"min", "max"} <= node.value.keys():
        raise node.wrong("expected value, values, or min and max")
    return "int_uniform" if is_whole(node.value["min"], node.value["max"]) else "uniform"


def _read_constant(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    draft.put_parameter(name, node, _take(file, node, type="fixed", value="value"))


def _read_choices(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    draft.put_parameter(name, node, _take(file, node, type="categorical", choices="values"))


def _read_int(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    draft.put_parameter(name, node, _take(file, node, type="int", low="min", high="max"))


def _read_uniform(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    draft.put_parameter(name, node, _take(file, node, type="float", low="min", high="max"))


def _read_q_uniform(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    """Convert ``round(X / q) * q``: multiples of q, from the one nearest to the lower bound."""
    fields = _take(file, node, type="float", low="min", high="max", step="q")
    step = fields.setdefault("step", node.with_value(1))
    size = read_number(step)
    if size <= 0:
        raise step.wrong("expected a number above 0")
    notes = []
    for key in ("low", "high"):
        bound = read_number(fields[key])
        nearest = round(bound / size) * size
        nearest = nearest if isinstance(nearest, int) else float(f"{nearest:.12g}")
        if nearest != bound:
            notes.append(f"{key} was {bound!r}, which W&B rounds to a multiple of q")
        fields[key] = fields[key].with_value(nearest)
    if is_whole(fields["low"], fields["high"], step):
        fields["type"] = node.with_value("int")
    draft.put_parameter(name, node, fields, *notes, *fit_steps(fields))


def _read_log_values(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    fields = _take(file, node, type="float", low="min", high="max")
    _put_log(draft, file, name, node, fields)


def _read_log_exponents(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    fields = _take(file, node, type="float", low="min", high="max")
    _put_log(draft, file, name, node, _raise_bounds(draft, name, fields))


def _read_inverse_exponents(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    """Convert X with ``log(1/X)`` uniform between the bounds: as likely in each decade, too."""
    fields = _take(file, node, type="float", low="max", high="min")
    for key in ("low", "high"):
        fields[key] = fields[key].with_value(-read_number(fields[key]))
    _put_log(draft, file, name, node, _raise_bounds(draft, name, fields))


def _raise_bounds(draft: Draft, name: str, fields: dict[str, Node]) -> dict[str, Node]:
    low, high = (read_number(fields[key]) for key in ("low", "high"))
    draft.note(f"parameters.{name}", f"W&B's bounds were exponents of e: {low!r} to {high!r}")
    raised = {key: raise_base(math.e, fields[key]) for key in ("low", "high")}
    return {**fields, **raised}


def _put_log(
    draft: Draft, file: ForeignFile, name: str, node: Node, fields: dict[str, Node]
) -> None:
    step = file.take(node, "q")
    if step is not None:
        file.leave(step, "on the logarithmic scale a step here is a factor")
    draft.put_parameter(name, node, {**fields, "scale": node.with_value("log")})


def _read_normal(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    """Convert a distribution without bounds into the range that holds 95 % of it."""
    low, high, text = _read_bell(file, node)
    fields = {"type": "float", "low": float(f"{low:.7g}"), "high": float(f"{high:.7g}")}
    draft.put_parameter(
        name, node, {key: node.with_value(value) for key, value in fields.items()}, text
    )


def _read_log_normal(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    low, high, text = _read_bell(file, node)
    fields = {
        key: raise_base(math.e, node.with_value(v)) for key, v in (("low", low), ("high", high))
    }
    fields |= {"type": node.with_value("float"), "scale": node.with_value("log")}
    draft.put_parameter(name, node, fields, text)


def _read_bell(file: ForeignFile, node: Node) -> tuple[float, float, str]:
    mean, deviation = (
        default if (given := file.take(node, key)) is None else read_number(given)
        for key, default in (("mu", 0.0), ("sigma", 1.0))
    )
    if deviation <= 0:
        raise node.wrong("expected sigma above 0")
    text = f"TODO: was normal with mu {mean!r} and sigma {deviation!r}; here mu +- 2 sigma, evenly"
    return mean - 2 * deviation, mean + 2 * deviation, text


def _read_beta(draft: Draft, file: ForeignFile, name: str, node: Node) -> None:
    file.explain(node, a="values are drawn evenly", b="values are drawn evenly")
    fields = {"type": "float", "low": 0.0, "high": 1.0}
    text = "TODO: was a beta distribution; here even"
    draft.put_parameter(
        name, node, {key: node.with_value(value) for key, value in fields.items()}, text
    )


def _take(file: ForeignFile, node: Node, *, type: str, **keys: str) -> dict[str, Node]:  # noqa: A002
    """Take values by canonical key; each has to be there but a step."""
    fields = {"type": node.with_value(type)}
    for key, spelling in keys.items():
        child = file.take(node, spelling)
        if child is None and spelling in node.value and key == "value":
            child = node.value[spelling]  # a fixed null
        if child is not None:
            fields[key] = child
        elif key != "step":
            raise node.error(f"{spelling} is missing")
    return fields


READERS: dict[str, Read] = {
    "constant": _read_constant,
    "categorical": _read_choices,
    "categorical_w_probabilities": _read_choices,
    "int_uniform": _read_int,
    "uniform": _read_uniform,
    "q_uniform": _read_q_uniform,
    "log_uniform": _read_log_exponents,
    "log_uniform_values": _read_log_values,
    "q_log_uniform": _read_log_exponents,
    "q_log_uniform_values": _read_log_values,
    "inv_log_uniform": _read_inverse_exponents,
    "inv_log_uniform_values": _read_log_values,
    "normal": _read_normal,
    "q_normal": _read_normal,
    "log_normal": _read_log_normal,
    "q_log_normal": _read_log_normal,
    "beta": _read_beta,
    "q_beta": _read_beta,
}
"""W&B's distribution -> how it is read."""
