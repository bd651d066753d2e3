"""What hosts answered: made up, with something of everything."""

from dataclasses import replace

from fleettrace.model.inspection import (
    AskedHost,
    Check,
    ClockOffset,
    DoctorReport,
    Grade,
    HostAnswer,
    ProbeArgument,
    ProbeList,
    ProbePoint,
    ToolTrial,
    TrialOutcome,
    Unanswered,
)

SOON = ClockOffset(-240, 900)

KPROBES = Check("kprobes", Grade.NOTE, "this kernel has none (CONFIG_KPROBES is off): tools do without")
FINE = (
    Check("kernel", Grade.OK, "6.18.0-amd64 x86_64, agent 0.1.0, uid 0"),
    Check("BTF", Grade.OK, "5.5 MB of types"),
    KPROBES,
)
WORKING = (
    ToolTrial("pagefaults", TrialOutcome.WORKS, "tracepoints"),
    ToolTrial("runqlat", TrialOutcome.WORKS),
    ToolTrial("funclatency", TrialOutcome.UNTRIED, reason="it needs to be told what to trace: binary is missing"),
)


def doctors() -> list[HostAnswer]:
    hidden = Check(
        "tracefs",
        Grade.WARNING,
        "not mounted at /sys/kernel/tracing: one-liners and tools on tracepoint: probes need it",
        "mount -t tracefs nodev /sys/kernel/tracing",
    )
    bare = Check(
        "capabilities",
        Grade.FAULT,
        "the agent lacks CAP_BPF: no program can be loaded",
        "start the agent as root, or add AmbientCapabilities=CAP_BPF CAP_PERFMON to its unit, and restart it",
    )
    lacking = "needs CAP_BPF, which the agent on this host does not have: start it as root"
    failing = tuple(
        ToolTrial(trial.tool, TrialOutcome.FAILS, reason=f"{trial.tool} {lacking}") for trial in WORKING[:2]
    )
    partly = (
        replace(WORKING[0], alternative="perf_event"),
        ToolTrial(
            "runqlat",
            TrialOutcome.FAILS,
            reason="this kernel has no tracepoint sched_wakeup",
            mend="nothing on this kernel: its other tools and the other hosts still answer",
        ),
    )
    return [
        HostAnswer("api-2", DoctorReport(FINE, WORKING), ClockOffset(90, 800)),
        HostAnswer("api-1", DoctorReport(FINE, WORKING), SOON),
        HostAnswer("db-1", DoctorReport((*FINE, hidden), WORKING), ClockOffset(4_200_000, 12_000)),
        HostAnswer("db-2", DoctorReport((bare, KPROBES), failing), SOON),
        HostAnswer("old-1", DoctorReport(FINE, partly), SOON),
        HostAnswer("web-1", Unanswered("its agent is not connected")),
    ]


ASKED = (
    AskedHost("api-1", "6.18.0-amd64 x86_64", ("api-2", "api-3", "api-4", "api-5")),
    AskedHost("old-1", "6.1.0-44-amd64 x86_64", ("old-2", "old-3")),
    AskedHost("web-1", "6.1.0-44-amd64 x86_64"),
)


def probe_answers() -> list[HostAnswer]:
    switch = (ProbeArgument("preempt", "bool"), ProbeArgument("prev", "struct task_struct *"))
    more = (*switch, ProbeArgument("prev_state", "unsigned int"))
    record = (ProbeArgument("prev_comm", "char[16]"), ProbeArgument("prev_pid", "pid_t"))
    new = ProbeList(
        (
            ProbePoint("rawtracepoint:sched_switch", more),
            ProbePoint("tracepoint:sched:sched_prepare_exec", (ProbeArgument("pid", "pid_t"),)),
            ProbePoint("tracepoint:sched:sched_switch", record),
            ProbePoint("uprobe:/usr/bin/app:_ZN2ns1fEi", (), "ns::f(int)"),
        ),
        4,
        ("/usr/bin/app is stripped",),
    )
    old = ProbeList((ProbePoint("rawtracepoint:sched_switch", switch), new.probes[2], new.probes[3]), 3)
    return [
        HostAnswer("old-1", old, SOON),
        HostAnswer("api-1", new, SOON),
        HostAnswer("web-1", Unanswered("its agent is not connected")),
    ]
