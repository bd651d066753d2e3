"""The parameters that tools share: what they can be narrowed to, and how fine their histograms are."""

from fleettrace.model.params.forms import MAX_COMM_BYTES, ParamType
from fleettrace.model.params.param import Param

__all__ = ["COMMON_NAMES", "CONNECTION_FILTERS", "FILTERS", "FINE", "PROCESS_FILTERS"]

PROCESS_FILTERS = (
    Param("pid", 0, 1, 4_194_304, "Only this process (its process id)."),
    Param("comm", "", 1, MAX_COMM_BYTES, "Only processes of this name.", ParamType.COMM),
    Param("cgroup", "", 1, 1024, "Only processes in this cgroup and below.", ParamType.CGROUP),
    Param("container", "", 1, 253, "Only processes of this container.", ParamType.CONTAINER),
)
"""What a tool can be narrowed to unless its manifest says otherwise; none is set unless it is given."""

MAX_PORT = 65_535
MAX_NETWORK_CHARS = 49
"""Of the longest spelling of an IPv6 network: six groups, an IPv4 address and a prefix."""

CONNECTION_FILTERS = (
    Param("port", 0, 1, MAX_PORT, "Only connections with this port at either end."),
    Param("local_port", 0, 1, MAX_PORT, "Only connections with this port at the host's own end."),
    Param("peer_port", 0, 1, MAX_PORT, "Only connections with this port at the peer's end."),
    Param(
        "address",
        "",
        1,
        MAX_NETWORK_CHARS,
        "Only connections with this peer, or one in this network.",
        ParamType.ADDRESS,
    ),
)
"""What tools that follow connections can be narrowed to besides; their manifests name those that hold."""

FILTERS = (*PROCESS_FILTERS, *CONNECTION_FILTERS)

FINE = Param("fine", 0, 0, 4, "2^fine buckets of equal width in each octave of a histogram; 0: one.")
"""What every tool with a histogram takes besides. Finer buckets fold into coarser ones without loss."""

COMMON_NAMES = frozenset(param.name for param in (*FILTERS, FINE))
"""Names that no tool may give to a parameter of its own; these are among the values only when they are given."""
