"""Proof, on this kernel, that programs read its structures where they are.

With types of another kernel, programs load, run and report plausible nonsense. This one reads the task that is being
switched out through the compiled types and compares with what helpers of the kernel say of the current task, which is
the same one.
"""

import time

from fleettrace.errors import Unfit
from node_agent.backends.bcc.object_cache import ObjectCache
from node_agent.backends.bcc.source import ProgramSource
from node_agent.backends.bcc.stats import read_stats
from node_agent.kernel.loader import LoadedObject
from node_agent.kernel.probes import RawTracepoint

__all__ = ["SELFTEST", "run_selftest"]

SELFTEST = ProgramSource(
    "selftest",
    r"""
// An event is a comparison, a lost one a difference.
// TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next, ...)
int on_switch(struct bpf_raw_tracepoint_args *ctx)
{
    FT_HIT();
    struct task_struct *prev = (struct task_struct *)ctx->args[1];
    u64 pid_tgid = bpf_get_current_pid_tgid();
    void *css, *group, *node;
    u32 pid, tgid;
    u64 cgroup_id;

    FT_READ(pid, prev, task_struct, pid);
    FT_READ(tgid, prev, task_struct, tgid);
    FT_READ(css, prev, task_struct, cgroups);
    FT_READ(group, css, css_set, dfl_cgrp);
    FT_READ(node, group, cgroup, kn);
    FT_READ(cgroup_id, node, kernfs_node, id);
    ft->events++;
    if (pid != (u32)pid_tgid || tgid != pid_tgid >> 32 || cgroup_id != bpf_get_current_cgroup_id())
        ft->lost++;
    return 0;
}
""",
)

_PROGRAM = "on_switch"
_ENOUGH = 20
_LIMIT_S = 2.0
_NAP_S = 0.001
_MAX_MAP_BYTES = 1 << 20


def run_selftest(cache: ObjectCache) -> None:
    """Compare until there are enough comparisons, in some 20 ms.

    Raises:
        Unfit: a read differed, the program does not run here, or nothing was seen.
    """
    probe = RawTracepoint("sched_switch")
    probes = [(_PROGRAM, probe)]
    loaded = LoadedObject(cache.get(SELFTEST), probes, {}, max_map_bytes=_MAX_MAP_BYTES)
    try:
        loaded.attach(probes)
        end_s = time.monotonic() + _LIMIT_S
        while read_stats(loaded, 0).events < _ENOUGH and time.monotonic() < end_s:
            time.sleep(_NAP_S)  # each nap is a switch
        loaded.detach()
        stats = read_stats(loaded, 0)
    finally:
        loaded.close()
    if stats.lost_events:
        raise Unfit(
            f"the self-test failed: {stats.lost_events} of {stats.events} reads of kernel structures were wrong, "
            "so that every result would be; use --backend replay and report this kernel"
        )
    if stats.events < _ENOUGH:
        raise Unfit(f"the self-test saw only {stats.events} task switches in {_LIMIT_S:.0f} s: probes do not fire here")
