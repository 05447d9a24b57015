"""Tests of `sweeps.bundles.card`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sweeps.bundles.card import render_card, write_card
from sweeps.bundles.formats import FORMATS
from sweeps.paths import BundlePaths

MANIFEST: dict[str, Any] = {
    "created": "2026-11-25T10:00:00+00:00",
    "sweep": "digits",
    "sweep_id": "ab12",
    "trial": 7,
    "epoch": 3,
    "objective": {"metric": "val_accuracy", "direction": "maximize", "value": 0.75},
    "scores": {
        "validation": {"loss": 1.5, "accuracy": 0.75},
        "test": {"loss": 1.625, "accuracy": 0.7},
    },
    "parameters": {"units": 32, "optimizer": "adam"},
    "seed": 5,
    "inputs": [{"name": "image", "shape": [None, 8, 8, 1], "dtype": "float32"}],
    "outputs": [{"name": "digit", "shape": [None, 2], "dtype": "float32"}],
    "class_names": ["cat", "dog"],
    "preprocessing": {"file": "preprocessing.py", "function": "prepare"},
    "versions": {"python": "3.11.7", "keras": "3.15.1"},
    "data_parts": {
        "x_train": {"shape": [9, 8, 8, 1], "dtype": "float32", "sha256": "0123456789abcdef" * 4},
        "train": {"elements": "TensorSpec(...)"},
    },
    "search": {
        "sampler": "tpe",
        "pruner": "asha",
        "trials": {"complete": 12, "pruned": 7, "failed": 1, "running": 0},
    },
    "formats": {"keras": {"difference": 0.0}, "onnx": {"error": "it has <b>gelu</b>"}},
    "custom_objects": [],
}
HISTORY = [{"epoch": 1, "val_accuracy": 0.5}, {"epoch": 2, "val_accuracy": 0.75}]


def test_render_card_tells_where_the_model_comes_from() -> None:
    """Sweep, trial, epoch, search, parameters, data and scores are there."""
    card = render_card(MANIFEST)
    for line in (
        "# digits",
        "Trial 0007 of this sweep, as it was after epoch 3.",
        "| objective | `val_accuracy`, maximize |",
        "| metric | validation | test |",
        "| `accuracy` | 0.75 | 0.7 |",
        "| `units` | `32` |",
        "| trials | 20: 12 complete, 7 pruned, 1 failed |",
        "| sampler | `tpe` |",
        "| `x_train` | `(9, 8, 8, 1)` | `float32` | `0123456789abcdef` |",
        "| `train` | `TensorSpec(...)` |  |  |",
        "| input | `image` | `(any, 8, 8, 1)` | `float32` |",
        "The function `prepare` in [preprocessing.py](preprocessing.py) makes inputs of raw data.",
        "1. dog",
    ):
        assert line in card.splitlines(), line


def test_render_card_leaves_its_owner_what_only_the_owner_knows() -> None:
    """Intended use, limitations and licence are marked as to be written."""
    sections = re.findall(r"## (.+)\n\nTODO \(owner of the model\):", render_card(MANIFEST))
    assert sections == ["Intended use", "Limitations", "Licence and contact"]


def test_render_card_shows_formats_that_are_there() -> None:
    """What could not be exported is said with its reason, and not shown as loadable."""
    card = render_card(MANIFEST)
    assert 'keras.saving.load_model("model.keras")' in card
    assert "InferenceSession" not in card
    assert r"Not as `onnx`: it has \<b\>gelu\</b\>" in card
    every = {**MANIFEST, "formats": {name: {} for name in FORMATS}}
    for name in FORMATS:
        assert "\n".join(FORMATS.load(name).usage) in render_card(every)


def test_render_card_of_a_retrained_model_says_so() -> None:
    """Nobody takes the trial's score for that of a model that has seen the validation data."""
    scores = {"test": MANIFEST["scores"]["test"]}
    card = render_card({**MANIFEST, "retrained": True, "scores": scores})
    assert "trained again on training and validation data for 3 epochs" in card
    assert "there is no validation score" in card
    assert "| metric | test |" in card


def test_render_card_of_an_ensemble_shows_its_members() -> None:
    """Each member's scores stand beside those of the mean; parameters are the members'."""
    members = [
        {"trial": number, "scores": {"validation": {"accuracy": score}}, "parameters": {"units": 4}}
        for number, score in ((7, 0.75), (12, 0.5))
    ]
    card = render_card({**MANIFEST, "members": members})
    assert "The mean of the outputs of trials 0007, 0012 of this sweep, as one model." in card
    assert "| 0012 | 0.5 | `units=4` |" in card
    assert "## Parameters" not in card


@pytest.mark.parametrize("text", ["a|b`c", "<script>alert(1)</script>", "x\n# y", "[a](http://b)"])
def test_render_card_shows_texts_of_the_user_as_they_are(text: str) -> None:
    """Names and notes cannot become tables, headings, links or HTML."""
    changes = {
        "sweep": text,
        "parameters": {text: text},
        "class_names": [text, "b"],
    }
    card = render_card({**MANIFEST, **changes})
    plain = render_card(MANIFEST)
    assert card.count("\n# ") == plain.count("\n# ")
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert len(rows) == len([line for line in plain.splitlines() if line.startswith("|")]) - 1
    outside = re.sub(r"`[^`\n]*`", "", card)
    assert "<script>" not in outside
    assert not re.search(r"(?<!\\)\]\(http", outside)


def test_write_card_writes_the_picture_beside_it(tmp_path: Path) -> None:
    """The card shows the file that is there; without a history there is neither."""
    bundle = BundlePaths(tmp_path)
    write_card(bundle, MANIFEST, [])
    assert "![" not in bundle.card.read_text()
    assert not bundle.curve.exists()
    write_card(bundle, MANIFEST, HISTORY)
    (shown,) = re.findall(r"!\[.*\]\((.*)\)", bundle.card.read_text())
    assert (tmp_path / shown).read_text().startswith("<svg ")
