"""Where things are on a host."""

from pathlib import Path

USER = "fleettrace"
HOME = Path("/opt/fleettrace")
VERSIONS = HOME / "versions"
CURRENT = HOME / "current"
PREVIOUS = HOME / "previous"
MANIFEST = HOME / "installed.json"
SETTINGS = Path("/etc/fleettrace")
UNITS = Path("/etc/systemd/system")
STATE = Path("/var/lib/fleettrace")
RUN = Path("/run/fleettrace")
LOG = Path("/var/log/fleettrace")
TRACEFS = Path("/sys/kernel/tracing")
PYTHON = "/usr/bin/python3"
"""The interpreter that distributions build their bcc for."""
