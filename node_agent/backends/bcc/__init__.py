"""eBPF through BCC: its compiler makes objects in short-lived children; loading them needs neither BCC nor LLVM."""
