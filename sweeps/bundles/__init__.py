"""The deployment bundle: written, verified and loaded."""
