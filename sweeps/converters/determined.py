"""Experiment configurations of Determined.

Keys as in Determined's page "Experiment Configuration Reference".
"""

from __future__ import annotations

from sweeps.converters.draft import Draft, raise_base, read_number
from sweeps.converters.foreign import ForeignFile
from sweeps.spec.nodes import Node

SEARCHERS = {
    "single": "random",
    "random": "random",
    "grid": "grid",
    "adaptive_asha": "random",
    "async_halving": "random",
    "adaptive": "random",
    "adaptive_simple": "random",
}
"""Determined's searcher -> our sampler."""

KINDS = {"const", "int", "double", "log", "categorical"}
DEFAULT_DIVISOR, DEFAULT_RUNGS = 4, 5
DEFAULT_MODE = "standard"
_NO_LIST = "a list or a mapping is no value here; give it a name in code"


class Determined:
    """An experiment configuration of Determined: what `det experiment create` is given."""

    title = "Determined experiment configuration"

    @staticmethod
    def is_mine(root: Node) -> bool:
        """Tell by `searcher`, which no other format has."""
        return "searcher" in root.value

    @staticmethod
    def convert(file: ForeignFile) -> Draft:
        """Convert an experiment configuration."""
        draft = Draft()
        file.explain(
            file.root,
            entrypoint="the code is named by model and data",
            max_restarts="a trial that fails is not tried again; an interrupted one is resumed",
            resources="see limits.workers",
            checkpoint_storage="see keep; checkpoints lie in the sweep's folder",
            records_per_epoch="an epoch is one pass over the data",
        )
        draft.put_name(file.take(file.root, "name"))
        searcher = file.open(file.root, "searcher")
        if searcher is None:
            raise file.root.error("searcher is missing; expected an experiment configuration")
        _convert_objective(draft, file, searcher)
        _convert_searcher(draft, file, searcher)
        hyperparameters = file.open(file.root, "hyperparameters")
        if hyperparameters is None:
            raise file.root.error("hyperparameters is missing")
        is_grid = searcher.value["name"].value == "grid"
        _convert_parameters(draft, file, hyperparameters, is_grid=is_grid)
        _convert_rest(draft, file)
        return draft


def _convert_objective(draft: Draft, file: ForeignFile, searcher: Node) -> None:
    smaller = file.take(searcher, "smaller_is_better") or searcher.with_value(True)
    if not isinstance(smaller.value, bool):
        raise smaller.wrong("expected true or false")
    direction = smaller.with_value("minimize" if smaller.value else "maximize")
    metric = file.take(searcher, "metric")
    if metric is None:
        raise searcher.error("metric is missing")
    draft.put_objective(metric, direction)


def _convert_searcher(draft: Draft, file: ForeignFile, searcher: Node) -> None:
    name = file.take(searcher, "name")
    if name is None:
        raise searcher.error("name is missing")
    if not name.is_one_of(SEARCHERS):
        raise name.wrong(f"expected one of {', '.join(SEARCHERS)}")
    draft.put("sampler", "name", name.with_value(SEARCHERS[name.value]))
    trials = file.take(searcher, "max_trials")
    if name.value == "single":
        trials = name.with_value(1)
    draft.put("limits", "trials", trials)
    draft.put("limits", "workers", file.take(searcher, "max_concurrent_trials"))
    epochs = _find_epochs(file, searcher)
    draft.put("training", "epochs", epochs)
    if name.value in ("single", "random", "grid"):
        draft.put("pruner", "name", name.with_value("none"))
    else:
        _convert_halving(draft, file, searcher, name, epochs)


def _find_epochs(file: ForeignFile, searcher: Node) -> Node | None:
    """Find how long a trial trains, where that is counted in epochs."""
    reason = "a trial is as long as training.epochs says"
    file.explain(searcher, max_length=reason, max_time=reason, time_metric=reason)
    length = searcher.value.get("max_length")
    if length is not None and length.is_mapping:
        file.explain(length, batches=reason, records=reason)
        return file.take(length, "epochs")
    metric = searcher.value.get("time_metric")
    if metric is not None and metric.value in ("epoch", "epochs"):
        file.take(searcher, "time_metric")
        return file.take(searcher, "max_time")
    return None


