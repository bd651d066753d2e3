"""Both stores, empty or opened again, and small jobs and parts to put into them."""

from collections.abc import Callable

from hypothesis import HealthCheck, settings

from controller.store.port import Store
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import CanaryCheck, Decision, HostPart, Job, JobSpec, JobState, Run, RunState, Verdict, Wave
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import Snapshot, Stack

QUICK = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

FACTS = HostFacts("6.1.0", "#1 SMP", "x86_64", 4, tools={"runqlat": "ab"}, capabilities=("CAP_BPF",))
HOST = Host("api-1", {"role": "api", "zone": "a"}, FACTS, connected=True, last_seen_ms=1_700_000_000_000)
STACK = Stack(("nginx", "main", "schedule_[k]"), 3, "samples")


class Reopened:
    """A store that a test can close and open again, as a restarted controller does."""

    def __init__(self, store: Store, reopen: Callable[[], Store]) -> None:
        self.store = store
        self._reopen = reopen

    def reopen(self) -> Store:
        self.store = self._reopen()
        return self.store


def a_job(job_id: str = "j1", created_at_ms: int = 1000, state: JobState = JobState.TRACING) -> Job:
    spec = JobSpec(
        job_id=job_id,
        tool="runqlat",
        digest="ab12",
        params={"pid": 7},
        selector="role=api",
        duration_ms=5000,
        team="sre",
        operator="kim",
        promote=False,
        created_at_ms=created_at_ms,
        targets=("api-1", "api-2"),
        missing={"api-3": "not connected"},
    )
    key = RunKey(job_id, "api-1", 1)
    return Job(
        spec=spec,
        state=state,
        reason="so far",
        canaries=(CanaryCheck("api-1", FACTS.host_class, Verdict.PROMOTE, "fine", 1.0, 12.5, (6.25, 6.25)),),
        waves=(Wave(("api-1",), 2000, Verdict.RUNNING),),
        runs={key: Run(key, RunKind.TRACE, RunState.RUNNING, 1500, 9000, cost=RunCost(10, 5, (2, 3), 1))},
        decisions=(Decision(1000, "policy", "allow", "within the limits", "default"),),
    )


def a_part(
    host: str = "api-1",
    *,
    job_id: str = "j1",
    attempt: int = 1,
    kind: RunKind = RunKind.TRACE,
    final: bool = True,
    events: int = 5,
    snapshot: Snapshot = Snapshot(stacks=(STACK,)),  # noqa: B008 - immutable
) -> HostPart:
    part = Part(
        run=RunKey(job_id, host, attempt),
        kind=kind,
        outcome=RunOutcome.COMPLETE,
        reason="",
        backend="replay",
        started_at_ms=1_700_000_000_000,
        duration_ms=5000,
        cost=RunCost(hits=9, events=events, events_per_cpu=(events,), lost_events=1, truncated_stacks=2),
        snapshot=snapshot,
        final=final,
    )
    return HostPart(part, {"role": "api"}, FACTS.host_class)
