"""What probes cost on this host: measured once, and kept."""
