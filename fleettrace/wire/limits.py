"""Bounds that both ends of the wire keep, in one place."""

__all__ = [
    "CHANNEL_OPTIONS",
    "HEARTBEAT_MS",
    "LEASE_MS",
    "MAX_ANSWER_BYTES",
    "MAX_ANSWER_MS",
    "MAX_MESSAGE_BYTES",
    "MAX_PROBES",
    "PROTOCOL_VERSION",
    "SERVER_OPTIONS",
    "SILENCE_MS",
]

PROTOCOL_VERSION = 2

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The largest message that either end takes."""

HEARTBEAT_MS = 4_000
"""An agent says something at least this often, and the controller answers; more often costs idle hosts more CPU."""

SILENCE_MS = 10_000
"""A peer that was silent for this long is taken for gone."""

LEASE_MS = 10_000
"""A run ends when its agent has heard nothing from the controller for this long."""

MAX_PROBES = 8_192
"""The most probes that one answer names; kernels have some 2,000 tracepoints, most of them in two forms."""

MAX_ANSWER_BYTES = 256 * 1024
"""The largest answer to a question besides traces; what does not fit is left out of it, and counted."""

MAX_ANSWER_MS = 300_000
"""The longest that any question is waited for."""

_SIZES = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)

CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    *_SIZES,
    # A controller is inside the site: a proxy that the environment names for the web does not lead there.
    ("grpc.enable_http_proxy", 0),
)
"""Options of every client channel."""

SERVER_OPTIONS: tuple[tuple[str, int | str], ...] = (
    *_SIZES,
    # Two servers on one port would each get some of the agents: a taken port must be an error.
    ("grpc.so_reuseport", 0),
)
"""Options of the controller's server."""
