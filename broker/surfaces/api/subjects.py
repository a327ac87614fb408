"""``/v1/subjects``: what people may ask about their own data. Numbers travel in bodies, never in addresses."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from broker.consumers import authorize
from broker.surfaces import wire
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.consent.restrict_subject import StandingOut
from broker.usecases.privacy.erase_subject import ErasureOut, ErasuresOut
from broker.usecases.privacy.keep_retention import RetentionsOut

TAGS = ["Subjects"]
READ = contract.problem_responses(400, 401, 403, 503)
WRITE = contract.problem_responses(400, 401, 403, 413, 415, 503)


class SubjectRefIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Whom it is about."""

    phone_number: Annotated[str, msgspec.Meta(max_length=64, examples=["+34600000101"])]

    def __repr__(self) -> str:
        return "SubjectRefIn(…)"


class SwitchIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Whom it is about, and whether it is on."""

    phone_number: Annotated[str, msgspec.Meta(max_length=64, examples=["+34600000101"])]
    on: bool = True

    def __repr__(self) -> str:
        return "SwitchIn(…)"


BODIES = (SubjectRefIn, SwitchIn, ErasureOut, StandingOut)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/subjects/erase",
    operation_class=contract.taking(SubjectRefIn, "Whom to erase"),
    operation_id="eraseSubject",
    security=contract.needs(authorize.PRIVACY_WRITE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Erase a person",
    responses={200: ResponseSpec(ErasureOut, description="Erased, for good", generate_examples=False), **WRITE},
)
async def erase_subject(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[ErasureOut]:
    """Destroy the keys of everything that is known about a number at this tenant, and note that it was done.

    For a person with the scope `privacy:write`. Decisions and log leaves stay, without anything to read in them. Other
    nodes drop what they hold in memory within five seconds; a backup that is restored is erased again at start.
    """
    principal = await caller_of(request, services)
    sent = await body_of(request, SubjectRefIn)
    return Response(await services.erase(principal, wire.to_phone(sent.phone_number)))


@get(
    "/v1/subjects/erasures",
    operation_id="listErasures",
    security=contract.needs(authorize.PRIVACY_READ),
    tags=TAGS,
    summary="Who was erased when",
    responses=READ,
)
async def list_erasures(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ErasuresOut:
    """The tenant's erasures, latest first; nothing in them names a person."""
    return await services.erase.overview(await caller_of(request, services))


@get(
    "/v1/retention",
    operation_id="readRetention",
    security=contract.needs(authorize.PRIVACY_READ),
    tags=TAGS,
    summary="What is kept for how long",
    responses=READ,
)
async def read_retention(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> RetentionsOut:
    """Each category of data, and how far its retention has been enforced."""
    return await services.retention.overview(await caller_of(request, services))


@post(
    "/v1/subjects/pause",
    operation_class=contract.taking(SwitchIn, "Whom to leave alone, or no more"),
    operation_id="pauseSubject",
    security=contract.needs(authorize.PRIVACY_WRITE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Ask nobody about a person for a while",
    responses={200: ResponseSpec(StandingOut, description="As it stands now", generate_examples=False), **WRITE},
)
async def pause_subject(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[StandingOut]:
    """While it is on, no operator is asked about this number: what was on the way is not used either."""
    principal = await caller_of(request, services)
    sent = await body_of(request, SwitchIn)
    return Response(await services.restrict.pause(principal, wire.to_phone(sent.phone_number), on=sent.on))


@post(
    "/v1/subjects/objection",
    operation_class=contract.taking(SwitchIn, "Who objects, or no more"),
    operation_id="objectSubject",
    security=contract.needs(authorize.PRIVACY_WRITE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="A person objects",
    responses={200: ResponseSpec(StandingOut, description="As it stands now", generate_examples=False), **WRITE},
)
async def object_subject(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[StandingOut]:
    """While it is on, nothing is asked that rests on legitimate interest (GDPR Art. 21)."""
    principal = await caller_of(request, services)
    sent = await body_of(request, SwitchIn)
    return Response(await services.restrict.objection(principal, wire.to_phone(sent.phone_number), on=sent.on))


ROUTES = (erase_subject, pause_subject, object_subject, list_erasures, read_retention)
