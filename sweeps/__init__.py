"""Hyperparameter sweeps for Keras that survive interruption and end in a verified bundle."""

from __future__ import annotations

__version__ = "0.1.0"
