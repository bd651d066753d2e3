"""Who calls, and what proves it: principals, the private authority, tokens."""
