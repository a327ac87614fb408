"""Conditions of policies: CEL behind one wrapper with our own, three-valued answer.

The library reports an evaluation error as a *value* whose content is a non-empty string, hence truthy; here anything
that is not a boolean of CEL's own type is :attr:`Truth.UNKNOWN`, and whoever asks must say what that means.
"""

import re
from enum import Enum
from typing import Any

from cel_expr_python import cel

from broker.domain.check import Action

EXPRESSION_LENGTH_MAX = 1000

# What a condition may look at. A misspelt member would otherwise be "unknown" for ever without anybody noticing.
MEMBERS = ("type", "amount.value", "amount.currency", "resource", "attributes")
_MEMBER = re.compile(r"(?<![\w.])action\b(?:\s*\.\s*(\w+)(?:\s*([.\[])\s*(\w*))?)?")
# A text or a number followed by a member or an index; a function of it, such as startsWith(), is well.
_BEYOND = re.compile(
    r"(?<![\w.])action\s*\.\s*((?:type|resource|amount\s*\.\s*(?:value|currency))\b)\s*+(?:\[|\.\s*+\w++\s*+(?!\())"
)
# What stands in quotes names nothing.
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


class Truth(Enum):
    """The answer to a condition; ``UNKNOWN`` when something it needs is absent or of another type."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class Condition:
    """One compiled expression over ``action``.

    ``action`` is a map: ``type`` string; ``amount`` with ``value`` (double) and ``currency`` (string), absent when the
    request has none; ``resource`` string, absent when none; ``attributes``, always there.

    Raises:
        ValueError: too long, not CEL, not boolean, or it names a member that an action does not have.
    """

    def __init__(self, text: str) -> None:
        if len(text) > EXPRESSION_LENGTH_MAX:
            raise ValueError(f"longer than {EXPRESSION_LENGTH_MAX} characters")
        _require_known_members(_TEXT.sub('""', text))
        self.text = text
        try:
            self._expression = _environment().compile(text)
        except RuntimeError as error:
            raise ValueError(f"not a CEL expression over `action`: {' '.join(str(error).split())}") from error
        kind = self._expression.return_type()
        if kind not in (cel.Type.BOOL, cel.Type.DYN):
            raise ValueError(f"gives {kind.name()}, not a boolean")

    def holds(self, action: Action) -> Truth:
        """Evaluate for one action. Never raises: what the library cannot take in is ``UNKNOWN``."""
        try:
            answer = self._expression.eval(data={"action": as_cel(action)})
            if answer.type() != cel.Type.BOOL:
                return Truth.UNKNOWN
            return Truth.TRUE if answer.value() is True else Truth.FALSE
        except (RuntimeError, TypeError, ValueError, OverflowError):  # e.g. an integer beyond 64 bits
            return Truth.UNKNOWN


def as_cel(action: Action) -> dict[str, Any]:
    """The action as conditions see it; what is absent in the request is absent here, never empty or zero."""
    members: dict[str, Any] = {"type": action.type, "attributes": dict(action.attributes)}
    if action.amount is not None:
        members["amount"] = {"value": float(action.amount.value), "currency": action.amount.currency}
    if action.resource is not None:
        members["resource"] = action.resource
    return members


def _environment() -> cel.Env:
    return cel.NewEnv(variables={"action": cel.Type.DYN})


def _require_known_members(text: str) -> None:
    """Refuse what could never be evaluated: it would be "unknown" for ever, and a rule that never holds is no rule."""
    if beyond := _BEYOND.search(text):
        raise ValueError(f"action.{beyond[1]} has no members")
    for first, follows, second in _MEMBER.findall(text):
        if not first:
            raise ValueError("use members of `action` by name, such as action.amount.value")
        named = f"{first}.{second}" if first == "amount" and follows else first
        if named not in {*MEMBERS, "amount"}:
            raise ValueError(f"an action has no member {named!r}; it has {', '.join(MEMBERS)}")
