"""Write digits.npz anew from the copy that scikit-learn ships: ``python make_digits.py``.

Only who wants to check where the file comes from needs this, and scikit-learn with it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def main() -> None:
    digits = load_digits()
    images = digits.images.astype("uint8")  # whole numbers 0..16, so nothing is lost
    labels = digits.target.astype("uint8")
    np.savez_compressed(Path(__file__).with_name("digits.npz"), x=images, y=labels)


if __name__ == "__main__":
    main()
