"""Which direction a metric's name implies."""

from __future__ import annotations

import pytest

from sweeps.spec.metrics import find_direction


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("val_accuracy", "maximize"),
        ("accuracy", "maximize"),
        ("val_sparse_categorical_accuracy", "maximize"),
        ("val_auc_1", "maximize"),
        ("val_digit_accuracy", "maximize"),
        ("F1_score", "maximize"),
        ("precision_at_recall", "maximize"),
        ("loss", "minimize"),
        ("val_loss", "minimize"),
        ("val_digit_loss", "minimize"),
        ("val_mean_absolute_error", "minimize"),
        ("mae", "minimize"),
        ("val_binary_crossentropy", "minimize"),
        ("val_neg_mean_squared_error", None),
        ("inverse_loss", None),
        ("lossy", None),
        ("score", None),
        ("val_cosine_similarity", None),
        ("", None),
    ],
)
def test_find_direction_only_where_the_name_is_certain(metric: str, direction: str | None) -> None:
    """Known names and names that end in one imply a direction; others do not."""
    assert find_direction(metric) == direction
