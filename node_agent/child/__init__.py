"""The tracing child: a short-lived process that holds the probes of one run, and is bounded by the kernel."""
