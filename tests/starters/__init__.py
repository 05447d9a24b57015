"""Tests of sweeps/starters."""
