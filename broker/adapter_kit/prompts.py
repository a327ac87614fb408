"""Asking the person on their phone, through their operator, for a yes to one thing (CIBA; ICM profile, 1.4).

The operator's own question says nothing about what is approved: CAMARA's servers ignore ``binding_message``. So whoever
asks shows it elsewhere, and what is asked here is bound to it by ``bound_to``: a yes to one thing is no yes to another.
"""

from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.ciba import Ciba
from broker.adapter_kit.oauth import Flow, TokenWanted
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Unavailability


class Prompt(msgspec.Struct, frozen=True):
    """A question to a person, asked again and again until there is an answer; the phone rings once.

    ``bound_to`` is the one thing that is to be approved; ``timeout_s`` how long one step may take.
    """

    phone: PhoneNumber
    purpose: str
    bound_to: str
    tenant: str
    consumer: str
    timeout_s: float

    def __repr__(self) -> str:  # the number stays out of logs
        return f"Prompt({self.tenant})"


class PromptAnswer(StrEnum):
    """How it stands after one step."""

    WAITING = "waiting"
    """No answer yet, or none that could be fetched: take another step later."""
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    NOBODY_ASKED = "nobody_asked"
    """The operator granted it by a consent that it had, and asked nobody."""
    NOT_PERMITTED = "not_permitted"
    REFUSED = "refused"
    """The operator will not ask, now or later."""


@runtime_checkable
class AsksPeople(Protocol):
    """An adapter whose operator asks a person for each thing anew."""

    @property
    def asks_people(self) -> bool:
        """Whether this operator does so at all."""
        ...

    async def ask_person(self, prompt: Prompt) -> PromptAnswer:
        """Take one step; raises nothing but cancellation and what the memory of requests raises."""
        ...


_BY_CODE = {"access_denied": PromptAnswer.DENIED, "expired_token": PromptAnswer.EXPIRED}
# What the next step may do better.
_PASSING = frozenset({Unavailability.LATE, Unavailability.TIMEOUT, Unavailability.OPERATOR_ERROR})
# The operator does not take the request at all, or no longer knows it.
_FINAL = frozenset(
    {
        *("invalid_client", "unauthorized_client", "invalid_scope", "invalid_request", "invalid_grant"),
        *("unsupported_grant_type", "invalid_request_object"),
    }
)


async def take_step(ciba: Ciba, prompt: Prompt, scope: str) -> PromptAnswer:
    """Ask the person, or look whether they have answered."""
    wanted = TokenWanted(
        flow=Flow.CIBA,
        subject=f"tel:{prompt.phone.e164}",
        purpose=prompt.purpose,
        scopes=tuple(scope.split()),
        single_use=True,
        tenant=prompt.tenant,
        consumer=prompt.consumer,
        bound_to=prompt.bound_to,
    )
    try:
        asked = await ciba.approval(wanted, prompt.timeout_s)
    except OperatorFault as fault:
        return _answer(fault)
    return PromptAnswer.APPROVED if asked else PromptAnswer.NOBODY_ASKED


def _answer(fault: OperatorFault) -> PromptAnswer:
    if fault.code in _BY_CODE:
        return _BY_CODE[fault.code]
    if fault.reason is Unavailability.NOT_PERMITTED and fault.code not in _FINAL:
        return PromptAnswer.NOT_PERMITTED
    return PromptAnswer.WAITING if fault.reason in _PASSING and fault.code not in _FINAL else PromptAnswer.REFUSED
