"""Policy files before they are in force: checked, asked, and compared, with no controller."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from controller.policy.cases import imagined_host, usual_params
from controller.policy.difference import difference
from controller.policy.explaining import explain
from controller.policy.judging import judge
from controller.policy.parse import read_policy
from controller.policy.request import Request
from fleettrace.catalog import find_tool
from fleettrace.errors import BadInput
from fleettrace.model.host import Host
from fleettrace.model.policy import CaseOutcome, PolicyAnswer, PolicyCheck, PolicyDifference
from fleettrace.model.selector import parse_selector
from fleettrace.oneliner import read_one_liner

__all__ = ["check_file", "compare_files", "explain_file"]


def check_file(path: Path) -> PolicyCheck:
    """Read a policy and ask it its own tests.

    Raises:
        BadInput: it cannot be read, or is not of the documented form.
    """
    policy = read_policy(path)
    judged = map(partial(judge, policy), policy.cases)
    outcomes = tuple(CaseOutcome(one.case.name, one.passed, one.expected, one.actual, one.reason) for one in judged)
    return PolicyCheck(policy.origin, policy.version, len(policy.grants), outcomes)


def compare_files(old: Path, new: Path) -> PolicyDifference:
    """What changes from one policy to another; raises as :func:`check_file`."""
    return difference(read_policy(old), read_policy(new))


def explain_file(
    path: Path,
    team: str,
    what: str,
    selector: str,
    *,
    program: bool = False,
    params: Mapping[str, str],
    duration_ms: int = 0,
    break_glass: str = "",
) -> PolicyAnswer:
    """Ask a policy about a tool (or the text of a one-liner) on a host that the selector describes.

    Raises:
        BadInput: as :func:`check_file`; an unknown tool; a selector that describes no single host.
    """
    policy = read_policy(path)
    one_liner = read_one_liner(what) if program else None
    tool = one_liner.tool if one_liner is not None else find_tool(what)
    request = Request(
        team=team,
        operator="",
        tool=tool,
        hosts=[_described(selector)],
        duration_ms=duration_ms or None,
        program=one_liner.facts if one_liner is not None else None,
        params=tool.parse_params(params) if params else usual_params(tool),
        break_glass=break_glass,
    )
    return explain(policy, request)


def _described(text: str) -> Host:
    selector = parse_selector(text)
    labels = {term.name: term.value for term in selector.labels if not term.negated}
    plain = [name for name in selector.hosts if not set("*?[") & set(name)]
    if any(term.negated for term in selector.labels) or len(plain) != len(selector.hosts) or len(plain) > 1:
        raise BadInput(
            f"{text} describes more than one host, and a file knows none: give one's name or labels, such as db-1 or "
            "role=db, or leave out --file to ask the controller"
        )
    return imagined_host(plain[0] if plain else "a-host", labels)
