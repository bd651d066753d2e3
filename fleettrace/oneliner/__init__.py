"""One-liners: an accepted subset of bpftrace's language, as a typed tree that policy can judge. Pure.

``parse`` a text into a tree, ``describe`` what it touches, ask ``refusals`` whether that may be, print it again in
one canonical form with ``program_text``. docs/one-liners.md describes the language.
"""

from fleettrace.oneliner.counting import count_only
from fleettrace.oneliner.facts import MapFact, ProgramFacts, describe
from fleettrace.oneliner.parse import parse
from fleettrace.oneliner.printer import FieldStyle, program_text
from fleettrace.oneliner.refusals import OneLinerLimits, matched_probes, refusals
from fleettrace.oneliner.source import BadProgram
from fleettrace.oneliner.tree import Program

__all__ = [
    "BadProgram",
    "FieldStyle",
    "MapFact",
    "OneLinerLimits",
    "Program",
    "ProgramFacts",
    "count_only",
    "describe",
    "matched_probes",
    "parse",
    "program_text",
    "refusals",
]
