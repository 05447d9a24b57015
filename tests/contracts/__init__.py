"""One contract test per room, run on every member of its menu."""
