"""Tests of supervisors and trial processes."""
