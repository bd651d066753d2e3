"""What a method's answers are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Answer", "Figures", "figures", "threshold_for"]

FALSE_PER_100 = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method said of one fleet: hosts by score, the oddest first; ``right`` hosts are the odd ones."""

    ranked: tuple[tuple[str, float], ...]
    right: frozenset[str]

    def accused(self, threshold: float) -> list[str]:
        """Hosts at or beyond a threshold."""
        return [host for host, score in self.ranked if score >= threshold]


@dataclass(frozen=True, slots=True)
class Figures:
    """In percent, of fleets (top-1), accusations (precision) and odd hosts (recall); false ones per 100 healthy
    fleets."""

    top1: float
    precision: float
    recall: float
    false_per_100: float


def figures(answers: Sequence[Answer], threshold: float) -> Figures:
    """Of some healthy and some faulty fleets."""
    faulty = [answer for answer in answers if answer.right]
    healthy = [answer for answer in answers if not answer.right]
    first = sum(bool(answer.ranked) and answer.ranked[0][0] in answer.right for answer in faulty)
    accused = [(host in answer.right) for answer in answers for host in answer.accused(threshold)]
    found = sum(len(answer.right & set(answer.accused(threshold))) for answer in faulty)
    false = sum(len(answer.accused(threshold)) for answer in healthy)
    return Figures(
        100 * first / max(len(faulty), 1),
        100 * sum(accused) / max(len(accused), 1),
        100 * found / max(sum(len(answer.right) for answer in faulty), 1),
        100 * false / max(len(healthy), 1),
    )


def threshold_for(answers: Sequence[Answer]) -> float:
    """The lowest threshold that accuses at most one host per 100 healthy fleets."""
    scores = sorted((score for answer in answers if not answer.right for _, score in answer.ranked), reverse=True)
    healthy = sum(not answer.right for answer in answers)
    allowed = int(FALSE_PER_100 * healthy / 100)
    return scores[allowed] * (1 + 1e-9) + 1e-12 if allowed < len(scores) else 0.0
