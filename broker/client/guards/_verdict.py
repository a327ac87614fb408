"""What a guard says about one tool call: run it, or not, and what to tell the model and the person."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from broker.client._answers import Answer, Challenge, NextStep


class Code(StrEnum):
    """Why a tool may run, or may not."""

    ALLOWED = "ALLOWED"
    UNGUARDED = "UNGUARDED"
    DENIED = "DENIED"
    STEP_UP = "STEP_UP"
    REVIEW = "REVIEW"
    UNAVAILABLE = "TRUST_UNAVAILABLE"
    NO_RULE = "NO_TRUST_RULE"
    CHANGED = "ARGUMENTS_CHANGED"
    EXPIRED = "DECISION_EXPIRED"
    USED = "DECISION_USED"


# Constants: nothing that an operator, a subject or a tool said gets before the model.
_TEXTS = {
    Code.ALLOWED: "Allowed.",
    Code.UNGUARDED: "Nothing has to be asked.",
    Code.DENIED: "Not done: the trust check decided against it. Do not try it again or in another way; tell the person "
    "that it cannot be done here.",
    Code.STEP_UP: "Not done yet: the person has to confirm it first. Tell them so, and call this again with the same "
    "arguments once they have.",
    Code.REVIEW: "Not done yet: somebody has to look at it first. Tell the person so; call this again with the same "
    "arguments once it was approved.",
    Code.UNAVAILABLE: "Not done: no trust decision could be obtained. Tell the person to try again later.",
    Code.NO_RULE: "Not done: it is not set up for this tool whether it needs a trust decision.",
    Code.CHANGED: "Not done: the arguments are not those that were decided about. Ask the person again.",
    Code.EXPIRED: "Not done: the decision is too old. Call this again, so that a new one is made.",
    Code.USED: "Not done: this decision was acted on already. Call this again only if the person wants it twice.",
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to show to the person, past the model: how to go on with a check that wants them, or a reviewer.

    ``challenge`` is there where the guard has just started one: its link is for the person's phone.
    """

    check_id: str
    tool: str
    action: str
    decision: str
    steps: tuple[NextStep, ...]
    challenge: Challenge | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The same as plain JSON, for frameworks that keep it with a paused run."""
        steps = [{"type": step.type, "method": step.method, "href": step.href} for step in self.steps]
        document: dict[str, Any] = {
            "checkId": self.check_id,
            "tool": self.tool,
            "action": self.action,
            "decision": self.decision,
            "steps": [{name: value for name, value in step.items() if value} for step in steps],
        }
        if self.challenge:
            document["challenge"] = {
                "method": self.challenge.method,
                "link": self.challenge.link,
                "compareCode": self.challenge.compare_code,
                "expiresAt": self.challenge.expires_at.isoformat(),
            }
        return document


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a tool call may run. ``text`` is safe to give to the model; ``receipt`` is for whoever executes."""

    code: Code
    answer: Answer | None = None
    prompt: Prompt | None = None

    @property
    def run(self) -> bool:
        """Whether to run the tool."""
        return self.code in {Code.ALLOWED, Code.UNGUARDED}

    @property
    def wants_person(self) -> bool:
        """Whether the person, or a reviewer, can still turn this into an allow."""
        return self.prompt is not None and not self.run

    @property
    def receipt(self) -> str | None:
        """The receipt of an allow."""
        return self.answer.receipt if self.answer and self.code is Code.ALLOWED else None

    @property
    def check_id(self) -> str | None:
        """The check behind it, where there is one."""
        return self.answer.id if self.answer else None

    @property
    def text(self) -> str:
        """A sentence for the model, from constants, with the check's id."""
        return f"{_TEXTS[self.code]} ({self.code}{f', {self.check_id}' if self.check_id else ''})"


class TrustRefused(Exception):
    """The tool was not run; ``verdict`` says why, and how to go on."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.text)
        self.verdict = verdict
