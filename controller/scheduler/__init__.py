"""Pure: which host is tried first, what its numbers allow, in which waves the rest follows."""
