"""Code that stands for a user's own."""
