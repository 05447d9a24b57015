"""Tests of sweeps/checkpoints."""
