"""What a metric's name says: whether larger or smaller is better, and where its value is from."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sweeps.spec.fields import Direction

MODEL_FACTS: Mapping[str, Direction] = {"num_weights": "minimize"}
"""Metrics that are facts of the built model and in no log of Keras -> which direction is meant."""

MAXIMIZED = (
    *("accuracy", "acc", "auc", "precision", "recall", "f1", "f1_score", "fbeta_score"),
    *("r2", "r2_score", "iou", "io_u", "mean_iou", "dice", "specificity", "sensitivity"),
    *("true_positives", "true_negatives", "bleu", "ndcg", "mrr"),
)
MINIMIZED = (
    *("loss", "error", "mae", "mse", "mape", "msle", "rmse", "crossentropy", "perplexity"),
    *("mean_absolute_error", "mean_squared_error", "mean_absolute_percentage_error"),
    *("mean_squared_logarithmic_error", "root_mean_squared_error", "logcosh", "hinge"),
    *("kl_divergence", "poisson", "false_positives", "false_negatives"),
)


def find_direction(metric: str) -> Direction | None:
    """Find the direction that a metric's name implies, or None where it is not certain.

    The name may begin with ``val_`` or the name of an output (``val_digit_accuracy``) and end with
    the number that Keras adds to a repeated metric (``auc_1``). A negated name is not certain.
    """
    if metric in MODEL_FACTS:
        return MODEL_FACTS[metric]
    name = re.sub(r"_\d+$", "", metric.lower().removeprefix("val_"))
    if re.search(r"(^|_)(neg|negative|inverse|minus|no|not)_", name):
        return None
    if _ends_with(name, MAXIMIZED):
        return "maximize"
    return "minimize" if _ends_with(name, MINIMIZED) else None


def _ends_with(name: str, words: tuple[str, ...]) -> bool:
    return any(name == word or name.endswith(f"_{word}") for word in words)
