"""Tests of sweeps/bundles."""
