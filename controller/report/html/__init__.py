"""HTML in one file that opens offline: no request leaves it, and nothing that a host said can run in it."""
