"""Hosts, the tools that a controller offers, and pages of its audit log."""

from hypothesis import strategies as st

from fleettrace.model.audit import AuditHead, AuditPage, AuditRecord
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.output import ResultKind
from fleettrace.model.params import Param
from fleettrace.model.tool import ToolListing
from tests.unit.fleettrace.strategies.basics import capabilities, digests, host_names, labels, names, numbers, texts
from tests.unit.fleettrace.strategies.cost import calibrations

facts = st.builds(
    HostFacts,
    texts,
    texts,
    texts,
    st.integers(1, 4096),
    digests,
    names,
    names,
    capabilities,
    texts,
    st.dictionaries(names, digests, max_size=3),
    names,
    texts,
    st.lists(names, max_size=2).map(tuple),
    st.none() | st.integers(0, 1 << 31),
    st.lists(names, max_size=2).map(tuple),
    st.none() | calibrations,
)
hosts = st.builds(Host, host_names, labels, facts, st.booleans(), numbers, texts)
_hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
audit_pages = st.builds(
    AuditPage,
    st.lists(st.builds(AuditRecord, numbers, st.binary(max_size=20), _hashes), max_size=3).map(tuple),
    st.builds(AuditHead, numbers, _hashes),
    numbers,
)

int64 = st.integers(-(1 << 63), (1 << 63) - 1)
tools = st.builds(
    ToolListing,
    names,
    digests,
    texts,
    st.sampled_from(ResultKind),
    st.lists(st.builds(Param, names, int64, int64, int64, texts), max_size=2).map(tuple),
    capabilities,
    st.lists(names, max_size=2).map(tuple),
    texts,
)
