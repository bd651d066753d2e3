"""Jobs, from what was asked to how they end: the one room where they change."""
