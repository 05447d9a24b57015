"""Experiments of Katib, Kubeflow's hyperparameter tuning (kubeflow.org/v1beta1)."""

from __future__ import annotations

from collections.abc import Mapping

from sweeps.converters.draft import Draft, fit_steps, read_number
from sweeps.converters.foreign import ForeignFile
from sweeps.spec.nodes import Node
from sweeps.spec.units import parse_count, parse_seed

ALGORITHMS = {
    "random": {"name": "random"},
    "grid": {"name": "grid"},
    "tpe": {"name": "tpe"},
    "multivariate-tpe": {"name": "tpe"},
    "bayesianoptimization": {"name": "tpe"},
    "cmaes": {"name": "cmaes"},
    "sobol": {"name": "qmc", "sequence": "sobol"},
}
"""Katib's algorithm -> our sampler; hyperband is told apart below."""

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "tpe": {"n_startup_trials": "startup_trials", "n_EI_candidates": "candidates"},
    "cmaes": {"popsize": "population"},
}
"""Our sampler -> Katib's setting -> our option."""

STOPPING_SETTINGS = {"min_trials_required": "startup_trials", "start_step": "min_epochs"}
# Katib's own defaults, which are not ours.
STOPPING_DEFAULTS = {"startup_trials": 3, "min_epochs": 4}

DISTRIBUTIONS = {"uniform": "linear", "normal": "linear", "logUniform": "log", "logNormal": "log"}

Settings = Mapping[str, Node]


class Katib:
    """An Experiment of Katib: what `kubectl apply` is given."""

    title = "Katib Experiment"

    @staticmethod
    def is_mine(root: Node) -> bool:
        """Tell by Kubernetes' own keys."""
        version = root.value.get("apiVersion")
        return version is not None and str(version.value).startswith("kubeflow.org/")

    @staticmethod
    def convert(file: ForeignFile) -> Draft:
        """Convert an Experiment."""
        draft = Draft()
        for key in ("apiVersion", "kind"):
            file.take(file.root, key)
        draft.put_name(file.take(file.open(file.root, "metadata"), "name"))
        spec = file.open(file.root, "spec")
        if spec is None:
            raise file.root.error("spec is missing; expected an Experiment of Katib")
        file.explain(
            spec,
            trialTemplate="trials are processes of this machine, not of Kubernetes",
            resumePolicy="every sweep can be resumed",
            metricsCollectorSpec="metrics are those in the logs of Keras",
        )
        _convert_objective(draft, file, spec)
        for node in file.open_list(spec, "parameters"):
            _convert_parameter(draft, file, node)
        _convert_algorithm(draft, file, spec)
        _convert_early_stopping(draft, file, spec)
        _convert_limits(draft, file, spec)
        return draft


def _convert_objective(draft: Draft, file: ForeignFile, spec: Node) -> None:
    objective = file.open(spec, "objective")
    if objective is None:
        raise spec.error("objective is missing")
    file.explain(objective, goal="a sweep does not end at a value; see limits")
    direction = file.take(objective, "type")
    if direction is None:
        raise objective.error("type is missing; expected minimize or maximize")
    metric = file.take(objective, "objectiveMetricName")
    draft.put_objective(metric, direction, known="this Experiment names none")


def _convert_limits(draft: Draft, file: ForeignFile, spec: Node) -> None:
    draft.put("limits", "trials", file.take(spec, "maxTrialCount"))
    draft.put("limits", "workers", file.take(spec, "parallelTrialCount"))
    failures = file.take(spec, "maxFailedTrialCount")
    if failures is not None:  # 0 means that the first failure ends it
        value = 1 if failures.value == 0 else failures.value
        draft.put("limits", "failures", failures.with_value(value))


def _convert_algorithm(draft: Draft, file: ForeignFile, spec: Node) -> None:
    algorithm = file.open(spec, "algorithm")
    name = file.take(algorithm, "algorithmName")
    if algorithm is None or name is None:
        return
    settings = _read_settings(file, algorithm)
    for item, _ in _match(file, settings, {"random_state": "seed", "seed": "seed"}):
        draft.put_top("seed", item.with_value(_to_seed(item)))
    if name.value == "hyperband":
        _convert_hyperband(draft, file, name, settings)
    elif name.is_one_of(ALGORITHMS):
        _convert_sampler(draft, file, name, settings)
    else:
        file.leave(name, "proposed by tpe instead")


def _convert_sampler(draft: Draft, file: ForeignFile, name: Node, settings: Settings) -> None:
    if name.value == "bayesianoptimization":
        draft.note("sampler", "was bayesianoptimization; sampler gp is a Gaussian process")
    options = ALGORITHMS[name.value]
    for key, value in options.items():
        draft.put("sampler", key, name.with_value(value))
    for item, option in _match(file, settings, SETTINGS.get(options["name"], {})):
        draft.put("sampler", option, item.with_value(_to_count(item)))


