"""Tools: what is known of a trace program before it runs, and what an operator is shown of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleettrace.errors import BadParameter
from fleettrace.model.attach import PARAM_IN_PROBE, Alternative, Attach, Way, is_wanted
from fleettrace.model.output import Decode, EventLayout, Output, ResultKind
from fleettrace.model.params import FILTERS, FINE, PROCESS_FILTERS, Param, ParamValue, parse_values, resolve_values

__all__ = ["ONE_LINER", "Cost", "ToolDefinition", "ToolListing", "Words"]

ONE_LINER = "one-liner"
"""The name under which a program that comes with its job runs; no tool of the catalogue has it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time in ns that one probe hit and one event (a hit that passed the filters) add, as measured.

    ``bounded_hits_per_cpu_param`` names the parameter that hits per second and CPU can never exceed: a
    sampling tool costs the same on a busy host as on a quiet one; ``bounded_hits_per_s_per_cpu`` is that rate where no
    parameter sets it. A hit that is a trap out of user mode costs ``trap_ns`` instead, where that is given.
    """

    hit_ns: float
    event_ns: float
    bounded_hits_per_cpu_param: str | None = None
    trap_ns: float = 0.0
    bounded_hits_per_s_per_cpu: float | None = None

    def cpu_pct(self, hits_per_s: float, events_per_s: float, traps_per_s: float = 0.0) -> float:
        """Predicted cost in percent of one CPU; ``traps_per_s`` are those of the hits that are traps.

        ``(hits/s x ns per hit + traps/s x what a trap costs more + events/s x ns per event) / 10^9 x 100``.
        """
        trap_ns = max(self.trap_ns - self.hit_ns, 0.0)
        return (hits_per_s * self.hit_ns + traps_per_s * trap_ns + events_per_s * self.event_ns) / 1e7


@dataclass(frozen=True, slots=True)
class Words:
    """How a sentence speaks of a tool's histogram.

    ``differs`` is what a host does, with ``{}`` for how it differs: "waits {} for a CPU". ``value`` is one of the
    values that are counted.
    """

    differs: str = "has values {}"
    value: str = "value"


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """Everything that is known of a tool before it runs.

    ``capabilities`` are the least that it needs: at least one of its alternatives needs no more. Without one of the
    ``optional_capabilities`` a result lacks something.
    """

    name: str
    digest: str
    question: str
    result: ResultKind
    unit: str
    capabilities: tuple[str, ...]
    optional_capabilities: Mapping[str, str]
    cost: Cost
    params: tuple[Param, ...]
    alternatives: tuple[Alternative, ...]
    decode: Decode
    directory: Path
    program_text: str
    readme: str
    headers: tuple[str, ...] = ()
    """Shared headers that its program needs, beside the one that all have."""
    filters: tuple[str, ...] = tuple(param.name for param in PROCESS_FILTERS)
    """The filters that it can apply; most tools can apply those of processes."""
    cannot_filter: Mapping[str, str] = field(default_factory=dict)
    """Why it cannot apply others, in the words that come after "since"."""
    also: tuple[Output, ...] = ()
    events: EventLayout | None = None
    words: Words = Words()
    costs_when: tuple[tuple[tuple[str, ...], Cost], ...] = ()
    """What it costs instead where one of these parameters is set; the first that fits counts."""

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Everything that is read from maps after a run: its own result first; events that were kept whole apart."""
        own = () if self.result is ResultKind.EVENTS else (Output(self.result, self.unit, self.decode),)
        return (*own, *self.also)

    @property
    def attach(self) -> tuple[Attach, ...]:
        """Every program on every probe, of all alternatives."""
        return tuple(dict.fromkeys(attach for one in self.alternatives for attach in one.attach))

    @property
    def probes(self) -> tuple[str, ...]:
        """The probes that it attaches to, in order; of all alternatives."""
        return tuple(dict.fromkeys(attach.probe for attach in self.attach))

    def needs(self, alternative: Alternative) -> tuple[str, ...]:
        """The least that an alternative needs, sorted."""
        return tuple(sorted({*self.capabilities, *alternative.capabilities}))

    def only(self, alternatives: Collection[str]) -> "ToolDefinition":
        """This tool with these of its alternatives, in its own order."""
        return replace(self, alternatives=tuple(one for one in self.alternatives if one.name in alternatives))

    def ways(self, allowed: Collection[str]) -> tuple[Way, ...]:
        """How it can run with these capabilities, in order of preference: those that need the same are tried together.

        Optional capabilities that are allowed go with each.
        """
        optional = self.optional_capabilities.keys() & set(allowed)
        ways: list[Way] = []
        for alternative in self.alternatives:
            needed = self.needs(alternative)
            if not set(needed) <= set(allowed):
                continue
            capabilities = tuple(sorted({*needed, *optional}))
            if ways and ways[-1].capabilities == capabilities:
                ways[-1] = Way((*ways[-1].alternatives, alternative.name), capabilities)
            else:
                ways.append(Way((alternative.name,), capabilities))
        return tuple(ways)

    def out_of_reach(self, allowed: Collection[str]) -> str:
        """Its alternatives that cannot run with these capabilities, in words; empty when all can."""
        lacking = ((one.name, sorted(set(self.needs(one)) - set(allowed))) for one in self.alternatives)
        return "; ".join(
            f"{name} needs {' and '.join(names)}, which it was not given" for name, names in lacking if names
        )

    def places(self, params: Mapping[str, ParamValue]) -> tuple[str, ...]:
        """Where it attaches, for people: its probes without their kinds, with the parameters in place."""
        return tuple(
            dict.fromkeys(
                PARAM_IN_PROBE.sub(lambda match: str(params[match[1]]), probe.partition(":")[2])
                for probe in self.probes
            )
        )

    def measure(self, alternative: str) -> str:
        """What parts of an alternative measure: those that measure the same can be added up, and no others."""
        found = next((one for one in self.alternatives if one.name == alternative), None)
        return (found.measure if found is not None else "") or alternative

    @property
    def all_params(self) -> tuple[Param, ...]:
        """Its own parameters, the filters that it can apply, and how fine its histograms are."""
        results = {self.result, *(output.result for output in self.also)}
        fine = (FINE,) if ResultKind.HISTOGRAM in results else ()
        return (*self.params, *(param for param in FILTERS if param.name in self.filters), *fine)

    def resolve_params(self, given: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Its parameters with their values, those given or the defaults, and the filters that are given.

        Raises:
            BadParameter: an unknown name, or a value out of range.
        """
        self._check_filters(given)
        return resolve_values(self.name, self.all_params, given)

    def parse_params(self, given: Mapping[str, str]) -> dict[str, ParamValue]:
        """Like :meth:`resolve_params`, from text as typed (``-p name=value``)."""
        self._check_filters(given)
        return parse_values(self.name, self.all_params, given)

    def _check_filters(self, given: Iterable[str]) -> None:
        for name in given:
            if reason := self.cannot_filter.get(name):
                raise BadParameter(f"{self.name} cannot be narrowed by {name}, since {reason}")

    def cost_with(self, params: Mapping[str, ParamValue]) -> Cost:
        """What a hit and an event of a run with these parameters cost, resolved as :meth:`resolve_params` has them."""
        return next((cost for names, cost in self.costs_when if is_wanted(names, params)), self.cost)

    def max_hits_per_s_per_cpu(self, params: Mapping[str, ParamValue]) -> float | None:
        """The rate that a sampling tool cannot exceed, in hits per second and CPU; None: events set the rate."""
        name = self.cost.bounded_hits_per_cpu_param
        return float(params[name]) if name is not None else self.cost.bounded_hits_per_s_per_cpu


@dataclass(frozen=True, slots=True)
class ToolListing:
    """What the controller tells of a tool that it offers."""

    name: str
    digest: str
    question: str
    result: ResultKind
    params: tuple[Param, ...]
    capabilities: tuple[str, ...]
    probes: tuple[str, ...]
    readme: str
