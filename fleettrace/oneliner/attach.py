"""Attach points from text: the kinds, their short names and the form of each one's target."""

import re
from collections.abc import Mapping

from fleettrace.oneliner.tree import AttachPoint, ProbeKind

__all__ = ["PROBE_FORMS", "REFUSED_KINDS", "parse_attach_point"]

_NAME = r"[A-Za-z0-9_*?.\[\]]+"
_PATH = r"(?:/[^\s:{},\"'\\]*)"
_SYMBOL = r"[A-Za-z0-9_*?.@$~<>\[\]+]+"
_RATE = r"[1-9][0-9]{0,6}"

PROBE_FORMS: Mapping[ProbeKind, tuple[str, str]] = {
    ProbeKind.TRACEPOINT: (rf"{_NAME}:{_NAME}", "tracepoint:CATEGORY:NAME"),
    ProbeKind.RAW_TRACEPOINT: (_NAME, "rawtracepoint:NAME"),
    ProbeKind.KPROBE: (rf"{_NAME}(?:\+[0-9]{{1,6}})?", "kprobe:FUNCTION"),
    ProbeKind.KRETPROBE: (_NAME, "kretprobe:FUNCTION"),
    ProbeKind.UPROBE: (rf"{_PATH}:{_SYMBOL}", "uprobe:/PATH/OF/BINARY:FUNCTION"),
    ProbeKind.URETPROBE: (rf"{_PATH}:{_SYMBOL}", "uretprobe:/PATH/OF/BINARY:FUNCTION"),
    ProbeKind.USDT: (rf"{_PATH}:(?:{_NAME}:)?{_NAME}", "usdt:/PATH/OF/BINARY:PROVIDER:PROBE"),
    ProbeKind.PROFILE: (rf"(?:hz|s|ms|us):{_RATE}", "profile:hz:99"),
    ProbeKind.INTERVAL: (rf"(?:hz|s|ms|us):{_RATE}", "interval:s:1"),
    ProbeKind.SOFTWARE: (rf"[a-z-]+(?::{_RATE})?", "software:page-faults:100"),
    ProbeKind.BEGIN: ("", "BEGIN"),
    ProbeKind.END: ("", "END"),
}
"""For each kind, the pattern of its target and a form to show."""

REFUSED_KINDS: Mapping[str, str] = {
    "kfunc": "kfunc needs a kernel with function tracing, which few hosts have: use a tracepoint or kprobe",
    "kretfunc": "kretfunc needs a kernel with function tracing, which few hosts have: use a tracepoint or kretprobe",
    "fentry": "fentry needs a kernel with function tracing, which few hosts have: use a tracepoint or kprobe",
    "fexit": "fexit needs a kernel with function tracing, which few hosts have: use a tracepoint or kretprobe",
    "hardware": "hardware counters are not in the accepted subset: use profile:hz:99 or software:...",
    "watchpoint": "watchpoints trap on every access to memory: use a uprobe",
    "asyncwatchpoint": "watchpoints trap on every access to memory: use a uprobe",
    "iter": "iterators walk all of a kernel's objects at once: use a tracepoint",
    "self": "signals to the tracer are the host's business: use interval",
}

_SHORT_NAMES = {
    "t": ProbeKind.TRACEPOINT,
    "rt": ProbeKind.RAW_TRACEPOINT,
    "raw_tracepoint": ProbeKind.RAW_TRACEPOINT,
    "k": ProbeKind.KPROBE,
    "kr": ProbeKind.KRETPROBE,
    "u": ProbeKind.UPROBE,
    "ur": ProbeKind.URETPROBE,
    "U": ProbeKind.USDT,
    "p": ProbeKind.PROFILE,
    "i": ProbeKind.INTERVAL,
    "s": ProbeKind.SOFTWARE,
}
_LONG_SHORT = {"f": "kfunc", "fr": "kretfunc", "h": "hardware", "w": "watchpoint", "aw": "asyncwatchpoint"}
_KINDS = {kind.value: kind for kind in ProbeKind} | _SHORT_NAMES


def parse_attach_point(text: str) -> AttachPoint:
    """Parse ``kind:target``, with bpftrace's short names for kinds.

    Raises:
        ValueError: the reason and the way out, without the place.
    """
    name, _, target = text.partition(":")
    name = _LONG_SHORT.get(name, name)
    if name in REFUSED_KINDS:
        raise ValueError(REFUSED_KINDS[name])
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError(f"there is no probe type {name!r}; there are: {', '.join(kind.value for kind in ProbeKind)}")
    pattern, form = PROBE_FORMS[kind]
    target = target.replace('"', "")
    if not re.fullmatch(pattern, target):
        raise ValueError(f"{text!r} is no attach point of its type: write it like {form}")
    return AttachPoint(kind, tuple(target.split(":")) if target else ())