def _convert_halving(
    draft: Draft, file: ForeignFile, searcher: Node, name: Node, epochs: Node | None
) -> None:
    """Turn one bracket into asha and several into hyperband."""
    mode = file.take(searcher, "mode") or name.with_value(DEFAULT_MODE)
    is_single = mode.value == "aggressive" or name.value == "async_halving"
    if mode.value not in ("aggressive", "standard", "conservative"):
        raise mode.wrong("expected aggressive, standard or conservative")
    divisor = file.take(searcher, "divisor") or name.with_value(DEFAULT_DIVISOR)
    rungs = file.take(searcher, "max_rungs") or file.take(searcher, "num_rungs")
    draft.put("pruner", "name", name.with_value("asha" if is_single else "hyperband"))
    draft.put("pruner", "reduction_factor", divisor.with_value(int(read_number(divisor))))
    if epochs is not None:
        count = DEFAULT_RUNGS if rungs is None else read_number(rungs)
        factor = read_number(divisor)
        if factor <= 1 or not 1 <= count < 100:
            raise searcher.error("expected a divisor above 1 and 1 to 99 rungs")
        first = max(1, int(read_number(epochs) // factor ** (count - 1)))
        draft.put("pruner", "min_epochs", epochs.with_value(first))
    elif rungs is not None:
        file.leave(rungs, "rungs begin at min_epochs")


def _convert_parameters(
    draft: Draft, file: ForeignFile, section: Node, *, is_grid: bool, prefix: str = ""
) -> None:
    for key, node in section.value.items():
        name = f"{prefix}{key}"
        if not node.is_mapping:
            _convert_plain(draft, file, section, key, name)
        elif "type" not in node.value or not node.value["type"].is_one_of(KINDS):
            _convert_parameters(draft, file, node, is_grid=is_grid, prefix=f"{name}.")
        else:
            _convert_parameter(draft, file, name, node, is_grid=is_grid)


def _convert_plain(draft: Draft, file: ForeignFile, section: Node, key: str, name: str) -> None:
    node = section.value[key]
    if node.is_list:
        file.leave(node, _NO_LIST)
        return
    file.take(section, key)
    name, notes = _rename(name)
    draft.put_parameter(name, node, {"type": node.with_value("fixed"), "value": node}, *notes)


def _convert_parameter(
    draft: Draft, file: ForeignFile, name: str, node: Node, *, is_grid: bool
) -> None:
    file.explain(node, count="only a grid counts values")
    kind = file.take(node, "type")
    assert kind is not None
    name, notes = _rename(name)
    if kind.value == "const":
        fields = _take(file, node, "fixed", value="val")
    elif kind.value == "categorical":
        fields = _take(file, node, "categorical", choices="vals")
    else:
        fields = _take(
            file, node, "int" if kind.value == "int" else "float", low="minval", high="maxval"
        )
        notes += _convert_range(file, node, kind, fields, is_grid=is_grid)
    draft.put_parameter(name, node, fields, *notes)


def _convert_range(
    file: ForeignFile, node: Node, kind: Node, fields: dict[str, Node], *, is_grid: bool
) -> list[str]:
    """Turn exponents into bounds, and the count of a grid into a step."""
    low, high = (read_number(fields[key]) for key in ("low", "high"))
    count = file.take(node, "count") if is_grid else None
    num_gaps = 0.0 if count is None else read_number(count) - 1
    if kind.value != "log":
        if num_gaps > 0:
            _put_step(fields, node, (high - low) / num_gaps)
        return []
    base_node = file.take(node, "base")
    base = 10.0 if base_node is None else float(read_number(base_node))
    if base <= 1:
        raise (base_node or node).wrong("expected a base above 1")
    for key in ("low", "high"):
        fields[key] = raise_base(base, fields[key])
    fields["scale"] = kind.with_value("log")
    if num_gaps > 0 and high > low:
        first, last = (read_number(fields[key]) for key in ("low", "high"))
        fields["step"] = node.with_value((last / first) ** (1 / num_gaps))
    return [f"the bounds were exponents of {base:g}: {low!r} to {high!r}"]


def _put_step(fields: dict[str, Node], node: Node, step: float) -> None:
    if step <= 0:
        return
    if fields["type"].value == "int":
        # Determined rounds to whole numbers, so its steps are not all alike.
        low, high = (int(read_number(fields[key])) for key in ("low", "high"))
        count = round((high - low) / step) + 1
        values = sorted({round(low + index * step) for index in range(count)})
        choices = [node.with_value(value) for value in values]
        fields.clear()
        fields |= {"type": node.with_value("categorical"), "choices": node.with_value(choices)}
        return
    fields["step"] = node.with_value(step)


def _rename(name: str) -> tuple[str, list[str]]:
    """Give the batch size the name that the training reads."""
    if name == "global_batch_size":
        return "batch_size", ["was global_batch_size; batch_size is read by the training"]
    return name, []


def _convert_rest(draft: Draft, file: ForeignFile) -> None:
    seed = file.take(file.open(file.root, "reproducibility"), "experiment_seed")
    draft.put_top("seed", seed)
    policy = file.take(file.root, "checkpoint_policy")
    if policy is not None and policy.value == "all":
        file.leave(policy, "each trial keeps its best checkpoint; see checkpoint.save_best_only")
    elif policy is not None and policy.value == "none":
        file.leave(policy, "a trial always keeps its best checkpoint; see keep")
    period = file.root.value.get("min_validation_period")
    if period is not None and period.is_mapping:
        draft.put("training", "validation_freq", file.take(period, "epochs"))


def _take(file: ForeignFile, node: Node, kind: str, **keys: str) -> dict[str, Node]:
    fields = {"type": node.with_value(kind)}
    for key, spelling in keys.items():
        if spelling not in node.value:
            raise node.error(f"{spelling} is missing")
        fields[key] = file.take(node, spelling) or node.value[spelling]
    return fields
