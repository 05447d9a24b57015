"""Tell from a metric's name whether larger or smaller is better, where that is certain."""

from __future__ import annotations

import re

from sweeps.spec.model import Direction

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
    name = re.sub(r"_\d+$", "", metric.lower().removeprefix("val_"))
    if re.search(r"(^|_)(neg|negative|inverse|minus|no|not)_", name):
        return None
    if _ends_with(name, MAXIMIZED):
        return "maximize"
    return "minimize" if _ends_with(name, MINIMIZED) else None


def _ends_with(name: str, words: tuple[str, ...]) -> bool:
    return any(name == word or name.endswith(f"_{word}") for word in words)
