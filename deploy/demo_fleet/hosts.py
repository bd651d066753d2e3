"""The hosts of the demonstration, and the service on each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["HOSTS", "SLOW_HOST", "DemoHost", "workload_command"]

WORKLOAD = Path(__file__).with_name("workload.py")

SERVICE_PAIRS = 3
REQUESTS_PER_S = 40
WORK_US = 400
"""Together about 5% of a CPU and 450 run-queue events a second on each host."""


@dataclass(frozen=True, slots=True)
class DemoHost:
    """One host: its name in the fleet and its labels."""

    name: str
    labels: Mapping[str, str]


HOSTS = (
    DemoHost("api-1", {"role": "api", "zone": "a"}),
    DemoHost("api-2", {"role": "api", "zone": "b"}),
    DemoHost("api-3", {"role": "api", "zone": "a"}),
    DemoHost("api-4", {"role": "api", "zone": "b"}),
    DemoHost("api-5", {"role": "api", "zone": "a"}),
    DemoHost("api-6", {"role": "api", "zone": "b"}),
    DemoHost("db-1", {"role": "db", "zone": "a"}),
    DemoHost("db-2", {"role": "db", "zone": "b"}),
)
"""As many as it takes to say of one, by statistics, that it differs from the others."""
SLOW_HOST = "api-3"


def workload_command(python: Path, host: DemoHost) -> list[str]:
    """The command of a host's service, named for its role; it prints ``ready``."""
    return [
        str(python),
        "-I",
        "-S",
        str(WORKLOAD),
        host.labels["role"],
        str(SERVICE_PAIRS),
        str(REQUESTS_PER_S),
        str(WORK_US),
    ]
