"""What one check of the health gate says, with the numbers that it says it by."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from pydantic import Field

from release.stored import Stored


class Result(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """There was nothing to judge by; the reason says what was missing."""


class Verdict(Stored):
    """One check's verdict.

    Attributes:
        check: Its name.
        result: How it ended.
        reason: What was found, in a sentence.
        evidence: The numbers behind it, by name with their unit.
    """

    check: str
    result: Result
    reason: str
    evidence: Mapping[str, float | int | str] = Field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether it condemns the release."""
        return self.result is Result.FAILED

    def __str__(self) -> str:
        return f"{self.check}: {self.reason}"


UPDATE_CHECK: Final = "update"
"""Under this name an update that failed is told like a check of the gate."""


def failures(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Give those that condemn."""
    return tuple(verdict for verdict in verdicts if verdict.failed)
