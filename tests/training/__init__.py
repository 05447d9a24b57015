"""Tests of sweeps/training."""
