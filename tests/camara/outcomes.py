"""How a scenario can end."""

from dataclasses import dataclass
from enum import StrEnum

from tests.camara.features import Scenario


class NotApplicable(Exception):
    """The scenario's precondition cannot be met here; the text says which."""


class Mismatch(AssertionError):
    """The operator did not do what a step expects."""


class Verdict(StrEnum):
    """The columns of the report."""

    PASSED = "passed"
    FAILED = "failed"
    CONTRADICTED = "contradicting the YAML"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Outcome:
    """How one scenario ended, and why, unless it passed."""

    scenario: Scenario
    verdict: Verdict
    reason: str = ""


def expect(truth: object, message: str) -> None:
    """Raise `Mismatch` with this message unless it is true."""
    if not truth:
        raise Mismatch(message)
