"""Pure: what results say, and which host differs from the others."""
