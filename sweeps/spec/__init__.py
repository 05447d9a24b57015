"""What the user asked for: the space file, read, validated and frozen."""
