"""What `init` writes: a space file and a model that run as they are."""
