"""CIBA in poll mode (OpenID CIBA Core 1.0), as the CAMARA security profile narrows it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from adapters.mock.operator.authorization import subjects
from adapters.mock.operator.authorization.authentications import Authentication, Standing
from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.authorization.presented import Presented
from adapters.mock.operator.authorization.scopes import grant
from adapters.mock.operator.authorization.signed_requests import opened
from adapters.mock.operator.authorization.tickets import Ticket
from adapters.mock.operator.journal import JournalEntry
from adapters.mock.operator.network.events import Consent, Entry
from adapters.mock.operator.profile import CibaTerms, Grant, Legs
from adapters.mock.operator.world import World

_HINTS_UNUSED = ("login_hint_token", "id_token_hint")


async def begin(world: World, presented: Presented, entry: JournalEntry) -> dict[str, Any]:
    """Ask the person, or nobody where the consent is there; the response of CIBA Core 7.3.

    Raises:
        OAuthError: the request is refused.
    """
    terms = world.profile.ciba
    if terms is None:
        raise OAuthError("unauthorized_client", "this operator has no backchannel")
    client = await world.clients.authenticate(presented, world.assertion_rules(presented.url))
    entry.client = client.terms.id
    if Grant.CIBA not in client.terms.grants:
        raise OAuthError("unauthorized_client", "this client may not use this grant")
    held = world.assertion_rules(presented.url)
    required = terms.signed_requests == "required"
    asked = await opened(client, presented.form, frozenset(), held, required=required)
    ticket = _ticket(world, terms, asked)
    entry.purpose = ticket.granted.purpose
    auth_req_id = world.authentications.begin(_asked(world, client, terms, ticket))
    return {"auth_req_id": auth_req_id, "expires_in": terms.expires_s, "interval": terms.interval_s}


def collect(world: World, client: Client, form: Mapping[str, str]) -> Ticket:
    """What a request came to, once (CIBA Core 11).

    Raises:
        OAuthError: nothing yet, too often, too late, refused, or used.
    """
    request = world.authentications.find(form.get("auth_req_id", ""))
    if request is None or request.client_id != client.terms.id or request.standing in {
        Standing.COLLECTED, Standing.DEAD
    }:  # fmt: skip
        raise OAuthError("invalid_grant", "the request is not one of this client's, or its token was given out")
    now = world.clocks.authorization_now()
    if request.expires_at <= now:
        raise OAuthError("expired_token", "the person did not answer in time")
    _let_person_answer(world, request)
    if request.too_soon(now):
        raise OAuthError("slow_down", "wait longer between two polls")
    if request.standing is Standing.PENDING:
        raise OAuthError("authorization_pending", "the person has not answered yet")
    if request.standing is Standing.DENIED:
        raise OAuthError("access_denied", "the person said no")
    request.standing = Standing.COLLECTED
    return request.ticket


def decide(world: World, request: Authentication, *, approves: bool) -> None:
    """The person answers. Yes is a consent for each API in the scope, from now on."""
    if request.standing is not Standing.PENDING:
        return
    request.standing = Standing.APPROVED if approves else Standing.DENIED
    subscriber = world.directory.known(request.phone_number)
    if approves and subscriber is not None:
        now = world.clocks.network_now()
        for api in sorted(request.ticket.granted.apis):
            subscriber.add(Entry(now, Consent(granted=True, api=api)))


def _asked(world: World, client: Client, terms: CibaTerms, ticket: Ticket) -> Authentication:
    now = world.clocks.authorization_now()
    subject = ticket.subject
    # A SIM's own token proves the person's device; a number alone proves nothing, so the person has to act.
    by_number = subject is not None and not subject.amr
    anew = by_number and not ticket.granted.apis.isdisjoint(terms.asks_anew)
    given = subject is not None and not anew and subjects.permitted(world, subject, ticket.granted)
    return Authentication(
        number=0,
        client_id=client.terms.id,
        ticket=ticket,
        asked_at=now,
        expires_at=now + timedelta(seconds=terms.expires_s),
        interval_s=terms.interval_s,
        prompted=not given,
        standing=Standing.APPROVED if given else Standing.PENDING,
    )


def _ticket(world: World, terms: CibaTerms, asked: Mapping[str, str]) -> Ticket:
    if any(name in asked for name in _HINTS_UNUSED) or "login_hint" not in asked:
        raise OAuthError("invalid_request", "login_hint is required, and the only hint")
    granted = grant(asked.get("scope"), world.profile.purposes, world.offered_scopes(Legs.THREE), openid=True)
    try:
        return Ticket(granted, subjects.named(world, asked["login_hint"], terms.subject_forms))
    except subjects.UnknownSubject as error:
        raise OAuthError("unknown_user_id", str(error)) from error


def _let_person_answer(world: World, request: Authentication) -> None:
    """Sandbox persons answer by themselves, some seconds after they were asked."""
    subscriber = world.directory.known(request.phone_number)
    answering = None if subscriber is None else subscriber.answering
    if answering is None:
        return
    if world.clocks.authorization_now() - request.asked_at >= timedelta(seconds=answering.after_s):
        decide(world, request, approves=answering.approves)
