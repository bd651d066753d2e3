"""What the agent knows of the kernel: bpf(2), BTF, cgroups, capabilities, deadlines and symbols; no compiler."""
