"""The tools, one entry each: what goes in and out, which scope it takes, and which use case it calls."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, Literal, NamedTuple

import mcp_types as types
import msgspec

from broker.consumers import authorize
from broker.domain.allowance import Allowance
from broker.domain.check import Principal
from broker.domain.phone import PhoneNumber
from broker.errors import Fault, InvalidRequest
from broker.surfaces import wire
from broker.surfaces.mcp import texts
from broker.surfaces.ports import Services
from broker.usecases.learning.report_outcome import OutcomeView
from broker.usecases.ports import Asked
from broker.usecases.reviews.review_checks import JUSTIFICATION_MAX
from broker.usecases.reviews.review_views import ReviewHandle
from broker.usecases.step_up.challenge_views import ChallengeView
from broker.usecases.view import CheckView, ExplainedCheckView, view

_WAIT_MS_MAX = 20_000
"""Clients give a call a minute, and some much less."""

CheckId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["chk_01KAPM4W6ZJ1R8D3T5V7X9Y2B4"])]


class ChallengeIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Which check, which of the methods that it offers, and the number of the check once more: it is not kept."""

    id: CheckId
    method: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    phone_number: Annotated[str, msgspec.Meta(max_length=16)]

    def __repr__(self) -> str:
        return f"ChallengeIn({self.method})"


class ReviewIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which check a human should look at, and why."""

    id: CheckId
    justification: Annotated[str, msgspec.Meta(max_length=JUSTIFICATION_MAX)] = ""


class AwaitIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which check to wait for, and for how many milliseconds."""

    id: CheckId
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=_WAIT_MS_MAX)] = _WAIT_MS_MAX


class ReportIn(wire.OutcomeIn, frozen=True, kw_only=True):
    """What which check turned out to be."""

    id: CheckId


class ExplainIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which check to explain, and the language of its sentences."""

    id: CheckId
    language: Literal["en", "es"] = "en"


class Call(NamedTuple):
    """One call of a tool: who calls, with what, and the monotonic instant at which it came."""

    services: Services
    principal: Principal
    arguments: dict[str, Any]
    received_s: float
    counted: Callable[[tuple[Allowance, ...]], None] = lambda _left: None
    """Hears what is left of the caller's quotas."""


class ToolEntry(NamedTuple):
    """A tool as it is listed, the scope without which it is not, and what it does; the answer is JSON."""

    listed: types.Tool
    scope: str
    call: Callable[[Call], Awaitable[bytes]]
    decides: bool = False
    """Whether an error of it leaves an action undecided, which the agent has to be told."""
    asks_people: bool = False
    """Whether the person may be asked to open a link before it ends."""


async def check_trust(call: Call) -> bytes:
    """Run a check."""
    services, principal = call.services, call.principal
    question = wire.to_request(
        call.arguments, deadline_min_ms=services.deadline_min_ms, deadline_cap_ms=services.deadline_cap_ms
    )
    asked = Asked(principal, question, call.received_s, lambda check: msgspec.json.encode(view(check, principal)))
    answered = await services.run_check(asked)
    call.counted(answered.allowances)
    return answered.body


async def start_challenge(call: Call) -> bytes:
    """Start one of the offered challenges."""
    wanted = wire.convert(call.arguments, ChallengeIn)
    try:
        phone = PhoneNumber.parse(wanted.phone_number)
    except ValueError as error:
        raise InvalidRequest("the number is malformed", [Fault("/phoneNumber", str(error))]) from None
    started = await call.services.challenges.start(call.principal, wanted.id, wanted.method, phone)
    return msgspec.json.encode(started)


async def request_review(call: Call) -> bytes:
    """Put a check before a human."""
    sent = wire.convert(call.arguments, ReviewIn)
    handle, _ = await call.services.reviews.request(call.principal, sent.id, sent.justification)
    return msgspec.json.encode(handle)


async def await_check(call: Call) -> bytes:
    """Hold until a pending check has changed."""
    wanted = wire.convert(call.arguments, AwaitIn)
    return msgspec.json.encode(await call.services.await_check(call.principal, wanted.id, None, wanted.wait_ms / 1000))


async def report_outcome(call: Call) -> bytes:
    """Take a label."""
    told = wire.convert(call.arguments, ReportIn)
    kept = await call.services.report_outcome(call.principal, told.id, told.outcome, told.found_at)
    return msgspec.json.encode(kept)


async def explain_decision(call: Call) -> bytes:
    """Give a check with everything that led to it."""
    wanted = wire.convert(call.arguments, ExplainIn)
    return msgspec.json.encode(await call.services.show_check(call.principal, wanted.id, wanted.language))


def _schema(kind: type) -> dict[str, Any]:
    """A struct as a JSON Schema with an object at its root, as clients of the older revisions require."""
    (root,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    name = root["$ref"].rpartition("/")[2]
    return {**components.pop(name), "$defs": components}


def _listed(name: str, description: str, takes: type, gives: type, annotations: types.ToolAnnotations) -> types.Tool:
    return types.Tool(
        name=name,
        title=name.replace("_", " ").capitalize(),
        description=description,
        input_schema=_schema(takes),
        output_schema=_schema(gives),
        annotations=annotations,
        _meta={"trust-broker/texts": texts.VERSION},
    )


def _hints(*, read_only: bool = False, idempotent: bool = True, open_world: bool = False) -> types.ToolAnnotations:
    return types.ToolAnnotations(
        read_only_hint=read_only,
        destructive_hint=False,
        idempotent_hint=idempotent,
        open_world_hint=open_world,
    )


TOOLS: tuple[ToolEntry, ...] = (
    ToolEntry(
        _listed(
            "check_trust",
            texts.CHECK_TRUST,
            wire.CheckIn,
            CheckView,
            _hints(read_only=True, idempotent=False, open_world=True),
        ),
        authorize.CHECK,
        check_trust,
        decides=True,
        asks_people=True,
    ),
    ToolEntry(
        _listed(
            "start_challenge",
            texts.START_CHALLENGE,
            ChallengeIn,
            ChallengeView,
            _hints(idempotent=False, open_world=True),
        ),
        authorize.CHECK,
        start_challenge,
        decides=True,
    ),
    ToolEntry(
        _listed("request_review", texts.REQUEST_REVIEW, ReviewIn, ReviewHandle, _hints()),
        authorize.CHECK,
        request_review,
        decides=True,
    ),
    ToolEntry(
        _listed("await_check", texts.AWAIT_CHECK, AwaitIn, CheckView, _hints(read_only=True)),
        authorize.CHECK,
        await_check,
        decides=True,
    ),
    ToolEntry(
        _listed("report_outcome", texts.REPORT_OUTCOME, ReportIn, OutcomeView, _hints(idempotent=False)),
        authorize.CHECK,
        report_outcome,
    ),
    ToolEntry(
        _listed("explain_decision", texts.EXPLAIN_DECISION, ExplainIn, ExplainedCheckView, _hints(read_only=True)),
        authorize.EXPLAIN,
        explain_decision,
    ),
)
"""In the order in which they are listed, which never changes."""


def for_scopes(scopes: Iterable[str]) -> list[types.Tool]:
    """What a caller with these scopes can use."""
    held = frozenset(scopes)
    return [entry.listed for entry in TOOLS if entry.scope in held]


def named(name: str) -> ToolEntry | None:
    """The tool of a name."""
    return next((entry for entry in TOOLS if entry.listed.name == name), None)
