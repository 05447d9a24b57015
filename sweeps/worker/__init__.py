"""One trial process and its supervisor: where search meets training."""
