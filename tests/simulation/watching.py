"""What must always hold, looked at from outside: on the hosts, on the wire and in what is durable.

Everything here is decided from what truly happened (the simulated kernel, clock and disk), never from what the
controller or an agent believes, and with rules written down a second time instead of imported.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from fleettrace.model.job import HostPart, Job, JobState, Run, RunState
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome, StartRun
from fleettrace.snapshot import EMPTY, Snapshot
from fleettrace.wire.codec import run_key_from_wire
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from node_agent.child.protocol import Measured, Sample
from tests.fakes.ordering import asked_by
from tests.simulation.budget import BudgetWatch
from tests.simulation.ledger import JobLedger
from tests.simulation.loop import WORLD, Process, VirtualLoop
from tests.simulation.policies import PolicyWatch
from tests.simulation.starts import StartWatch
from tests.simulation.story import Story

if TYPE_CHECKING:
    from tests.simulation.child import SimulatedChild
    from tests.simulation.controller import ControllerSite
    from tests.simulation.disk import Disk
    from tests.simulation.host import SimulatedHost

__all__ = ["Watcher"]

GRACE_S = 2.0
"""How long after its deadline a probe may still be attached."""
ORDER_LIFE_S = 15.0
"""How long after it was sent an order may begin, on a host whose clock is right."""
LATEST_ORDER_S = ORDER_LIFE_S + 10.0
"""The same on a host whose clock is wrong: the silence after which a stream is dead comes on top."""
LEASE_S = 10.0 + 0.5 + 2.0 + 0.5
"""The lease, how often it is looked at, how long a child may take to end, and some slack."""
STOP_S = 1.0
STUBBORN_S = 3.0
"""The same for a child that does not listen, and is killed."""
BREAKER_S = 0.75
MAX_JOBS = 64
MAX_MESSAGES = 1_000
MAX_PARTS = 64


class Watcher:
    """Sees everything, and tells the story."""

    def __init__(self, loop: VirtualLoop, story: Story, disk: "Disk") -> None:
        self.loop = loop
        self.story = story
        self.disk = disk
        self.jobs = JobLedger(story, disk)
        self.running: dict[RunKey, tuple[SimulatedHost, SimulatedChild]] = {}
        self.hosts: dict[str, SimulatedHost] = {}
        self.jobs.knows_trials = lambda name: self.hosts[name].knows_trials
        self.over_since_s: dict[str, float] = {}
        """When a cancel was acknowledged, or the job's end became durable."""
        self.on_order: Callable[[StartRun], None] = lambda _: None
        self._duration_s: dict[RunKey, float] = {}
        self._spawned: dict[RunKey, int] = {}
        self._emitted: dict[RunKey, Process] = {}
        self._lost_since_s: dict[RunKey, float] = {}
        """When it became durable that nobody waits for a run any longer."""
        self._to_end: set[RunKey] = set()
        self._ending, self._ending_s = False, 0.0
        self._sent_s: dict[RunKey, float] = {}
        self._truth: dict[RunKey, list[tuple[RunCost, Snapshot, bool]]] = {}
        self.is_connected: Callable[[str], bool] = lambda _: False
        self.site: ControllerSite | None = None
        self.starts = StartWatch(story)
        self.budget = BudgetWatch(story, loop.time)
        self.policies = PolicyWatch(story)
        self.on_awaiting: Callable[[str], None] = lambda _: None
        self._back: set[str] = set()
        """Hosts that have greeted the controller that is up."""

    def tell(self, text: str) -> None:
        self.story.tell(text)

    # On the hosts.

    def accepted(self, host: "SimulatedHost", order: StartRun) -> None:
        """An agent is about to begin a run."""
        self._duration_s[order.run] = order.limits.duration_ms / 1000
        self.tell(f"{host.name}: begins {order.run} ({order.kind}, {order.limits.duration_ms} ms)")
        if host.leftovers.left:
            self.story.fail("a dirty host takes no run", f"{order.run} began on {host.name}")
        if host.clock_ms() >= order.expires_at_ms:
            self.story.fail("I6 doubt closes starting", f"{order.run} began after it had expired")
        late_s = self.loop.time() - self._sent_s.get(order.run, -1e9)
        if late_s > (LATEST_ORDER_S if host.clock_offset_ms else ORDER_LIFE_S):
            self.story.fail("I6 doubt closes starting", f"{order.run} began {late_s:.0f} s after it was sent")

    def spawned(self, host: "SimulatedHost", child: "SimulatedChild") -> None:
        """A child was started."""
        self._spawned[child.key] = self._spawned.get(child.key, 0) + 1
        if self._spawned[child.key] > 1:
            self.story.fail("I3 one run per key", f"{child.key} was started {self._spawned[child.key]} times")

    def attached(self, host: "SimulatedHost", child: "SimulatedChild") -> None:
        """A child holds probes."""
        assert child.plan is not None
        self.tell(f"{host.name}: probes of {child.key} are attached")
        self.running[child.key] = (host, child)
        self.starts.attached(child.key, self.loop.time())
        limit_s = self._duration_s[child.key] + GRACE_S
        self.loop.call_later(limit_s, self._overdue, child, child.attached_s, context=WORLD)
        self.jobs.check_attached(child.key, child.plan.run_kind)

    def _overdue(self, child: "SimulatedChild", since_s: float | None) -> None:
        if child.attached_s == since_s:
            self.story.fail("I1 nothing outlives its deadline", f"{child.key} is attached {GRACE_S:g} s after it")

    def detached(self, host: "SimulatedHost", child: "SimulatedChild") -> None:
        """The kernel holds nothing for it any more."""
        self.tell(f"{host.name}: probes of {child.key} are gone")
        self.running.pop(child.key, None)

    def measured(self, child: "SimulatedChild", message: Measured | Sample) -> None:
        """What a child truly measured."""
        shown, final = (message.snapshot, message.final) if isinstance(message, Measured) else (EMPTY, False)
        self._truth.setdefault(child.key, []).append((message.cost, shown, final))

    def emitted(self, part: Part, agent: Process) -> None:
        """An agent has a final part to hand in."""
        self._emitted[part.run] = agent

    def check_handed_in(self) -> None:
        """Every final part of an agent that still lives is durable."""
        for key, agent in self._emitted.items():
            job = self.jobs.durable.get(key.job_id)
            if agent.alive and job is not None and key in job.runs and not self.is_final(key):
                self.story.fail("every part is handed in", f"{key} was never kept")

    def refused(self, host: "SimulatedHost", reason: str) -> None:
        """An agent was told that it will never be taken, and has ended."""
        self.tell(f"{host.name}: the agent ends: {reason}")
        if host.sound:
            self.story.fail("a sound agent stays", f"{host.name} was turned away for good: {reason}")

    # On the wire.

    def ordered(self, message: link_pb.ControllerMessage) -> None:
        """The controller hands a message to a host's stream."""
        match message.WhichOneof("message"):
            case "order":
                order = asked_by(message.order)
                if self._ending:
                    self.story.fail("I6 doubt closes starting", f"{order.run} was ordered by a controller that ends")
                self._sent_s[order.run] = self.loop.time()
                assert self.site is not None
                self.starts.ordered(order, self.site.clock_ms(), self.loop.time())
                self.tell(f"controller: orders {order.run} ({order.kind})")
                self.jobs.check_ordered(order)
                self.on_order(order)
            case "stop":
                self.tell(f"controller: stops {run_key_from_wire(message.stop.run)}: {message.stop.reason}")

    def sent(self, host: str, message: link_pb.ControllerMessage) -> None:
        """A message leaves the controller."""
        if message.WhichOneof("message") == "ack":
            key = run_key_from_wire(message.ack.run)
            self.tell(f"controller: acknowledges {key}")
            job = self.jobs.durable.get(key.job_id)
            if job is not None and key in job.runs and not self.is_final(key):
                self.story.fail("I5 acknowledged means durable", f"{key} was acknowledged and is not kept")

    def heard(self, name: str, message: link_pb.ControllerMessage) -> None:
        """An agent reads a message."""
        host = self.hosts[name]
        host.heard_s = self.loop.time()
        if message.WhichOneof("message") == "welcome":
            host.welcomed_s = self.loop.time()
            self._back.add(name)

    def hung_up(self, name: str) -> None:
        """An agent has no stream any more."""
        if name in self.hosts:
            self.hosts[name].welcomed_s = None

    # The controller.

    def told_to_end(self) -> None:
        """The controller is asked to end, which ends what runs."""
        self._ending, self._ending_s = True, self.loop.time()
        self._to_end = {
            key
            for key, (host, child) in self.running.items()
            if host.welcomed_s is not None
            and self.is_connected(host.name)
            and not host.in_trouble
            and not child.process.frozen
            and not child.fate.ignores_stop
            and not self.jobs.durable[key.job_id].state.ended
        }

    def controller_gone(self) -> None:
        """It is dead, whatever it was doing."""
        self._ending = False
        self._back.clear()

    def check_stopped(self) -> None:
        """It has ended."""
        for key in sorted(self._to_end & self.running.keys()):
            host, child = self.running[key]
            if host.troubled_s <= self._ending_s and not child.process.frozen:
                self.story.fail("I6 doubt opens stopping", f"{key} was not stopped by a controller that ended")

    # On the disk.

    def is_final(self, key: RunKey) -> bool:
        """Whether a final part is durable."""
        kept = self.disk.kept._kept.parts.get(key)
        return kept is not None and kept[1]

    def committed(self, what: str, thing: Any) -> None:
        """Something is durable now."""
        if what == "job":
            job: Job = thing
            before = self.jobs.durable.get(job.spec.job_id)
            if before is None or before.state is not job.state:
                self.tell(f"disk: job {job.spec.job_id} is {job.state} {job.reason}")
            if self.site is not None and self.site.coordinator is not None:
                live = {one.spec.job_id: one for one in self.site.coordinator._live.jobs()}
                self.budget.check_saved(before, job, live, self.site.clock_ms())
            self.jobs.check_saved(job)
            self._check_policy(before, job)
            for key, run in job.runs.items():
                if run.state is RunState.LOST and (before is None or before.runs[key].state is not RunState.LOST):
                    self._lost_since_s.setdefault(key, self.loop.time())
                    self._check_gone(key, run)
            if job.state.ended and job.state is not JobState.REFUSED:
                self.over_since_s.setdefault(job.spec.job_id, self.loop.time())
        elif what == "part":
            self._check_part(thing)

    def _check_policy(self, before: Job | None, job: Job) -> None:
        self.policies.check_saved(before, job)
        if job.state is JobState.AWAITING and before is None:
            self.on_awaiting(job.spec.job_id)
        if job.state is JobState.FAILED and job.reason.startswith("its hosts went away"):
            assert self.site is not None
            was_back = self._back >= set(job.spec.targets) - set(before.spec.missing if before is not None else ())
            self.policies.check_gone(job, self.site.up_s, self.loop.time(), was_back=was_back)

    def _check_part(self, kept: HostPart) -> None:
        part = kept.part
        self.tell(f"disk: part {part.run} {part.outcome}{'' if part.final else ' (interim)'} {part.reason}")
        self.starts.check_told(part, sound=not self.hosts[part.run.host].ever_troubled)
        if part.outcome is RunOutcome.FAILED:
            if part.snapshot != EMPTY:
                self.story.fail("a failed part is empty", f"{part.run} has a result")
            return
        truths = [
            final for cost, shown, final in self._truth.get(part.run, ()) if (cost, shown) == (part.cost, part.snapshot)
        ]
        if not truths:
            self.story.fail("a part is what was measured", f"{part.run} was never measured so")
        if part.kind is RunKind.TRACE:
            shown = part.snapshot.total + part.cost.lost_events
            if shown > part.cost.events or (any(truths) and shown != part.cost.events):
                self.story.fail("I4 events = counted + lost", f"{part.run}: {part.cost.events} events, {shown} shown")

    # From time to time.

    def sweep(self) -> None:
        """What must hold of everything that is attached now."""
        now_s = self.loop.time()
        for key, (host, child) in self.running.items():
            assert child.plan is not None
            assert child.attached_s is not None
            if not host.agent.frozen:
                silent_s = now_s - max(host.heard_s, host.thawed_s, child.attached_s)
                if silent_s > LEASE_S:
                    self.story.fail("I7 a host stops within its lease", f"{key} runs {silent_s:.1f} s into silence")
            if child.process.frozen:
                continue
            self._check_over(key, host, child, now_s)
            self._check_breaker(key, host, child, now_s)

    def check_bounds(self, coordinator: Coordinator, fleet: Fleet) -> None:
        """What waits, for whomever, is within its bound."""
        waiting = {f"messages to {name}": one.queue.qsize() for name, one in fleet._connections.items()}
        limits = {"jobs": (len(coordinator._live), MAX_JOBS)}
        limits |= {what: (count, MAX_MESSAGES) for what, count in waiting.items()}
        limits |= {f"parts on {one.name}": (len(one.outbox.unacknowledged), MAX_PARTS) for one in self.hosts.values()}
        for what, (count, limit) in limits.items():
            if count > limit:
                self.story.fail("I8 memory is bounded", f"{count} {what}")

    def _check_over(self, key: RunKey, host: "SimulatedHost", child: "SimulatedChild", now_s: float) -> None:
        over_s = self.over_since_s.get(key.job_id, self._lost_since_s.get(key))
        if host.in_trouble:
            host.trouble()
        if over_s is None or host.in_trouble or host.welcomed_s is None or not self.is_connected(host.name):
            return
        assert child.attached_s is not None
        since_s = max(over_s, child.attached_s, host.welcomed_s, host.troubled_s, host.thawed_s)
        if now_s - since_s > (STUBBORN_S if child.fate.ignores_stop else STOP_S):
            self.story.fail(
                "I7 what is over stops", f"{key} is attached {now_s - since_s:.2f} s after its job was over"
            )

    def _check_breaker(self, key: RunKey, host: "SimulatedHost", child: "SimulatedChild", now_s: float) -> None:
        plan = child.plan
        assert plan is not None
        assert child.attached_s is not None
        if plan.tool == "profile" or host.events_per_s <= plan.max_events_per_s * 1.05:
            return
        for_s = now_s - max(child.attached_s, host.load_changed_s, child.thawed_s)
        if for_s > (BREAKER_S):
            self.story.fail("the breaker opens", f"{key} bears {host.events_per_s:,.0f} events/s for {for_s:.2f} s")

    def _check_gone(self, key: RunKey, run: Run) -> None:
        runner = self.hosts[key.host].runner
        alive = runner is not None and self.hosts[key.host].agent.alive and key in runner.running
        if alive and "came back without" in run.reason:
            self.story.fail("a run that is alive is not called gone", str(key))

    def check_lost(self, job: Job) -> None:
        """A host that nothing happened to is never called lost."""
        for key, run in job.runs.items():
            host = self.hosts[key.host]
            if run.state is RunState.LOST and not host.ever_troubled:
                self.story.fail("a sound host is not lost", f"{key}: {run.reason}")
