"""What happened in a scenario, line by line: the same for the same seed, and what a failing seed prints."""

from collections.abc import Callable

__all__ = ["Story"]

MAX_LINES = 20_000


class Story:
    """Lines with their virtual time; ``fail`` notes that an invariant does not hold."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self.lines: list[str] = []
        self.violations: list[str] = []

    def tell(self, text: str) -> None:
        """Note a step."""
        if len(self.lines) < MAX_LINES:
            self.lines.append(f"{self._clock_s():10.4f}  {text}")

    def fail(self, invariant: str, text: str) -> None:
        """Note a violation."""
        sentence = f"{invariant}: {text}"
        if sentence not in self.violations:
            self.violations.append(sentence)
            self.tell(f"VIOLATED {sentence}")

    def __str__(self) -> str:
        return "\n".join(self.lines)
