"""One-liners: an accepted subset of bpftrace's language, as a typed tree that policy can judge. Pure.

``parse`` a text into a tree, ``describe`` what it touches, ask ``refusals`` whether that may be, print it again in
one canonical form with ``program_text``; ``read_one_liner`` does it all and gives a tool that can be run.
docs/one-liners.md describes the language.
"""

from fleettrace.oneliner.counting import count_only
from fleettrace.oneliner.definition import OneLiner, read_one_liner
from fleettrace.oneliner.facts import ProgramFacts, describe, printing_numbers
from fleettrace.oneliner.parse import parse
from fleettrace.oneliner.printer import FieldStyle, program_text
from fleettrace.oneliner.refusals import OneLinerLimits, Refusal, refusals, too_many_probes, too_much_printed
from fleettrace.oneliner.tree import Program

__all__ = [
    "FieldStyle",
    "OneLiner",
    "OneLinerLimits",
    "Program",
    "ProgramFacts",
    "Refusal",
    "count_only",
    "describe",
    "parse",
    "printing_numbers",
    "program_text",
    "read_one_liner",
    "refusals",
    "too_many_probes",
    "too_much_printed",
]
