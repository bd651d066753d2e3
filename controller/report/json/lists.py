"""Lists: hosts, tools, jobs; and the answer to a job that is not waited for."""

from collections.abc import Iterable, Sequence

from controller.report.json.fields import Document, job_fields, time_text
from fleettrace.model.calibration import Calibration
from fleettrace.model.host import Host
from fleettrace.model.job import Job
from fleettrace.model.tool import ToolListing

__all__ = ["hosts_document", "imported_document", "jobs_document", "submitted_document", "tools_document"]


def jobs_document(jobs: Iterable[Job]) -> Document:
    """``fleettrace.jobs/1``: jobs without their results."""
    return {"schema": "fleettrace.jobs/1", "jobs": [job_fields(job) for job in jobs]}


def submitted_document(job_id: str) -> Document:
    """``fleettrace.submitted/1``: the job that was started and is not waited for."""
    return {"schema": "fleettrace.submitted/1", "job": {"id": job_id}}


def shares_document(job_id: str, teams: Sequence[str]) -> Document:
    """``fleettrace.shares/1``: the teams that a job is shared with."""
    return {"schema": "fleettrace.shares/1", "job": {"id": job_id}, "shared_with": list(teams)}


def imported_document(job_id: str, host: str, host_class: str, events: int) -> Document:
    """``fleettrace.imported/1``: what was added to a job."""
    added = {"host": host, "class": host_class, "events": events}
    return {"schema": "fleettrace.imported/1", "job": {"id": job_id}, "imported": added}


def hosts_document(hosts: Iterable[Host]) -> Document:
    """``fleettrace.hosts/1``: hosts with what their agents know of them."""
    return {
        "schema": "fleettrace.hosts/1",
        "hosts": [
            {
                "host": host.name,
                "labels": dict(host.labels),
                "class": host.host_class,
                "connected": host.connected,
                "missing_reason": host.missing_reason,
                "unfit_reason": host.facts.unfit_reason,
                "dirty_reason": host.facts.dirty_reason,
                "last_seen": time_text(host.last_seen_ms),
                "kernel_release": host.facts.kernel_release,
                "kernel_build": host.facts.kernel_build,
                "arch": host.facts.arch,
                "cpu_count": host.facts.cpu_count,
                "backend": host.facts.backend,
                "agent_version": host.facts.agent_version,
                "capabilities": list(host.facts.capabilities),
                "scope": host.facts.scope,
                "tools": dict(host.facts.tools),
                "run_kinds": list(host.facts.run_kinds),
                "calibration": _calibration(host.facts.calibration),
            }
            for host in hosts
        ],
    }


def _calibration(calibration: Calibration | None) -> Document | None:
    if calibration is None:
        return None
    return {
        "hit_ns": {kind.value: ns for kind, ns in calibration.hit_ns.items()},
        "empty_run_time_ns": calibration.empty_run_time_ns,
        "spread_pct": calibration.spread_pct,
        "cpu_model": calibration.cpu_model,
        "measured_at": time_text(calibration.measured_at_ms),
    }


def tools_document(tools: Iterable[ToolListing]) -> Document:
    """``fleettrace.tools/1``: the tools that the controller offers."""
    return {
        "schema": "fleettrace.tools/1",
        "tools": [
            {
                "tool": tool.name,
                "digest": tool.digest,
                "question": tool.question,
                "result": tool.result.value,
                "params": [
                    {
                        "name": param.name,
                        "type": param.type.value,
                        "default": param.default,
                        "minimum": param.minimum,
                        "maximum": param.maximum,
                        "choices": list(param.choices),
                        "help": param.help,
                    }
                    for param in tool.params
                ],
                "capabilities": list(tool.capabilities),
                "probes": list(tool.probes),
                "readme": tool.readme,
            }
            for tool in tools
        ],
    }
