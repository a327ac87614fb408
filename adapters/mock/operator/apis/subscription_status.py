"""subscription-status 0.1: which services of a line are active. Path and scope are misspelt in the definition."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.apis.operation import Operation, PhoneNumber, Question
from adapters.mock.operator.apis.tenure import phone_identifier
from adapters.mock.operator.network.events import Subscription


class RetrieveSubscriptionStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Which number; beside a three-legged token it may be repeated."""

    phone_number: PhoneNumber | UnsetType = UNSET


class SubscriptionStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The three services of a line."""

    voice_sms_in: Literal["active", "suspended"]
    voice_sms_out: Literal["active", "suspended"]
    data_service: Literal["active", "suspended", "throttled"]


def _status(question: Question) -> SubscriptionStatus:
    if question.line.owner_since is None:
        raise CamaraError(*question.dialect.codes.not_applicable, "nobody holds this number")
    services = question.line.state(Subscription)
    return SubscriptionStatus(services.voice_sms_in, services.voice_sms_out, services.data)


SUBSCRIPTION_STATUS = (
    Operation(
        method="POST",
        path="/retrive-subscription-status",
        name="retriveSubscriptionStatus",
        summary="Which services of a line are active",
        scopes=frozenset({"subscription-status:retrive-subscription-status"}),
        body=RetrieveSubscriptionStatus,
        identifier=phone_identifier,
        answer_type=SubscriptionStatus,
        answer=_status,
    ),
)
