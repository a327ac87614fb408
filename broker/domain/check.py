"""The question and its parts: subject, action, context, purpose, limits."""

from datetime import date
from decimal import Decimal

import msgspec

from broker.domain.phone import PhoneNumber


class Circle(msgspec.Struct, frozen=True):
    """An area to compare a device's place with: degrees (WGS 84) and metres."""

    latitude: float
    longitude: float
    radius_m: float

    def __repr__(self) -> str:  # a place is personal data
        return "Circle(…)"


class Claims(msgspec.Struct, frozen=True, rename="camel"):
    """What a person says about themself, for operators to confirm. The names are those of CAMARA's kyc APIs.

    Personal data in clear: lives as long as the check and is never stored, logged or answered.
    """

    name: str | None = None
    given_name: str | None = None
    middle_names: str | None = None
    family_name: str | None = None
    birthdate: date | None = None
    email: str | None = None
    address: str | None = None
    postal_code: str | None = None
    country: str | None = None
    id_document: str | None = None

    def given(self) -> dict[str, str]:
        """What was claimed, by CAMARA's name; an empty text is no claim, and a date is ``YYYY-MM-DD``."""
        told = {field.encode_name: getattr(self, field.name) for field in msgspec.structs.fields(self)}
        return {name: str(value) for name, value in told.items() if value}

    def __repr__(self) -> str:  # names of what was claimed, never the claims
        return f"Claims({', '.join(self.given())})"


class Subject(msgspec.Struct, frozen=True):
    """Whom the check is about.

    ``operator_token`` is a TS.43 temporary token that the person's device fetched. ``bound_since`` is the day on which
    the tenant linked this number to this person; it is stored as the day that an answer is about. Token and ``claims``
    are not stored.
    """

    phone: PhoneNumber
    location: Circle | None = None
    bound_since: date | None = None
    operator_token: str | None = None
    claims: Claims | None = None

    def __repr__(self) -> str:  # place and token stay out of logs as the number does
        return f"Subject({self.phone})"


class Amount(msgspec.Struct, frozen=True):
    """Money: an exact decimal and an ISO 4217 code."""

    value: Decimal
    currency: str


class Action(msgspec.Struct, frozen=True):
    """What the agent wants to do. Its class is given by policy and never by the caller."""

    type: str
    amount: Amount | None = None
    resource: str | None = None
    attributes: dict[str, str | bool | int | float] = {}

    def __repr__(self) -> str:  # resource and attributes hold whatever a caller put there: accounts, names
        return f"Action({self.type})"


class CheckRequest(msgspec.Struct, frozen=True):
    """One question, validated. Durations carry their unit; ``None`` leaves the choice to policy and settings."""

    subject: Subject
    action: Action
    purpose: str
    channel: str | None = None
    conversation_id: str | None = None
    deadline_ms: int | None = None
    max_evidence_age_s: int | None = None


class Delegation(msgspec.Struct, frozen=True):
    """For whom an agent acts, and through whom (RFC 8693 4.1).

    ``user`` is the tenant's pseudonym of that person at their identity provider. ``chain`` are the agents, the one
    that acts now first.
    """

    user: str
    chain: tuple[str, ...]


class Principal(msgspec.Struct, frozen=True):
    """Who asks: a tenant's consumer, acting through an agent where it says so, with the scopes of its credential.

    ``key_id`` names the credential: a bearer key, or the OAuth client. ``delegation`` is there where a user stands
    behind the agent.
    """

    tenant: str
    consumer: str
    agent: str | None
    scopes: frozenset[str]
    key_id: str
    delegation: Delegation | None = None
