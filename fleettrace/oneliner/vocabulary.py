"""The words of the language: what may be named, what each function takes, and why the rest is refused."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "AGGREGATIONS",
    "BUILTINS",
    "FUNCTIONS",
    "INTEGER_TYPES",
    "REFUSED_FUNCTIONS",
    "REFUSED_WORDS",
    "Function",
]


@dataclass(frozen=True, slots=True)
class Function:
    """How many arguments a function takes, and whether it has a value or is called for what it does."""

    minimum: int
    maximum: int
    has_value: bool = True


AGGREGATIONS: Mapping[str, Function] = {
    "avg": Function(1, 1),
    "count": Function(0, 0),
    "hist": Function(1, 1),
    "lhist": Function(4, 4),
    "max": Function(1, 1),
    "min": Function(1, 1),
    "stats": Function(1, 1),
    "sum": Function(1, 1),
}
"""What may stand to the right of ``@map =``, and nowhere else."""

FUNCTIONS: Mapping[str, Function] = {
    **AGGREGATIONS,
    "buf": Function(1, 2),
    "kstack": Function(0, 1),
    "ksym": Function(1, 1),
    "ntop": Function(1, 2),
    "str": Function(1, 2),
    "strncmp": Function(3, 3),
    "ustack": Function(0, 1),
    "usym": Function(1, 1),
    "clear": Function(1, 1, has_value=False),
    "delete": Function(1, 1, has_value=False),
    "exit": Function(0, 0, has_value=False),
    "print": Function(1, 3, has_value=False),
    "printf": Function(1, 16, has_value=False),
    "time": Function(0, 1, has_value=False),
    "zero": Function(1, 1, has_value=False),
}

BUILTINS = frozenset(
    {
        *(f"arg{number}" for number in range(10)),
        *("args", "cgroup", "comm", "cpu", "curtask", "elapsed", "func", "gid", "kstack", "nsecs"),
        *("pid", "probe", "rand", "retval", "tid", "uid", "ustack"),
    }
)

INTEGER_TYPES = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

REFUSED_FUNCTIONS: Mapping[str, str] = {
    "system": "runs a command on every host, and a trace only looks: count or print what you want to know",
    "signal": "stops or kills processes, and a trace only looks: count them by pid, then act by hand",
    "override": "changes what kernel functions return, and a trace only looks: count with retval instead",
    "override_return": "changes what kernel functions return, and a trace only looks: count with retval instead",
    "cat": "reads any file as root: print str() of what a probe hands over instead",
    "cgroupid": "reads a path of the machine that the program was not written on: filter with --on instead",
    "join": "prints lists of strings without a bound: print str(args->argv[0]) and so on, one by one",
    "skboutput": "writes packets into files on every host: count by ntop() of the addresses instead",
    "unwatch": "belongs to memory watchpoints, which trap on every access: use a uprobe",
    "kptr": "hides which memory is read: use (struct name *) casts",
    "uptr": "hides which memory is read: use str() or buf()",
    "kaddr": "reads kernel variables by name: use a probe's own arguments",
    "uaddr": "reads variables of processes by name: use a probe's own arguments",
    "reg": "reads raw registers, which differ by architecture: use arg0 and so on, or retval",
    "macaddr": "is not in the accepted subset: use buf() of 6 bytes",
    "cgroup_path": "breaks the lines of the output that is read back: use cgroup, the number",
    "strftime": "prints the host's clock into text: results carry their time anyway",
    "path": "needs a kernel helper that few probes may call: use str() of the name that the probe has",
    "nsecs": "is written without parentheses here: write nsecs",
}
"""Functions of bpftrace that are refused by name, each with the reason and the way out."""

REFUSED_WORDS: tuple[tuple[str, str], ...] = (
    (r"#\s*include\b", "#include compiles files of the host into the program: fields of args and casts need none"),
    (r"#", "preprocessor lines are not in the accepted subset: write the values out"),
    (r"--?unsafe\b", "--unsafe would allow commands and signals, and is never passed on: leave it out"),
    (r"(?<![\w$@>.:])import\b", "import loads files of the host into the program: leave it out"),
    (r"(?<![\w$@>.:])while\b", "a while loop has no bound: use unroll(n) { ... }, or a map that counts"),
    (r"(?<![\w$@>.:])for\b", "a for loop has no bound that is known beforehand: use unroll(n) { ... }"),
    (r"(?<![\w$@>.:])(?:goto|break|continue|return)\b", "jumps are not in the accepted subset: use if and else"),
    (r"(?<![\w$@>.:])config\s*=", "settings are the host's to make: leave the config block out"),
    (r"(?<![\w$@>.:(])(?:struct|union|enum)\s+\w+\s*\{", "types are the kernel's own: cast to (struct name *) instead"),
    (r"\$[0-9#]", "positional parameters have no values here: write the value out"),
)
"""Refused wherever they stand outside strings and comments: a pattern, and the reason with the way out."""
