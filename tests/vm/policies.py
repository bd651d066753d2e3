"""What policy allows on an emulated CPU, on a machine that does other things as well."""

from tests.integration.conftest import ROOMY

__all__ = ["CONTROLLER_POLICY", "HOST_POLICY"]

_MORE = (
    ROOMY.replace('"CAP_SYS_PTRACE"', '"CAP_SYS_PTRACE", "CAP_SYS_ADMIN"')
    .replace("max_cpu_pct = 100.0", "max_cpu_pct = 10000\nmax_busiest_cpu_pct = 100")
    .replace("max_host_cpu_pct = 300.0", "max_host_cpu_pct = 20000")
    .replace("[limits]", "[limits]\nmax_child_cpu_pct = 200")
)
# Uprobes are perf events on 6.1, which only CAP_SYS_ADMIN allows. To read a result takes an emulated CPU long, and what
# a probe costs there is no measure of anything.
CONTROLLER_POLICY = f"""{_MORE}
[canary]
check_s = 0.3
trial_s = 0.3
min_events = 0
[waits]
start_s = 120
end_s = 60
"""
HOST_POLICY = """
capabilities = ["CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_PTRACE", "CAP_SYS_ADMIN"]
[limits]
max_cpu_pct = 10000
max_child_cpu_pct = 200
"""
