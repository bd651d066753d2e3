"""How large a program may be; every bound of the language in one place."""

__all__ = [
    "MAX_ATTACH_POINTS",
    "MAX_DEPTH",
    "MAX_KEY_PARTS",
    "MAX_MAPS",
    "MAX_PROBES",
    "MAX_PROGRAM_BYTES",
    "MAX_STATEMENTS",
    "MAX_STRING_BYTES",
    "MAX_UNROLL",
]

MAX_PROGRAM_BYTES = 8_192
"""Of the text, in UTF-8, comments included."""

MAX_DEPTH = 32
"""How deep blocks and expressions nest."""

MAX_STATEMENTS = 256
"""In all probes together, an unrolled statement counted as often as it is repeated."""

MAX_ATTACH_POINTS = 32
"""As written; a wildcard is one here, and policy bounds what it matches."""

MAX_MAPS = 16
MAX_PROBES = 20
"""After wildcards, unless a policy says otherwise. The kernel takes some 75 ms to detach a tracepoint, so that a
program on hundreds of them would stay attached for half a minute beyond its end."""
MAX_KEY_PARTS = 8
MAX_UNROLL = 20
MAX_STRING_BYTES = 200
"""Of a string literal, and of what str() and buf() read; bpftrace keeps strings on the kernel's 512-byte stack."""
