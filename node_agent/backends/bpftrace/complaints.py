"""What bpftrace says on standard error, in one sentence with a way out."""

import re

__all__ = ["complaint"]

_NOISE = re.compile(r"RLIMIT_MEMLOCK|^\s*~*\s*$|WARNING|^Attaching ")
_PLACE = re.compile(r"^(?:stdin|definitions\.h|-e)?:?(?:\d+(?::\d+(?:-\d+)?)?):?\s*|^ERROR:\s*|^FATAL:\s*")
_MAX_CHARS = 240

_KNOWN: tuple[tuple[str, str], ...] = (
    (r"tracepoint not found: (\S+)", "this kernel has no tracepoint {0}: 'fleettrace probes' lists those that it has"),
    (
        r"kprobe_events\): No such file",
        "this kernel has no kprobes (CONFIG_KPROBES is off): use a tracepoint that says the same",
    ),
    (
        r"Error attaching probe: '(k(?:ret)?probe:[^']+)'",
        "{0} cannot be traced here (it does not exist, is inlined, or the kernel has no kprobes): use a tracepoint",
    ),
    (
        r"Error attaching probe: '(\S+)'",
        "the kernel refuses {0}: check that what it names exists on this host",
    ),
    (
        r"Could not resolve symbol: (\S+)",
        "there is no {0} here: the binary has no such symbol, or is stripped",
    ),
    (r"No probes to attach", "nothing here matches the program's probes: the symbol or probe does not exist"),
    (r"only supports running as the root user", "bpftrace refuses every user but root: apt-get install libuid-wrapper"),
    (
        r"Invalid probe type made it to attachpoint parser",
        "this host's bpftrace does not know one of the probe types: use tracepoint: instead",
    ),
    (r"Struct/union of type '([^']+)' does not contain a field named '([^']+)'", "{0} has no field {1} on this kernel"),
    (
        r"Can not attach to more than (\d+) probes|exceeds the limit|to (\d+) probes",
        "the wildcards match too many probes: name the ones that you need",
    ),
)


def complaint(stderr: str) -> str:
    """The sentence; empty when nothing was said."""
    for pattern, sentence in _KNOWN:
        if found := re.search(pattern, stderr):
            return sentence.format(*found.groups())
    for line in stderr.splitlines():
        if not _NOISE.search(line):
            text = line
            while (shorter := _PLACE.sub("", text)) != text:
                text = shorter
            return f"bpftrace refuses the program: {text.strip()[:_MAX_CHARS]}"
    return ""
