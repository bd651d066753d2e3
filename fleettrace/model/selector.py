"""Selectors: which hosts a job is for.

``all``, or comma-separated terms: ``name=value``, ``name!=value`` (every label term must hold) and host names
or globs such as ``api-1`` or ``api-*`` (one of them must match).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fleettrace.errors import BadLabel, BadSelector
from fleettrace.model.names import check_host_name, check_labels

__all__ = ["LabelTerm", "Selector", "parse_selector"]

MAX_TERMS = 256


@dataclass(frozen=True, slots=True)
class LabelTerm:
    """``name=value``, or ``name!=value`` when ``negated`` (which a host without the label fulfils)."""

    name: str
    value: str
    negated: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a host with these labels fulfils the term."""
        return (labels.get(self.name) == self.value) != self.negated


@dataclass(frozen=True, slots=True)
class Selector:
    """All label terms and one of the host globs must hold; with no globs, any name will do."""

    text: str
    labels: tuple[LabelTerm, ...] = ()
    hosts: tuple[str, ...] = ()

    def matches(self, host: str, labels: Mapping[str, str]) -> bool:
        """Whether this host is meant."""
        return all(term.matches(labels) for term in self.labels) and (
            not self.hosts or any(fnmatchcase(host, pattern) for pattern in self.hosts)
        )


def parse_selector(text: str) -> Selector:
    """Parse a selector as typed.

    Raises:
        BadSelector: empty, a malformed term, or ``all`` among other terms.
    """
    terms = [term.strip() for term in text.split(",")]
    if not text.strip() or not all(terms):
        raise BadSelector(f"{text!r} is not a selector: write all, role=api,zone!=b, or host names")
    if len(terms) > MAX_TERMS:
        raise BadSelector(f"a selector has at most {MAX_TERMS} terms; label the hosts and select by label")
    if terms == ["all"]:
        return Selector(text="all")
    labels = tuple(_label_term(term) for term in terms if "=" in term)
    hosts = tuple(_host_pattern(term) for term in terms if "=" not in term)
    return Selector(text=",".join(terms), labels=labels, hosts=hosts)


def _label_term(term: str) -> LabelTerm:
    name, _, value = term.partition("=")
    negated = name.endswith("!")
    name = name.removesuffix("!").strip()
    try:
        check_labels({name: value.strip()})
    except BadLabel as error:
        raise BadSelector(f"in the selector, {error}") from error
    return LabelTerm(name, value.strip(), negated)


def _host_pattern(term: str) -> str:
    try:
        # A glob is a host name with stars and question marks for some of its letters.
        check_host_name(term.replace("*", "x").replace("?", "x"))
    except BadLabel as error:
        raise BadSelector(
            f"{term!r} is neither a label term (name=value) nor a host name, and 'all' stands alone"
        ) from error
    return term