def _convert_hyperband(draft: Draft, file: ForeignFile, name: Node, settings: Settings) -> None:
    """Split Katib's hyperband into who proposes and who stops early."""
    draft.put("sampler", "name", name.with_value("random"))
    draft.put("pruner", "name", name.with_value("hyperband"))
    for item, option in _match(file, settings, {"eta": "reduction_factor"}):
        draft.put("pruner", option, item.with_value(_to_count(item)))
    for item, option in _match(file, settings, {"r_l": "epochs"}):
        draft.put("training", option, item.with_value(_to_count(item)))


def _convert_early_stopping(draft: Draft, file: ForeignFile, spec: Node) -> None:
    stopping = file.open(spec, "earlyStopping")
    name = file.take(stopping, "algorithmName")
    if stopping is None or name is None:
        if "pruner" not in draft.sections:
            draft.put("pruner", "name", spec.with_value("none"))
        return
    if name.value != "medianstop":
        raise name.wrong("expected medianstop, the only one that Katib has")
    options = {key: name.with_value(value) for key, value in STOPPING_DEFAULTS.items()}
    for item, option in _match(file, _read_settings(file, stopping), STOPPING_SETTINGS):
        options[option] = item.with_value(_to_count(item))
    draft.sections["pruner"] = name.with_value({"name": name.with_value("median"), **options})


def _read_settings(file: ForeignFile, algorithm: Node) -> Settings:
    """Read a list of names and values: name -> the item."""
    settings = {}
    for item in file.open_list(algorithm, "algorithmSettings"):
        if not item.is_mapping or not {"name", "value"} <= item.value.keys():
            raise item.wrong("expected a name and a value")
        settings[str(item.value["name"].value)] = item
    return settings


def _match(
    file: ForeignFile, settings: Settings, names: Mapping[str, str]
) -> list[tuple[Node, str]]:
    """Take the settings that have a counterpart: (value, our name)."""
    found = []
    for theirs, ours in names.items():
        if theirs in settings:
            file.take(settings[theirs], "name")
            found.append((file.take(settings[theirs], "value") or settings[theirs], ours))
    return found


def _to_count(node: Node) -> int:
    """Read a whole number that Katib writes as a text."""
    try:
        return parse_count(node.value)
    except ValueError as error:
        raise node.wrong(str(error)) from error


def _to_seed(node: Node) -> int:
    try:
        return parse_seed(node.value)
    except ValueError as error:
        raise node.wrong(str(error)) from error


def _convert_parameter(draft: Draft, file: ForeignFile, node: Node) -> None:
    name, kind = file.take(node, "name"), file.take(node, "parameterType")
    space = file.open(node, "feasibleSpace") if node.is_mapping else None
    if name is None or kind is None or space is None:
        raise node.wrong("expected a mapping with name, parameterType and feasibleSpace")
    if kind.value in ("double", "int"):
        _convert_range(draft, file, str(name.value), kind, space)
    elif kind.value in ("discrete", "categorical"):
        _convert_list(draft, file, str(name.value), kind, space)
    else:
        raise kind.wrong("expected double, int, discrete or categorical")


def _convert_range(draft: Draft, file: ForeignFile, name: str, kind: Node, space: Node) -> None:
    fields = {"type": kind.with_value("int" if kind.value == "int" else "float")}
    for key, spelling in (("low", "min"), ("high", "max"), ("step", "step")):
        child = file.take(space, spelling)
        if child is not None:
            fields[key] = child.with_value(read_number(child))
        elif key != "step":
            raise space.error(f"{spelling} is missing")
    notes = _convert_distribution(file, space, fields)
    draft.put_parameter(name, space, fields, *notes, *fit_steps(fields))


def _convert_distribution(file: ForeignFile, space: Node, fields: dict[str, Node]) -> list[str]:
    distribution = file.take(space, "distribution")
    if distribution is None:
        return []
    if not distribution.is_one_of(DISTRIBUTIONS):
        raise distribution.wrong(f"expected one of {', '.join(DISTRIBUTIONS)}")
    scale = DISTRIBUTIONS[distribution.value]
    fields["scale"] = distribution.with_value(scale)
    if scale == "log" and "step" in fields:
        file.leave(fields.pop("step"), "on the logarithmic scale a step here is a factor")
    is_bell = distribution.value in ("normal", "logNormal")
    return [f"TODO: was {distribution.value}; here even"] if is_bell else []


def _convert_list(draft: Draft, file: ForeignFile, name: str, kind: Node, space: Node) -> None:
    choices = file.take(space, "list")
    if choices is None or not choices.is_list or not choices.value:
        raise space.error("list is missing; expected at least one value")
    items = choices.value
    if kind.value == "discrete":
        items = [item.with_value(read_number(item)) for item in items]
    fields = {"type": kind.with_value("categorical"), "choices": choices.with_value(items)}
    draft.put_parameter(name, space, fields)
