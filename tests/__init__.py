"""Tests of keras-sweeps."""
