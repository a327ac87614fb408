"""``/v1/policies``: versions, publication with a second person, rollback, stops."""

from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.governance import StopKind
from broker.surfaces import wire
from broker.surfaces.api import contract, correlator
from broker.surfaces.api.checks import UnsupportedMediaType
from broker.surfaces.credential import credential
from broker.surfaces.ports import Services
from broker.usecases.policy.examine_policy import DifferenceView, Examination
from broker.usecases.policy.policy_views import ChangeOut, ChangesOut, DocumentOut, PoliciesOut, StopOut, StopsOut

_JSON = "application/json"
_T = TypeVar("_T")
TAGS = ["Policies"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 503)

_Name = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[A-Za-z0-9_.:-]*$(?!\n)")]
_Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class DocumentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy document: YAML as in ``config/policies``."""

    document: Annotated[str, msgspec.Meta(min_length=1)]


class RollbackIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version to go back to."""

    version: Annotated[int, msgspec.Meta(ge=1)]


class StopIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to halt: an ``agent`` by name, an ``action`` type, a ``policy`` by id, or the whole ``tenant``."""

    kind: StopKind
    reason: _Reason
    value: _Name = ""


BODIES = (DocumentIn, RollbackIn, StopIn)
"""Read by hand, so named in the contract by hand."""


@get(
    "/v1/policies",
    operation_id="listPolicies",
    security=contract.needs(authorize.POLICY_READ),
    tags=TAGS,
    summary="Policies and their versions",
    responses=READ,
)
async def list_policies(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> PoliciesOut:
    """All policies of the caller's tenant, with the version in force."""
    return await services.govern.overview(await caller_of(request, services))


@get(
    "/v1/policies/{policy_id:str}/versions/{version:int}",
    operation_id="readPolicyVersion",
    security=contract.needs(authorize.POLICY_READ),
    tags=TAGS,
    summary="The text of a version",
    responses=READ,
)
async def read_version(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    policy_id: FromPath[str],
    version: FromPath[int],
) -> DocumentOut:
    """One immutable version."""
    return await services.govern.text(await caller_of(request, services), policy_id, version)


@post(
    "/v1/policies:validate",
    operation_class=contract.taking(DocumentIn, "A policy document"),
    operation_id="validatePolicy",
    security=contract.needs(authorize.POLICY_READ),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Is this document sound?",
    responses=WRITE,
)
async def validate_policy(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Examination:
    """Everything that is wrong with a document, each with pointer and line; 200 also when something is."""
    principal = await caller_of(request, services)
    return await services.govern.validate(principal, (await body_of(request, DocumentIn)).document)


@post(
    "/v1/policies:diff",
    operation_class=contract.taking(DocumentIn, "A policy document"),
    operation_id="diffPolicy",
    security=contract.needs(authorize.POLICY_READ),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="What would this document change?",
    responses=WRITE,
)
async def diff_policy(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> DifferenceView:
    """What is looser and what is stricter than the version in force."""
    principal = await caller_of(request, services)
    return await services.govern.diff(principal, (await body_of(request, DocumentIn)).document)


@post(
    "/v1/policies",
    operation_class=contract.taking(DocumentIn, "A policy document"),
    operation_id="publishPolicy",
    security=contract.needs(authorize.POLICY_PUBLISH),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Publish a version",
    responses=WRITE,
)
async def publish_policy(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ChangeOut:
    """In force at once where it is no looser; else when a second person approved it, and after a delay."""
    principal = await caller_of(request, services)
    return await services.govern.publish(principal, (await body_of(request, DocumentIn)).document)


@post(
    "/v1/policies/{policy_id:str}/rollback",
    operation_class=contract.taking(RollbackIn, "Where to go back to"),
    operation_id="rollBackPolicy",
    security=contract.needs(authorize.POLICY_PUBLISH),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Go back to an earlier version",
    responses=WRITE,
)
async def roll_back_policy(
    request: Request[Any, Any, Any], services: NamedDependency[Services], policy_id: FromPath[str]
) -> ChangeOut:
    """By the same rule as publishing: going back may loosen, too."""
    principal = await caller_of(request, services)
    return await services.govern.rollback(principal, policy_id, (await body_of(request, RollbackIn)).version)


@get(
    "/v1/policies/changes",
    operation_id="listPolicyChanges",
    security=contract.needs(authorize.POLICY_READ),
    tags=TAGS,
    summary="Publications and rollbacks",
    responses=READ,
)
async def list_changes(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ChangesOut:
    """Latest first, pending ones among them."""
    return await services.govern.changes(await caller_of(request, services))


@post(
    "/v1/policies/changes/{change_id:str}/approve",
    operation_id="approvePolicyChange",
    security=contract.needs(authorize.POLICY_APPROVE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Approve somebody else's looser version",
    responses=WRITE,
)
async def approve_change(
    request: Request[Any, Any, Any], services: NamedDependency[Services], change_id: FromPath[str]
) -> ChangeOut:
    """It comes in force after the delay, unless something else was approved meanwhile."""
    return await services.govern.approve(await caller_of(request, services), change_id)


@post(
    "/v1/policies/changes/{change_id:str}/withdraw",
    operation_id="withdrawPolicyChange",
    security=contract.needs(authorize.POLICY_PUBLISH),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Give up a pending version",
    responses=WRITE,
)
async def withdraw_change(
    request: Request[Any, Any, Any], services: NamedDependency[Services], change_id: FromPath[str]
) -> ChangeOut:
    """Only while it is pending."""
    return await services.govern.withdraw(await caller_of(request, services), change_id)


@get(
    "/v1/policies/stops",
    operation_id="listStops",
    security=contract.needs(authorize.POLICY_READ),
    tags=TAGS,
    summary="What is halted",
    responses=READ,
)
async def list_stops(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> StopsOut:
    """Stops, those in force first."""
    return await services.halt.overview(await caller_of(request, services))


@post(
    "/v1/policies/stops",
    operation_class=contract.taking(StopIn, "What to halt"),
    operation_id="stop",
    security=contract.needs(authorize.POLICY_STOP),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Halt an agent, an action type, a policy or the tenant",
    responses=WRITE,
)
async def stop(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> StopOut:
    """Every node answers deny with the reason STOPPED within a second."""
    principal = await caller_of(request, services)
    sent = await body_of(request, StopIn)
    return await services.halt.stop(principal, sent.kind, sent.value, sent.reason)


@post(
    "/v1/policies/stops/{stop_id:str}/resume",
    operation_id="resume",
    security=contract.needs(authorize.POLICY_APPROVE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Let it go on",
    responses=WRITE,
)
async def resume(
    request: Request[Any, Any, Any], services: NamedDependency[Services], stop_id: FromPath[str]
) -> StopOut:
    """By a second person."""
    return await services.halt.resume(await caller_of(request, services), stop_id)


ROUTES = (
    list_policies,
    list_changes,
    list_stops,
    read_version,
    validate_policy,
    diff_policy,
    publish_policy,
    roll_back_policy,
    approve_change,
    withdraw_change,
    stop,
    resume,
)


async def caller_of(request: Request[Any, Any, Any], services: Services) -> Principal:
    """Who asks."""
    principal = await services.authenticate(credential(request.scope))
    correlator.require_valid(request.headers.get(correlator.HEADER))
    return principal


async def body_of(request: Request[Any, Any, Any], kind: type[_T]) -> _T:
    """What was sent, strictly."""
    if request.content_type[0] != _JSON:
        raise UnsupportedMediaType
    return wire.convert(wire.members_of(await request.body()), kind)
