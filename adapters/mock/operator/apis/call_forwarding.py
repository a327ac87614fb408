"""call-forwarding-signal 0.4: whether calls to the number go somewhere else."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.operation import Identifier, Operation, PhoneNumber, Question


class CreateCallForwardingSignal(msgspec.Struct, frozen=True, rename="camel"):
    """Which number, for a two-legged token."""

    phone_number: PhoneNumber | UnsetType = UNSET


class UnconditionalCallForwardingSignal(msgspec.Struct, frozen=True):
    """Whether every call is forwarded, whatever the state of the device."""

    active: bool


CallForwardingSignal = list[
    Literal["inactive", "unconditional", "conditional_busy", "conditional_not_reachable", "conditional_no_answer"]
]


def _identifier(body: Any) -> Identifier | None:
    return None if body.phone_number is UNSET else Identifier(body.phone_number)


def _unconditional(question: Question) -> UnconditionalCallForwardingSignal:
    return UnconditionalCallForwardingSignal("unconditional" in question.line.forwardings)


def _every(question: Question) -> list[str]:
    return sorted(question.line.forwardings, reverse=True) or ["inactive"]


CALL_FORWARDING = (
    Operation(
        method="POST",
        path="/unconditional-call-forwardings",
        name="retrieveUnconditionalCallForwarding",
        summary="Whether unconditional call forwarding is active",
        scopes=frozenset({"call-forwarding-signal:unconditional-call-forwardings:read"}),
        body=CreateCallForwardingSignal,
        identifier=_identifier,
        answer_type=UnconditionalCallForwardingSignal,
        answer=_unconditional,
    ),
    Operation(
        method="POST",
        path="/call-forwardings",
        name="retrieveCallForwarding",
        summary="Which call forwardings are active",
        scopes=frozenset({"call-forwarding-signal:call-forwardings:read"}),
        body=CreateCallForwardingSignal,
        identifier=_identifier,
        answer_type=CallForwardingSignal,
        answer=_every,
    ),
)
