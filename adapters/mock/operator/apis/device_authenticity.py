"""device-authenticity, not released yet: how a handset stands, by its IMEI. No subscriber is asked about."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.apis.operation import Managing, Operation, unasked
from adapters.mock.operator.network.equipment import PROHIBITED, EquipmentStanding, Listed

Imei = Annotated[str, Meta(pattern="^[0-9]{15}$(?!\n)", max_length=15)]


class CheckStatusRequest(msgspec.Struct, frozen=True):
    """Which handset."""

    imei: Imei


class ImeiStatus(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How it stands; since when, where that is held against it."""

    imei: Imei
    operational_status: EquipmentStanding
    last_checked: datetime
    reported_date: datetime | UnsetType = UNSET


def _status(managing: Managing) -> ImeiStatus:
    imei = managing.body.imei
    listed = managing.around.equipment.find(imei) or Listed("unknown", managing.now)
    if listed.standing == "inapplicable":
        raise CamaraError(422, "SERVICE_NOT_APPLICABLE", "Handsets of this kind are not judged.")
    if listed.standing == "unheard-of":
        raise CamaraError(404, "IDENTIFIER_NOT_FOUND", "No database has this IMEI.")
    return ImeiStatus(
        imei=imei,
        operational_status=listed.standing,
        last_checked=managing.local(managing.now),
        reported_date=managing.local(listed.since) if listed.standing in PROHIBITED else UNSET,
    )


DEVICE_AUTHENTICITY = (
    Operation(
        method="POST",
        path="/check-status",
        name="checkImeiStatus",
        summary="How a handset stands",
        scopes=frozenset({"device-authenticity:check-status"}),
        body=CheckStatusRequest,
        answer_type=ImeiStatus,
        answer=unasked,
        manage=_status,
    ),
)
