"""What policy allows on an emulated CPU, on a machine that does other things as well."""

from tests.integration.conftest import ROOMY

__all__ = ["CONTROLLER_POLICY", "HOST_POLICY"]

_MORE = ROOMY.replace('"CAP_SYS_PTRACE"', '"CAP_SYS_PTRACE", "CAP_SYS_ADMIN"').replace(
    "[limits]", "[limits]\nmax_child_cpu_pct = 200"
)
# Uprobes are perf events on 6.1, which only CAP_SYS_ADMIN allows. To read a result takes an emulated CPU long.
CONTROLLER_POLICY = f"""{_MORE}
[waits]
start_s = 120
end_s = 60
"""
HOST_POLICY = """
capabilities = ["CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"]
[limits]
max_child_cpu_pct = 200
"""
