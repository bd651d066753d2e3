"""What this host answers besides traces: which probes it has, and what keeps it from tracing. In a child of its own."""
