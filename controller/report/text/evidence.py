"""What was decided and on which numbers: policy, canaries, waves, operators. One line each."""

from rich.text import Text

from controller.report.text.numbers import rate_text
from fleettrace.model.cost import BASIS_TEXTS
from fleettrace.model.job import CanaryCheck, Decision, Job, Verdict, Wave
from fleettrace.model.names import counted

__all__ = ["canary_line", "decision_line", "evidence_lines", "state_style", "wave_label", "wave_line"]

Line = tuple[str, Text]

_UNJUDGED = frozenset({Verdict.PENDING, Verdict.RUNNING})

_STYLES = {
    "promote": "green",
    "granted": "green",
    "done": "bold green",
    "checked": "bold green",
    "hold": "yellow",
    "held": "bold yellow",
    "abort": "red",
    "aborted": "bold red",
    "awaiting approval": "yellow",
    "queued": "yellow",
    "withdrawn": "bold red",
    "preempted": "bold yellow",
    "failed": "bold red",
    "refused": "bold red",
    "denied": "red",
}


def state_style(word: str) -> str:
    """The style of a verdict or a state."""
    return _STYLES.get(word, "")


def evidence_lines(job: Job) -> list[Line]:
    """Every decision that has been taken, in the order of their happening."""
    lines = [decision_line(decision) for decision in job.decisions if decision.kind == "policy"]
    lines += [("canary", canary_line(check, job.reason)) for check in job.canaries if check.verdict not in _UNJUDGED]
    total = len(job.waves)
    lines += [
        (wave_label(number, total), wave_line(wave))
        for number, wave in enumerate(job.waves, 1)
        if wave.verdict is not Verdict.PENDING
    ]
    others = [decision for decision in job.decisions if decision.kind not in {"policy", "canary", "wave"}]
    return lines + [decision_line(decision) for decision in others]


def decision_line(decision: Decision) -> Line:
    """The verdict, its reason and the rule, unless the reason has named it."""
    rule = f" ({decision.rule})" if decision.rule and decision.rule not in decision.reason else ""
    return decision.kind, _judged(decision.verdict, f"{decision.reason}{rule}")


def canary_line(check: CanaryCheck, told: str) -> Text:
    """The frequency check in numbers: events/s, the busiest CPU, and the predicted cost against the budget.

    Its reason too when it adds to the numbers, unless ``told``, the job's own reason, is the same.
    """
    if not check.window_s:
        return _judged(check.verdict.value, check.reason)
    busiest = max(check.events_per_s_per_cpu, default=check.events_per_s)
    text = _judged(
        check.verdict.value,
        f"{check.host} counted {rate_text(check.events_per_s)} events/s (busiest CPU {rate_text(busiest)}); "
        f"predicted cost {check.predicted_cpu_pct:.2f}% of one CPU ({BASIS_TEXTS[check.cost_basis]}), "
        f"budget {check.budget_cpu_pct:g}%",
    )
    if (check.verdict is not Verdict.PROMOTE or check.overridden) and check.reason != told:
        text.append(f"; {check.reason}")
    return text


def wave_label(number: int, total: int) -> str:
    """``wave 1/3``."""
    return f"wave {number}/{total}"


def wave_line(wave: Wave) -> Text:
    """The verdict on a wave, or that it runs."""
    if wave.verdict is Verdict.RUNNING:
        return Text(f"tracing on {counted(len(wave.hosts), 'host')}")
    return _judged(wave.verdict.value, wave.reason)


def _judged(verdict: str, reason: str) -> Text:
    text = Text(overflow="fold").append(verdict, state_style(verdict))
    return text.append(f": {reason}") if reason else text
