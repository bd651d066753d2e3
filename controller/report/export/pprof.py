"""pprof: a gzipped Profile (https://github.com/google/pprof/blob/main/proto/profile.proto), host by host.

Each host's stacks carry the label ``host``, so that ``pprof -tagfocus=host=api-31`` is that host and
``-tagroot=host`` compares them. Kernel frames lose their ``_[k]`` and belong to the mapping ``[kernel.kallsyms]``,
which is how pprof knows them.
"""

import gzip
from dataclasses import dataclass, field

from controller.report.contents import by_host, started_at_ms, title_of, unseen_sentences
from controller.report.export.profile_pb2 import Function, Label, Line, Location, Mapping, Profile, ValueType
from controller.report.export.units import TIME_UNITS
from fleettrace.model.job import JobResult
from fleettrace.snapshot import KERNEL_SUFFIX

__all__ = ["to_pprof"]

KERNEL_MAPPING = "[kernel.kallsyms]"
USER_MAPPING = "[user]"


def to_pprof(result: JobResult) -> bytes:
    """Sample values are in the unit of the stacks, beside the number of events where it is another one.

    The same result gives the same bytes.
    """
    table = _Table()
    profile = table.profile
    unit = result.merged.stacks[0].unit if result.merged.stacks else "samples"
    kind, spelled = ("time", TIME_UNITS[unit]) if unit in TIME_UNITS else (unit, "count")
    has_events = any(stack.events for stack in result.merged.stacks)
    if has_events:
        profile.sample_type.append(ValueType(type=table.text("events"), unit=table.text("count")))
    profile.sample_type.append(ValueType(type=table.text(kind), unit=table.text(spelled)))
    profile.default_sample_type = table.text(kind)
    host_label = table.text("host")
    for host, snapshot in by_host(result).items():
        label = Label(key=host_label, str=table.text(host))
        for stack in snapshot.stacks:
            locations = [table.location(frame) for frame in reversed(stack.frames)]
            values = [stack.events, stack.value] if has_events else [stack.value]
            profile.sample.add(location_id=locations, value=values, label=[label])
    parts = [item.part for item in result.hosts]
    profile.time_nanos = min((started_at_ms(result, part) for part in parts), default=0) * 1_000_000
    profile.duration_nanos = max((part.duration_ms for part in parts), default=0) * 1_000_000
    profile.comment.extend(table.text(line) for line in (title_of(result), *unseen_sentences(result)))
    profile.string_table.extend(table.texts)
    return gzip.compress(profile.SerializeToString(deterministic=True), mtime=0)


@dataclass(slots=True)
class _Table:
    """Numbers for texts and frames, each given once."""

    profile: Profile = field(default_factory=Profile)
    texts: dict[str, int] = field(default_factory=lambda: {"": 0})
    locations: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, name in enumerate((USER_MAPPING, KERNEL_MAPPING), 1):
            self.profile.mapping.append(Mapping(id=number, filename=self.text(name), has_functions=True))

    def text(self, text: str) -> int:
        """The place in the string table."""
        # A lone surrogate is no Unicode, which a protobuf string has to be.
        return self.texts.setdefault(text.encode(errors="backslashreplace").decode(), len(self.texts))

    def location(self, frame: str) -> int:
        """The id of the frame's location, whose function has the same id."""
        known = self.locations.get(frame)
        if known is not None:
            return known
        number = self.locations[frame] = len(self.locations) + 1
        name = frame.removesuffix(KERNEL_SUFFIX)
        mapping = 1 if name == frame else 2
        self.profile.function.append(Function(id=number, name=self.text(name), system_name=self.text(frame)))
        self.profile.location.append(Location(id=number, mapping_id=mapping, line=[Line(function_id=number)]))
        return number
