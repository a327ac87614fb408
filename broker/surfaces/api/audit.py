"""``/v1/audit``: the transparency log, for those who do not trust us; and what can be told of one check."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from broker.audit import vcon
from broker.consumers import authorize
from broker.surfaces.api import contract
from broker.surfaces.api.policies import caller_of
from broker.surfaces.ports import Services
from broker.usecases.audit.explain_check import Explanation
from broker.usecases.audit.prove_log import ConsistencyView, InclusionView

_TAGS = ["Audit"]
TEXT = "text/plain"
LINES = "application/jsonl"
"""Media types of a signed note, and of an export."""

_READ = contract.problem_responses(400, 401, 403, 404, 503)


@get(
    "/.well-known/log.vkey",
    operation_id="logKey",
    security=[{}],
    tags=["Keys"],
    summary="The key that verifies checkpoints (C2SP vkey)",
    media_type=TEXT,
)
async def log_key(services: NamedDependency[Services]) -> str:
    """The public key of the transparency log. Keep it: an export is verified with the key that you kept."""
    return services.prove.vkey()


@get(
    "/v1/audit/checkpoint",
    operation_id="readCheckpoint",
    tags=_TAGS,
    summary="What the log commits to now (C2SP checkpoint)",
    media_type=TEXT,
    responses={
        200: ResponseSpec(str, description="A signed note", generate_examples=False, media_type=TEXT),
        **_READ,
    },
)
async def read_checkpoint(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> str:
    """Origin, size and root, signed by the log and by its witnesses; at most five seconds behind the newest check."""
    await caller_of(request, services)
    return await services.prove.checkpoint()


@get(
    "/v1/audit/proofs/inclusion",
    operation_id="proveInclusion",
    security=contract.needs(authorize.CHECK),
    tags=_TAGS,
    summary="That a check or event is in the log",
    responses={**_READ, **contract.problem_responses(409)},
)
async def prove_inclusion(
    request: Request[Any, Any, Any], services: NamedDependency[Services], entry: FromQuery[str]
) -> InclusionView:
    """The proof of RFC 6962 section 2.1.1 for an entry of the caller's tenant, with the checkpoint that it leads to."""
    return await services.prove.inclusion(await caller_of(request, services), entry)


@get(
    "/v1/audit/proofs/consistency",
    operation_id="proveConsistency",
    security=contract.needs(authorize.CHECK),
    tags=_TAGS,
    summary="That the log only grew",
    responses=_READ,
)
async def prove_consistency(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    first: FromQuery[int],
    second: FromQuery[int | None] = None,
) -> ConsistencyView:
    """The proof of RFC 6962 section 2.1.2 between two sizes; the second is the newest checkpoint's if left out."""
    return await services.prove.consistency(await caller_of(request, services), first, second)


@get(
    "/v1/audit/export",
    operation_id="exportLog",
    security=contract.needs(authorize.AUDIT_READ),
    tags=_TAGS,
    summary="The log, for verification without asking anybody",
    responses={
        200: ResponseSpec(
            str, description="JSON Lines, for `trust-broker audit verify`", generate_examples=False, media_type=LINES
        ),
        **_READ,
    },
)
async def export_log(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    start: Annotated[int, QueryParameter(name="from", ge=0)] = 0,
) -> Stream:
    """Every entry from one on: with its text where it is the caller's tenant's, else its hash alone."""
    lines = await services.prove.exported(await caller_of(request, services), start)
    return Stream(lines, media_type=LINES)


@get(
    "/v1/trust-checks/{check_id:str}/explanation",
    operation_id="explainTrustCheck",
    security=contract.needs(authorize.EXPLAIN),
    tags=["Trust checks"],
    summary="Everything that is known about a check, as a timeline",
    responses={**_READ, **contract.problem_responses(410)},
)
async def explain(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> Explanation:
    """Who asked, what was asked and what not, what came of it, and everything since; for ``trust:explain``."""
    return await services.explain(await caller_of(request, services), check_id, _language(request))


@get(
    "/v1/trust-checks/{check_id:str}/vcon",
    operation_id="readVcon",
    security=contract.needs(authorize.EXPLAIN),
    tags=["Trust checks"],
    summary="The explanation as a vCon",
    media_type=vcon.MEDIA_TYPE,
    responses={
        200: ResponseSpec(
            dict[str, Any],
            description="draft-ietf-vcon-vcon-core-04, unsigned, the signed receipt in it",
            generate_examples=False,
            media_type=vcon.MEDIA_TYPE,
        ),
        **_READ,
        **contract.problem_responses(410),
    },
)
async def read_vcon(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> Response[bytes]:
    """The same for whoever keeps conversations as vCons; for ``trust:explain``."""
    found = await services.explain.vcon(await caller_of(request, services), check_id, _language(request))
    return Response(msgspec.json.encode(found), media_type=vcon.MEDIA_TYPE)


def _language(request: Request[Any, Any, Any]) -> str | None:
    return request.headers.get("accept-language")


ROUTES = (log_key, read_checkpoint, prove_inclusion, prove_consistency, export_log, explain, read_vcon)
