"""The wire contract in Python."""
