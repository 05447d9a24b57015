"""Tests of what the threat model promises, each with the real thing."""
