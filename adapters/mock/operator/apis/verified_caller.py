"""verified-caller 0.1: an enterprise announces a call that it is about to make to a subscriber of this operator."""

import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.operation import Identifier, Operation, PhoneNumber, Question

DEFAULT_TTL_S = 300


class PreAnnouncement(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Who calls whom, how the person shall learn it, and for how long (seconds) it holds."""

    calling_participant: PhoneNumber
    called_participant: PhoneNumber
    strategy: Literal["SMS", "BRAND_DISPLAY"] | UnsetType = UNSET
    time_to_live: Annotated[int, Meta(ge=1, le=86_400)] | UnsetType = UNSET
    registration_id: str | UnsetType = UNSET
    dynamic_display_name: Annotated[str, Meta(max_length=32)] | UnsetType = UNSET


class PreAnnouncementResponse(msgspec.Struct, frozen=True, rename="camel"):
    """Its number, and when it ends."""

    pre_announcement_id: str
    expires_at: datetime


def _called(body: Any) -> Identifier | None:
    """The subscriber is the party that is called; the one that calls may be of any operator."""
    return Identifier(body.called_participant)


def _announce(question: Question) -> PreAnnouncementResponse:
    ttl_s = question.body.time_to_live if isinstance(question.body.time_to_live, int) else DEFAULT_TTL_S
    return PreAnnouncementResponse(str(uuid.uuid4()), question.local(question.now + timedelta(seconds=ttl_s)))


VERIFIED_CALLER = (
    Operation(
        method="POST",
        path="/pre-announce",
        name="createPreAnnouncement",
        summary="Announce a call to a subscriber",
        scopes=frozenset({"verified-caller:create"}),
        body=PreAnnouncement,
        identifier=_called,
        answer_type=PreAnnouncementResponse,
        answer=_announce,
        status=201,
    ),
)
