"""What lists show: hosts and jobs."""

from dataclasses import replace

from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import Job
from tests.unit.controller.report.samples.pieces import START_MS, done_job, spec
from tests.unit.controller.report.samples.stages import aborted_result, live_result


def hosts() -> list[Host]:
    """One ready, one unfit, one missing."""
    facts = HostFacts(
        kernel_release="6.18.0-amd64",
        kernel_build="#1 SMP PREEMPT_DYNAMIC",
        arch="x86_64",
        cpu_count=8,
        btf_sha256="ab" * 32,
        agent_version="0.1.0",
        capabilities=("CAP_BPF", "CAP_PERFMON"),
        scope="/fleet/api-1",
        tools={"runqlat": "9f86d081884c7d65" * 4},
        run_kinds=("frequency_check", "trial", "trace"),
        calibration=Calibration({HitKind.RAW_TRACEPOINT: 22.0, HitKind.UPROBE: 14_300.0}, 27.5, 8.5, "Xeon", START_MS),
    )
    no_types = "this kernel gives no types (/sys/kernel/btf/vmlinux is missing): build it with CONFIG_DEBUG_INFO_BTF"
    far = "database-primary-7.eu-west-1.example.net"
    return [
        Host("api-1", {"role": "api", "zone": "a"}, facts, connected=True, last_seen_ms=START_MS),
        Host("api-2", {"role": "api"}, replace(facts, unfit_reason=no_types), connected=True, last_seen_ms=START_MS),
        Host(far, {"role": "db", "team": "storage"}, facts, False, START_MS, "its agent was not heard of for 6 s"),
    ]


def jobs() -> list[Job]:
    """One of each kind of ending that a list should tell apart."""
    aborted = aborted_result().job
    return [
        replace(live_result().job, spec=spec(job_id="j0a1b2c3d"), runs={}),
        done_job(),
        replace(aborted, spec=spec("syscount", job_id="j9d8c7b6a", selector="role=api,zone!=b,kernel=6.18")),
    ]
