"""brand-registration 0.1 and the first preview of 0.2: the name that is shown when an enterprise calls.

The preview's list, its notifications and its quotas are not played.
"""

import re
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument
from adapters.mock.operator.apis.operation import Managing, Operation, PhoneNumber, unasked
from adapters.mock.operator.network.brands import Brand

UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CALLING_CODES = range(1, 1000)
TEXT_MAX = 64
FIRST_PREVIEW = ("expires_at", "display_asset", "call_purpose", "sink", "sink_credential")
"""Members that 0.1 does not have, and whose names it passes over."""


CallPurpose = Literal[
    "Customer-Service", "Survey", "Telemarketing", "Debt-Collection", "Charity", "Informational", "Do-Not-Originate"
]


class RegistrationRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Which name for which numbers, towards which country."""

    phone_number: PhoneNumber
    phone_number_alternate: PhoneNumber | UnsetType = UNSET
    display_name: Annotated[str, Meta(max_length=32)]
    customer_id: str | UnsetType = UNSET
    verify_caller_action: Literal["BLOCK_UNVERIFIED", "DO_NOT_BRAND"] | UnsetType = UNSET
    terminating_country_code: int
    campaign_name: str | UnsetType = UNSET
    expires_at: date | UnsetType = UNSET
    display_asset: Annotated[str, Meta(max_length=2048)] | UnsetType = UNSET
    call_purpose: CallPurpose | UnsetType = UNSET
    sink: Annotated[str, Meta(max_length=2048, pattern="^https://.")] | UnsetType = UNSET
    sink_credential: dict[str, Any] | UnsetType = UNSET


class RegistrationRecord(RegistrationRequest, frozen=True, rename="camel", kw_only=True):
    """The same under its id; never with the credential of the sink."""

    registration_id: str
    status: Literal["active"] | UnsetType = UNSET


def _check(dialect: Dialect, body: Any) -> None:
    """What only the preview bounds."""
    if dialect.commonalities != "0.8":
        return
    if body.terminating_country_code not in CALLING_CODES:
        raise invalid_argument("terminatingCountryCode is no calling code")
    if any(isinstance(text, str) and len(text) > TEXT_MAX for text in (body.customer_id, body.campaign_name)):
        raise invalid_argument(f"customerId and campaignName have at most {TEXT_MAX} characters")


def _told(managing: Managing) -> dict[str, Any]:
    told = msgspec.structs.asdict(managing.body)
    told["sink_credential"] = UNSET
    if managing.dialect.commonalities == "0.8":
        return told | {"status": "active"}
    return told | dict.fromkeys(FIRST_PREVIEW, UNSET)


def _record(brand: Brand) -> RegistrationRecord:
    return RegistrationRecord(registration_id=brand.id, **brand.told)


def _create(managing: Managing) -> RegistrationRecord:
    told = _told(managing)
    brands = managing.around.brands
    same = ("phone_number", "display_name", "terminating_country_code")
    if any(all(kept.told[name] == told[name] for name in same) for kept in brands.of(managing.client_id)):
        raise CamaraError(409, "ALREADY_EXISTS", "There is such a registration already.")
    try:
        return _record(brands.add(managing.client_id, told))
    except ValueError as error:
        raise CamaraError(429, "QUOTA_EXCEEDED", str(error)) from error


def _one(managing: Managing) -> Brand:
    """Somebody else's registration does not exist."""
    if managing.resource is None or UUID.fullmatch(managing.resource) is None:
        raise invalid_argument("registrationId is no UUID")
    for brand in managing.around.brands.of(managing.client_id):
        if brand.id == managing.resource:
            return brand
    raise CamaraError(404, "NOT_FOUND", "There is no such registration.")


def _read(managing: Managing) -> RegistrationRecord:
    return _record(_one(managing))


def _update(managing: Managing) -> RegistrationRecord:
    return _record(managing.around.brands.replace(_one(managing), _told(managing)))


def _delete(managing: Managing) -> None:
    managing.around.brands.drop(_one(managing))


_ONE = "/registrations/{registrationId}"
BRAND_REGISTRATION = (
    Operation(
        method="POST",
        path="/registrations",
        name="createRegistration",
        summary="Register a name",
        scopes=frozenset({"brand-registration:create"}),
        body=RegistrationRequest,
        check=_check,
        answer_type=RegistrationRecord,
        answer=unasked,
        manage=_create,
        status=201,
    ),
    Operation(
        method="GET",
        path=_ONE,
        name="readRegistration",
        summary="One registration of this client",
        scopes=frozenset({"brand-registration:read"}),
        answer_type=RegistrationRecord,
        answer=unasked,
        manage=_read,
    ),
    Operation(
        method="PUT",
        path=_ONE,
        name="updateRegistration",
        summary="Replace a registration",
        scopes=frozenset({"brand-registration:update"}),
        body=RegistrationRequest,
        check=_check,
        answer_type=RegistrationRecord,
        answer=unasked,
        manage=_update,
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        name="deleteRegistration",
        summary="Show the name no more",
        scopes=frozenset({"brand-registration:delete"}),
        answer_type=None,
        answer=unasked,
        manage=_delete,
        status=204,
    ),
)
