"""Tests of sweeps/warm_start."""
