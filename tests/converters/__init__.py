"""Tests of sweeps/converters."""
