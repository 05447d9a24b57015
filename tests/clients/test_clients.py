"""Clients that know nothing of this package use a bundle, and get what its samples promise.

The light ones run here. ``python -m tests.clients`` runs all, and tells what each has found.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.clients.bundle import FORMATS, TOLERANCE, make_bundle
from tests.clients.clients import (
    BARE,
    CLIENTS,
    Found,
    measure_difference,
    read_samples,
    use_litert,
    use_onnx,
)
from tests.clients.environments import (
    REPOSITORY,
    UnavailableError,
    make_environment,
    run_client,
)

LIGHT = [client for client in CLIENTS if not client.is_heavy]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("tf2onnx", "onnxruntime", "ai_edge_litert"):
        pytest.importorskip(module)
    return make_bundle(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter beside which there is neither TensorFlow nor this package."""
    try:
        return make_environment(tmp_path_factory.mktemp("bare") / "environment", BARE)
    except UnavailableError as error:
        pytest.skip(f"the runtimes cannot be installed: {error}")


@pytest.mark.parametrize("client", LIGHT, ids=[client.name for client in LIGHT])
def test_client_gets_what_the_samples_promise(client, bundle: Path, tmp_path: Path) -> None:
    """Promise 11, for whoever has TensorFlow: the same numbers, under the same names."""
    try:
        found = client.use(bundle, tmp_path)
    except UnavailableError as error:
        pytest.skip(str(error))
    assert measure_difference(bundle, found) <= TOLERANCE


@pytest.mark.parametrize("use", [use_onnx, use_litert])
def test_client_without_tensorflow_gets_what_the_samples_promise(
    use, bundle: Path, bare_python: Path, tmp_path: Path
) -> None:
    """Promise 11, where TensorFlow is not installed."""
    assert measure_difference(bundle, use(bundle, tmp_path, bare_python)) <= TOLERANCE


def test_model_card_says_how_to_load_every_format(bundle: Path) -> None:
    """What the card shows of each format works in the bundle's folder, word by word."""
    card = (bundle / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", card, re.MULTILINE | re.DOTALL)
    assert len(blocks) == len(FORMATS) + 1  # and sweeps.load
    run_client([sys.executable, "-c", "\n".join(blocks)], bundle)


def test_measure_difference_sees_one(bundle: Path) -> None:
    """The comparison bites: another number, another name or another shape."""
    outputs = read_samples(bundle, "outputs")
    ((name, array),) = outputs.items()
    assert measure_difference(bundle, Found(outputs, "")) == 0
    changed = array.copy()
    changed[0, 0] += 0.001
    assert measure_difference(bundle, Found({name: changed}, "")) == pytest.approx(0.001, rel=0.01)
    for wrong in ({"other": array}, {name: array[:1]}, {name: np.full_like(array, np.nan)}):
        with pytest.raises(AssertionError):
            measure_difference(bundle, Found(wrong, ""))


def test_clients_page_names_every_client() -> None:
    """docs/clients.md tells of each."""
    text = (REPOSITORY / "docs/clients.md").read_text(encoding="utf-8")
    assert [client.name for client in CLIENTS if f"`{client.name}`" not in text] == []
