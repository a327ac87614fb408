"""``/v1/consents``: what people agreed to. Numbers travel in bodies, never in addresses."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from broker.consumers import authorize
from broker.domain.instrument import InstrumentName
from broker.domain.signal import SignalName
from broker.surfaces import wire
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.api.subjects import SubjectRefIn
from broker.surfaces.ports import Services
from broker.usecases.consent.consent_links import ConsentLink
from broker.usecases.consent.manage_consents import ConsentOut, ConsentsOut, NewConsent

TAGS = ["Consents"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 503)

_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$(?!\n)")]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class ConsentIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What somebody agreed to, for a purpose, under a version of your notice, given how and where.

    It is about signals, instruments, or both; location takes a consent of its own. ``proof`` is anything that shows it,
    such as the id of a recording: only a keyed digest of it is kept. Without ``expires_at`` it holds until withdrawn.
    """

    phone_number: Annotated[str, msgspec.Meta(max_length=64, examples=["+34600000101"])]
    purpose: Annotated[str, msgspec.Meta(max_length=64, examples=["FraudPreventionAndDetection"])]
    notice_version: _Word
    method: Annotated[_Word, msgspec.Meta(examples=["checkbox", "spoken", "signature"])]
    channel: Annotated[_Word, msgspec.Meta(examples=["app", "voice", "branch"])]
    signals: Annotated[tuple[SignalName, ...], msgspec.Meta(max_length=20)] = ()
    instruments: Annotated[tuple[InstrumentName, ...], msgspec.Meta(max_length=6)] = ()
    jurisdiction: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$(?!\n)")] | None = None
    proof: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    given_at: _Instant | None = None
    expires_at: _Instant | None = None

    def __repr__(self) -> str:
        return "ConsentIn(…)"


BODIES = (ConsentLink, ConsentIn, ConsentOut, ConsentsOut)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/consents",
    operation_class=contract.taking(ConsentIn, "What somebody agreed to"),
    operation_id="giveConsent",
    security=contract.needs(authorize.CONSENT_WRITE),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Record a consent",
    responses={
        201: ResponseSpec(ConsentOut, description="Recorded, and live at once", generate_examples=False),
        **WRITE,
    },
)
async def give_consent(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[ConsentOut]:
    """Take down that a person agreed. For the scope `consent:write` without an agent."""
    principal = await caller_of(request, services)
    sent = await body_of(request, ConsentIn)
    members = msgspec.structs.asdict(sent)
    phone = wire.to_phone(members.pop("phone_number"))
    categories = (*members.pop("signals"), *members.pop("instruments"))
    given = await services.consents.give(principal, NewConsent(phone=phone, categories=categories, **members))
    return Response(given, status_code=HTTPStatus.CREATED)


@post(
    "/v1/consents/search",
    operation_class=contract.taking(SubjectRefIn, "Whose"),
    operation_id="searchConsents",
    security=contract.needs(authorize.CONSENT_READ),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="The consents of a person",
    responses={200: ResponseSpec(ConsentsOut, description="As they stand", generate_examples=False), **WRITE},
)
async def search_consents(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[ConsentsOut]:
    """Each consent with its latest version."""
    principal = await caller_of(request, services)
    sent = await body_of(request, SubjectRefIn)
    return Response(await services.consents.of_person(principal, wire.to_phone(sent.phone_number)))


@post(
    "/v1/consents/{consent_id:str}/withdraw",
    operation_id="withdrawConsent",
    security=contract.needs(authorize.CONSENT_WRITE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Take a consent back",
    responses=WRITE,
)
async def withdraw_consent(
    request: Request[Any, Any, Any], services: NamedDependency[Services], consent_id: FromPath[str]
) -> ConsentOut:
    """At once on this node, within five seconds on every other one, and for answers that are under way."""
    return await services.consents.withdraw(await caller_of(request, services), consent_id)


@get(
    "/v1/consents/{consent_id:str}",
    operation_id="readConsent",
    security=contract.needs(authorize.CONSENT_READ),
    tags=TAGS,
    summary="Every version of a consent",
    responses=READ,
)
async def read_consent(
    request: Request[Any, Any, Any], services: NamedDependency[Services], consent_id: FromPath[str]
) -> ConsentsOut:
    """Oldest first; nothing in it was ever changed."""
    return await services.consents.show(await caller_of(request, services), consent_id)


@get(
    "/v1/consents/{consent_id:str}/export",
    operation_id="exportConsent",
    security=contract.needs(authorize.CONSENT_READ),
    tags=TAGS,
    summary="A consent as JSON-LD",
    responses=READ,
)
async def export_consent(
    request: Request[Any, Any, Any], services: NamedDependency[Services], consent_id: FromPath[str]
) -> dict[str, Any]:
    """In the terms of W3C DPV's profile of ISO/IEC TS 27560; the person is your pseudonym for them."""
    return await services.consents.export(await caller_of(request, services), consent_id)


@post(
    "/v1/trust-checks/{check_id:str}/consent-links",
    operation_class=contract.taking(SubjectRefIn, "The number of the check once more: it is not kept"),
    operation_id="linkToConsent",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Get a link where the person can permit it at their operator",
    responses={
        201: ResponseSpec(ConsentLink, description="For the person's browser", generate_examples=False),
        **contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 503),
    },
)
async def link_to_consent(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> Response[ConsentLink]:
    """Where a check offers the step `consent`; good for ten minutes.

    Where the link leads is sealed in it, and shown to the person alone.
    """
    principal = await caller_of(request, services)
    sent = await body_of(request, SubjectRefIn)
    link = await services.consent_links.start(principal, check_id, wire.to_phone(sent.phone_number))
    return Response(link, status_code=HTTPStatus.CREATED, headers={"Cache-Control": "no-store"})


ROUTES = (link_to_consent, give_consent, search_consents, withdraw_consent, read_consent, export_consent)
