"""One request to a network API, step by step: token, scope, header, media type, body, subject, permission, answer.

The order 401, 403, 400, 422 is not standardised; this one tells nobody about bodies or numbers who has no token for it.
"""

import re
from typing import Any

import msgspec

from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument, permission_denied
from adapters.mock.operator.apis.operation import Identifier, Managing, Operation, Question
from adapters.mock.operator.apis.shown_tokens import authorize
from adapters.mock.operator.authorization.tokens import SIM_BASED, AccessToken
from adapters.mock.operator.bodies import BadBody, convert, read_object
from adapters.mock.operator.delivery import Answer, AnyRequest
from adapters.mock.operator.faults import Fault
from adapters.mock.operator.journal import JournalEntry
from adapters.mock.operator.network.directory import Subscriber
from adapters.mock.operator.network.events import Entry
from adapters.mock.operator.world import World

_JSON_ACCEPTED = re.compile(r"\*/\*|application/(?:\*|json)")


class Turn(msgspec.Struct):
    """One request under way. ``subject`` is known from the moment that it was identified, also if an error follows."""

    world: World
    dialect: Dialect
    operation: Operation
    request: AnyRequest
    entry: JournalEntry
    subject: Subscriber | None = None


async def serve(turn: Turn) -> tuple[Answer, Fault | None]:
    """The answer to a request, errors included, and the fault that shall act on it."""
    try:
        answer = Answer(turn.operation.status, await _answer(turn))
    except CamaraError as error:
        answer = Answer(error.info.status, error.info, error.headers)
        turn.entry.code = error.info.code
    return answer, _fault(turn)


def _fault(turn: Turn) -> Fault | None:
    number = None if turn.subject is None else turn.subject.phone_number
    planned = turn.world.faults.at_api(turn.dialect.api, number)
    return planned or (None if turn.subject is None else turn.subject.fault)


async def _answer(turn: Turn) -> Any:
    token = await authorize(turn.world, turn.request, turn.operation.scopes, turn.entry)
    _check_correlator(turn)
    _check_accept(turn)
    body = await _read_body(turn)
    if turn.operation.manage is not None:
        return turn.operation.manage(_managing(turn, token, body))
    if turn.operation.by_sim and not token.amr & SIM_BASED:
        code = turn.dialect.codes.not_by_sim if token.phone_number else turn.dialect.codes.no_sim
        raise CamaraError(*code, "The user must be authenticated by the mobile network.")
    _check_scope_of(turn, token, body)
    number = _identify(turn, token, body)
    return turn.operation.answer(_ask(turn, token, body, number))


def _managing(turn: Turn, token: AccessToken, body: Any) -> Managing:
    return Managing(
        dialect=turn.dialect,
        client_id=token.client_id,
        phone_number=token.phone_number,
        resource=next(iter(turn.request.path_params.values()), None),
        body=body,
        now=turn.world.clocks.network_now(),
        around=turn.world.surroundings,
    )


def _check_scope_of(turn: Turn, token: AccessToken, body: Any) -> None:
    if turn.operation.scope_of is not None and turn.operation.scope_of(turn.dialect, body) not in token.scopes:
        raise CamaraError(403, "SUBSCRIPTION_MISMATCH", "The access token is for another type of event.")


def _check_correlator(turn: Turn) -> None:
    given = turn.request.headers.get("x-correlator")
    if given and not turn.dialect.correlator.fullmatch(given):
        raise invalid_argument("x-correlator does not fit its pattern")


def _check_accept(turn: Turn) -> None:
    """406 is an answer of Commonalities 0.4 and earlier; later operators send JSON to everybody."""
    given = turn.request.headers.get("accept", "*/*")
    if turn.dialect.commonalities == "0.4" and not _JSON_ACCEPTED.search(given):
        raise CamaraError(406, "NOT_ACCEPTABLE", "The answer can be application/json only.")


async def _read_body(turn: Turn) -> Any:
    if turn.operation.body is None:
        return None
    media_type = turn.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    raw = await turn.request.body()
    if raw and media_type != "application/json":
        raise CamaraError(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.")
    try:
        body = convert(read_object(raw), turn.operation.body, strict=turn.dialect.strict_bodies)
    except BadBody as error:
        raise invalid_argument(str(error)) from error
    if turn.operation.check is not None:
        turn.operation.check(turn.dialect, body)
    return body


def _identify(turn: Turn, token: AccessToken, body: Any) -> str:
    """The number that a request is about: from the token or from the body, by the rule of the version."""
    if turn.operation.reference is not None:
        return _referred_number(turn, token, body)
    named = None if turn.operation.identifier is None else turn.operation.identifier(body)
    if token.phone_number is None:
        return _named_number(turn.dialect, named)
    if named is None:
        return token.phone_number
    if turn.dialect.token_identifies:
        raise CamaraError(422, "UNNECESSARY_IDENTIFIER", "The subject is already identified by the access token.")
    if _named_number(turn.dialect, named) != token.phone_number:
        raise CamaraError(403, "INVALID_TOKEN_CONTEXT", "The identifier does not belong to the access token.")
    return token.phone_number


def _referred_number(turn: Turn, token: AccessToken, body: Any) -> str:
    """The number of an earlier request; one of another client, or of another subscriber's token, does not exist."""
    find = turn.operation.reference
    number = None if find is None else find(turn.world.sms, token.client_id, body)
    if number is None or token.phone_number not in {None, number}:
        raise CamaraError(404, "NOT_FOUND", "There is no such resource.")
    return number


def _named_number(dialect: Dialect, named: Identifier | None) -> str:
    if named is None:
        raise CamaraError(*dialect.codes.no_identifier, "The subject cannot be identified.")
    if named.phone_number is None:
        raise CamaraError(*dialect.codes.unsupported_identifier, "Only phone numbers are supported.")
    return named.phone_number


def _ask(turn: Turn, token: AccessToken, body: Any, number: str) -> Question:
    """The question about a subscriber that exists, has the service, and permits it."""
    world, dialect = turn.world, turn.dialect
    now = world.clocks.network_now()
    turn.subject = subscriber = world.directory.find(number, now)
    if subscriber is None:
        raise CamaraError(*dialect.codes.unknown, "No subscriber of this operator has this identifier.")
    line = subscriber.line(now)
    if not turn.operation.about_consent and not line.consent(dialect.api).valid:
        raise permission_denied("The subscriber has not permitted this.")
    if not line.applicable[dialect.api]:
        raise CamaraError(*dialect.codes.not_applicable, "The service is not available for this identifier.")
    return Question(
        dialect=dialect,
        body=body,
        phone_number=number,
        two_legged=token.phone_number is None,
        client_id=token.client_id,
        scopes=token.scopes,
        line=line,
        now=now,
        retention=subscriber.retention or world.profile.swap_retention,
        around=world.surroundings,
        record=lambda state: subscriber.add(Entry(now, state)),
    )
