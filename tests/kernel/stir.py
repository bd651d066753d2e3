"""A little of everything, for a tool that nobody has named a workload for. Run as ``python -m tests.kernel.stir``."""

from tests.kernel import workload

PARTS = ("mixed_syscalls", "opens", "signals", "sessions", "touches", "lock_waits", "sleeps", "synced_writes", "execs")


def stir(rounds: int) -> None:
    """So many times each of several workloads."""
    for name in PARTS:
        workload.WORKLOADS[name](rounds)


WORKLOADS = {stir.__name__: stir}


if __name__ == "__main__":
    workload.serve(WORKLOADS)
