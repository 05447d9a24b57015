"""What a sweep looks like to a person and to a script."""
