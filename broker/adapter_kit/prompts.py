"""Asking the person on their phone, through their operator, for a yes to one thing (CIBA; ICM profile, 1.4).

The operator's own question says nothing about what is approved: CAMARA's servers ignore ``binding_message``. So whoever
asks shows it elsewhere, and what is asked here is bound to it by ``bound_to``: a yes to one thing is no yes to another.
It takes two orders: one that has the phone ring, once and however often it comes, and one that looks for the answer.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar, Final

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.ciba import Ciba
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import Order, Refused
from broker.adapter_kit.oauth import Flow, TokenWanted
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Source, Unavailability

API: Final = "ciba"
"""The name under which a deployment says what a prompt costs; no CAMARA API, but an operator charges for it alike."""


class PersonAsked(msgspec.Struct, frozen=True):
    """The operator has the question. ``anew``: since this very order, which is what it charges for."""

    anew: bool


class PromptAnswer(StrEnum):
    """How it stands with a question that the operator has."""

    WAITING = "waiting"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    NOBODY_ASKED = "nobody_asked"
    """The operator granted it by a consent that it had, and asked nobody."""


class AskPerson(Order[PersonAsked], frozen=True, kw_only=True):
    """Ask the person for ``bound_to``. Given again it changes nothing: the phone rings once."""

    instrument: ClassVar[InstrumentName] = InstrumentName.OPERATOR_PROMPT

    bound_to: str


class HearPerson(Order[PromptAnswer], frozen=True, kw_only=True):
    """Look whether the person has answered; as often as one likes, for the operator's own pace is kept."""

    instrument: ClassVar[InstrumentName] = InstrumentName.OPERATOR_PROMPT
    charged: ClassVar[bool] = False

    bound_to: str


_BY_CODE = {"access_denied": PromptAnswer.DENIED, "expired_token": PromptAnswer.EXPIRED}
_PASSING = frozenset(
    {Unavailability.LATE, Unavailability.TIMEOUT, Unavailability.OPERATOR_ERROR, Unavailability.BREAKER_OPEN}
)
# The operator does not take the request at all, or no longer knows it.
_FINAL = frozenset(
    {
        *("invalid_client", "unauthorized_client", "invalid_scope", "invalid_request", "invalid_grant"),
        *("unsupported_grant_type", "invalid_request_object"),
    }
)


def may_pass(refusal: Refused) -> bool:
    """Whether the same order may be carried out a moment later."""
    return refusal.reason in _PASSING and refusal.code not in _FINAL


def forbids(refusal: Refused) -> bool:
    """Whether it was not permitted, and not merely refused to us."""
    return refusal.reason is Unavailability.NOT_PERMITTED and refusal.code not in _FINAL


class Prompts:
    """Carries out both orders at one operator, for one scope."""

    def __init__(self, ciba: Ciba, operator: str, scope: str, monotonic_s: Callable[[], float]) -> None:
        self._ciba = ciba
        self._scope = scope
        self._monotonic_s = monotonic_s
        self.source = Source(operator, API, "1.0")

    async def carry_out(self, order: Order[Any]) -> PersonAsked | PromptAnswer:
        """Take one step.

        Raises:
            OperatorFault: it could not be taken, now or at all.
        """
        if isinstance(order, AskPerson):
            return await self._ask(order)
        if isinstance(order, HearPerson):
            return await self._hear(order)
        raise OperatorFault(Unavailability.UNSUPPORTED, KitCode.NOT_OFFERED)

    async def _ask(self, order: AskPerson) -> PersonAsked:
        try:
            return PersonAsked(await self._ciba.ask(self._wanted(order), self._left_s(order)))
        except OperatorFault as fault:
            if fault.code not in _BY_CODE:
                raise
            return PersonAsked(anew=True)  # and answered already, which is for the other order to tell

    async def _hear(self, order: HearPerson) -> PromptAnswer:
        try:
            asked = await self._ciba.approval(self._wanted(order), self._left_s(order))
        except OperatorFault as fault:
            if fault.reason is Unavailability.LATE:
                return PromptAnswer.WAITING
            if fault.code not in _BY_CODE:
                raise
            return _BY_CODE[fault.code]
        return PromptAnswer.APPROVED if asked else PromptAnswer.NOBODY_ASKED

    def _left_s(self, order: AskPerson | HearPerson) -> float:
        return order.deadline_s - self._monotonic_s()

    def _wanted(self, order: AskPerson | HearPerson) -> TokenWanted:
        return TokenWanted(
            flow=Flow.CIBA,
            subject=f"tel:{order.phone.e164}",
            purpose=order.purpose,
            scopes=tuple(self._scope.split()),
            single_use=True,
            tenant=order.tenant,
            consumer=order.consumer,
            bound_to=order.bound_to,
        )
