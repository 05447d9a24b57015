"""Which models can be exported in which format: measured, and written down in docs/formats.md."""
