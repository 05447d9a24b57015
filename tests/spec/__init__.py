"""Tests of what the user asked for: the space file."""
