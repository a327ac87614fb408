"""``/v1/disclosures``: personal data in clear, for back ends that a tenant granted it to. Never for agents."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from broker.consumers import authorize
from broker.domain.disclosure import Disclosure
from broker.surfaces import wire
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.operators.manage_disclosures import GrantOut, GrantsOut, NewGrant
from broker.usecases.operators.order_disclosure import DisclosureOut, Wanted

TAGS = ["Disclosures"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 413, 415, 503)
ORDER = {
    200: ResponseSpec(DisclosureOut, description="What the operator told, or why not", generate_examples=False),
    **contract.problem_responses(400, 401, 403, 413, 415, 503),
}
_UNKEPT = {"Cache-Control": "no-store"}

_Number = Annotated[str, msgspec.Meta(max_length=64, examples=["+34600000101"])]
_Purpose = Annotated[str, msgspec.Meta(max_length=64, examples=["FraudPreventionAndDetection"])]
_Attribute = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{1,40}$(?!\n)", examples=["name", "birthdate"])]


class GrantIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What your back ends may be told in clear, for which purpose, why, and until when (a year at most)."""

    disclosure: Disclosure
    purpose: _Purpose
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]


class LocateIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Whose place, known to the network for no longer than ``max_age_s``, and how rough it may be."""

    phone_number: _Number
    purpose: _Purpose
    max_age_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 60
    max_surface_m2: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)] | None = None

    def __repr__(self) -> str:
        return "LocateIn(…)"


class IdentifyIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Whose file, and which attributes of it, by CAMARA's names (kyc-fill-in)."""

    phone_number: _Number
    purpose: _Purpose
    attributes: Annotated[tuple[_Attribute, ...], msgspec.Meta(min_length=1, max_length=30)]

    def __repr__(self) -> str:
        return "IdentifyIn(…)"


BODIES = (GrantIn, GrantOut, LocateIn, IdentifyIn, DisclosureOut)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/disclosures/grants",
    operation_class=contract.taking(GrantIn, "What may be told"),
    operation_id="grantDisclosure",
    security=contract.needs(authorize.TENANT_ADMIN),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Grant that personal data may be told in clear",
    responses={201: ResponseSpec(GrantOut, description="Granted, and in the log", generate_examples=False), **WRITE},
)
async def grant_disclosure(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[GrantOut]:
    """For the scope `tenant:admin` without an agent. The operator's file and `purposes.toml` have to permit it too."""
    principal = await caller_of(request, services)
    sent = await body_of(request, GrantIn)
    granted = await services.disclosures.grant(principal, NewGrant(**msgspec.structs.asdict(sent)))
    return Response(granted, status_code=HTTPStatus.CREATED)


@get(
    "/v1/disclosures/grants",
    operation_id="listDisclosureGrants",
    security=contract.needs(authorize.TENANT_ADMIN),
    tags=TAGS,
    summary="Who granted what",
    responses=READ,
)
async def list_grants(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> GrantsOut:
    """The tenant's grants, latest first, those that are over too."""
    return await services.disclosures.overview(await caller_of(request, services))


@post(
    "/v1/disclosures/grants/{grant_id:str}/withdraw",
    operation_id="withdrawDisclosureGrant",
    security=contract.needs(authorize.TENANT_ADMIN),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Take a grant back",
    responses=WRITE,
)
async def withdraw_grant(
    request: Request[Any, Any, Any], services: NamedDependency[Services], grant_id: FromPath[str]
) -> GrantOut:
    """On every node with the next order, and for answers that are under way."""
    return await services.disclosures.withdraw(await caller_of(request, services), grant_id)


@post(
    "/v1/disclosures/location",
    operation_class=contract.taking(LocateIn, "Whose place"),
    operation_id="discloseLocation",
    security=contract.needs(authorize.DISCLOSE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Where a device is, in clear",
    responses=ORDER,
)
async def disclose_location(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[DisclosureOut]:
    """For the scope `disclosure:order` without an agent, under a grant and the person's consent.

    The order is in the log, the place is kept nowhere. A check with `subject.location` answers most questions without.
    """
    principal = await caller_of(request, services)
    sent = await body_of(request, LocateIn)
    wanted = Wanted(
        disclosure=Disclosure.LOCATION_AREA,
        phone=wire.to_phone(sent.phone_number),
        purpose=sent.purpose,
        max_age_s=sent.max_age_s,
        max_surface_m2=sent.max_surface_m2,
    )
    return Response(await services.disclose(principal, wanted), headers=_UNKEPT)


@post(
    "/v1/disclosures/identity",
    operation_class=contract.taking(IdentifyIn, "Whose file"),
    operation_id="discloseIdentity",
    security=contract.needs(authorize.DISCLOSE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="What an operator has on file, in clear",
    responses=ORDER,
)
async def disclose_identity(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[DisclosureOut]:
    """For the scope `disclosure:order` without an agent. What is not on file is left out, and nothing is kept.

    A check with `subject.claims` confirms what a person says without any of this.
    """
    principal = await caller_of(request, services)
    sent = await body_of(request, IdentifyIn)
    wanted = Wanted(
        disclosure=Disclosure.IDENTITY_RECORD,
        phone=wire.to_phone(sent.phone_number),
        purpose=sent.purpose,
        attributes=sent.attributes,
    )
    return Response(await services.disclose(principal, wanted), headers=_UNKEPT)


ROUTES = (grant_disclosure, list_grants, withdraw_grant, disclose_location, disclose_identity)
