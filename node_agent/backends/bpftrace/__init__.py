"""One-liners on a real kernel, by the installed bpftrace."""
