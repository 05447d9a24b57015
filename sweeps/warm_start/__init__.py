"""Known-good parameters: from the command line, a file, another sweep or a KerasTuner project."""
