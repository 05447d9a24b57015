"""Programs that are not ours, and know nothing of this package, load a bundle and use its model."""
