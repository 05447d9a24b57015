"""The ready search spaces: their data and their models."""
