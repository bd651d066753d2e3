"""Scripts that put fleettrace on a machine, and the demonstration fleet."""
