"""``/v1/receipts``: use a receipt once, or take it back."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from broker.consumers import authorize
from broker.surfaces import wire
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.audit.use_receipts import ConsumedView, ReceiptView

_TAGS = ["Receipts"]
_USE = contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 503)

_Receipt = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_]+$(?!\n)")]
_Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Z0-9_]+$(?!\n)")]


class ConsumeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The receipt; what is about to be done, to be compared with it; whether the proof of the log is wanted, too."""

    receipt: _Receipt
    action: wire.ActionIn | None = None
    proof: bool = False


class RevokeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The check whose receipt shall not be used any more, and a code that says why."""

    check: _Name
    reason: _Code = "REVOKED"


BODIES = (ConsumeIn, RevokeIn)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/receipts/consume",
    operation_class=contract.taking(ConsumeIn, "The receipt, and what is about to be done"),
    operation_id="consumeReceipt",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=_TAGS,
    summary="Use a receipt, once",
    responses=_USE,
)
async def consume(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ConsumedView:
    """Of all who try, one gets 200 and may act. Everybody else gets 409, whose code says why."""
    principal = await caller_of(request, services)
    sent = await body_of(request, ConsumeIn)
    action = None if sent.action is None else wire.action_of(sent.action)
    return await services.receipts.consume(principal, sent.receipt, action, prove=sent.proof)


@post(
    "/v1/receipts/revoke",
    operation_class=contract.taking(RevokeIn, "Whose receipt, and why"),
    operation_id="revokeReceipt",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=_TAGS,
    summary="Take a receipt back",
    responses=_USE,
)
async def revoke(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> ReceiptView:
    """It cannot be used from now on; 409 where it was. A stop does so by itself with all that it covers."""
    principal = await caller_of(request, services)
    sent = await body_of(request, RevokeIn)
    return await services.receipts.revoke(principal, sent.check, sent.reason)


@get(
    "/v1/trust-checks/{check_id:str}/receipt",
    operation_id="readReceipt",
    security=contract.needs(authorize.CHECK),
    tags=_TAGS,
    summary="Whether a receipt can still be used",
    responses=contract.problem_responses(400, 401, 403, 404, 409, 503),
)
async def read_receipt(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    check_id: FromPath[str],
    proof: FromQuery[bool] = False,
) -> ReceiptView:
    """The receipt of a check and how it stands; with ``proof=true`` the proof that the decision is in the log."""
    return await services.receipts.standing(await caller_of(request, services), check_id, prove=proof)


ROUTES = (consume, revoke, read_receipt)
