"""One model of several: the means of what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from sweeps.checkpoints.store import BestStore
from sweeps.durable import read_json
from sweeps.errors import OptionError
from sweeps.paths import BundlePaths, SweepPaths
from sweeps.spec.model import SweepSpec
from sweeps.training.evaluate import describe_model, load_best, score_splits
from sweeps.training.held_data import take_data
from sweeps.training.models import load_hypermodel, save_model
from sweeps.training.own_fit import has_own_fit
from sweeps.training.randomness import seed_everything
from sweeps.training.repetitions import find_model_facts, select_data
from sweeps.training.train import resolve_training


def export_ensemble(
    spec: SweepSpec, paths: SweepPaths, numbers: Sequence[int], bundle: BundlePaths
) -> dict[str, Any]:
    """Write the mean of several trials' best models into a bundle, and score it and each of them.

    Args:
        spec: What the user asked for.
        paths: The sweep's folder.
        numbers: The trials, the best one first.
        bundle: Where to write the model and the samples.

    Returns:
        What `describe_model` gives, and ``members``: of each trial the recorded ``value`` and
        ``others``, its ``scores`` and ``facts`` computed anew, and whether the HyperModel's
        ``own_fit`` computed the former.

    Raises:
        OptionError: The models cannot be averaged.
        CheckpointError: One of them is gone, or is not the one that was saved.
    """
    seed_everything(spec.seed)
    data = select_data(take_data(spec.data), spec, 0)
    hypermodel = load_hypermodel(spec.model)
    own_fit = has_own_fit(hypermodel)
    models, members, sizes = {}, [], []
    for number in numbers:
        trial = paths.trial(number)
        values, best = read_json(trial.params), BestStore(trial).find_best()
        model = load_best(spec, trial, values, hypermodel, data)
        _, batch_size = resolve_training(spec, values)
        members.append(
            {
                "trial": number,
                "value": best.value if best else None,
                "others": best.others if best else {},
                "scores": score_splits(model, data, batch_size),
                "facts": find_model_facts(model, spec.objectives),
                "own_fit": own_fit,
            }
        )
        models[f"trial {number:04d}"] = model
        sizes.append(batch_size)
    save_model(average_models(models), bundle.model)
    return {"members": members, "own_fit": own_fit, **describe_model(spec, bundle, data, sizes[0])}


def average_models(members: Mapping[str, Any]) -> Any:
    """Make one model whose outputs are the means of its members' outputs.

    It is compiled as the first member is, so that it can be evaluated, and it is not to be trained:
    its members are frozen. Its loss is therefore that of the outputs alone, without penalties on
    weights.

    Args:
        members: At least two models by a name for messages, such as ``trial 0012``, the best one
            first. They become part of the new model, under these names.

    Raises:
        OptionError: A member takes or gives something else than the first one; the message names
            it. Or what it gives has no mean, such as a class.
    """
    structures = {name: _read_structures(name, model) for name, model in members.items()}
    first_name, first = next(iter(members.items()))
    for name, structure in structures.items():
        _compare(first_name, structures[first_name], name, structure)
    inputs = keras.tree.map_structure(_copy_input, structures[first_name]["inputs"])
    given = [_call(name, structure, inputs) for name, structure in structures.items()]
    outputs = _average(first_name, first, given)
    ensemble = keras.Model(inputs, outputs, name="ensemble")
    ensemble.compile_from_config(first.get_compile_config())
    return ensemble


def _read_structures(name: str, model: Any) -> dict[str, Any]:
    if isinstance(model, keras.Sequential) and model.built:
        return {"inputs": model.inputs[0], "outputs": model.outputs[0]}
    if getattr(model, "inputs", None):
        return {"inputs": model.input, "outputs": model.output}
    raise OptionError(
        f"{name}: its model is a {type(model).__name__}, which does not say what it takes and "
        "gives. Build it with keras.Model(inputs, outputs) or keras.Sequential for an ensemble."
    )


def _compare(
    first_name: str, expected: Mapping[str, Any], name: str, found: Mapping[str, Any]
) -> None:
    for kind in ("inputs", "outputs"):
        wanted, given = _describe(expected[kind]), _describe(found[kind])
        if wanted != given:
            raise OptionError(
                f"{name}: its {kind} are {given}, but those of {first_name} are {wanted}; the mean "
                "of both is not defined. Take fewer trials, or fix the parameter that changes it."
            )


def _describe(structure: Any) -> Any:
    """Write structure, shapes and types so that equal texts mean equal ones."""
    shown = keras.tree.map_structure(
        lambda tensor: f"{tensor.dtype}{list(tensor.shape[1:])}", structure
    )
    return f"{shown}"


def _copy_input(tensor: Any) -> Any:
    return keras.Input(
        batch_shape=tensor.shape, dtype=tensor.dtype, sparse=tensor.sparse, name=tensor.name
    )


def _call(name: str, structure: Mapping[str, Any], inputs: Any) -> Any:
    """Call a member's layers, without the optimizer that its own model would be saved with."""
    model = keras.Model(structure["inputs"], structure["outputs"], name=name.replace(" ", "_"))
    model.trainable = False
    return model(inputs)


def _average(name: str, first: Any, given: list[Any]) -> Any:
    """Average each output, under the name by which the first member's loss and metrics know it."""
    flat = [keras.tree.flatten(each) for each in given]
    is_sequential = isinstance(first, keras.Sequential)
    names = [first.layers[-1].name] if is_sequential else list(first.output_names)
    means = [
        _average_output(name, output_name, tensors)
        for output_name, tensors in zip(names, zip(*flat, strict=True), strict=True)
    ]
    return keras.tree.pack_sequence_as(given[0], means)


def _average_output(name: str, output_name: str, tensors: tuple[Any, ...]) -> Any:
    if not keras.backend.is_float_dtype(tensors[0].dtype):
        raise OptionError(
            f"{name}: its output {output_name!r} is {tensors[0].dtype}, of which there is no mean; "
            "expected numbers with a fraction, such as probabilities."
        )
    return keras.layers.Average(name=output_name, dtype=tensors[0].dtype)(list(tensors))
