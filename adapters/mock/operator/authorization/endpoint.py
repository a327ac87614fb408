"""The token endpoint: the four CAMARA grants, as the CAMARA security profile (ICM 0.5.0) narrows them."""

from typing import Any

from adapters.mock.operator.authorization import subjects
from adapters.mock.operator.authorization.assertions import (
    GRANT_ASSERTION_TYPES,
    BadAssertion,
    unverified_claims,
    verify,
)
from adapters.mock.operator.authorization.authorize import redeem
from adapters.mock.operator.authorization.backchannel import collect
from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.authorization.issuing import binding_of, issue
from adapters.mock.operator.authorization.presented import Presented
from adapters.mock.operator.authorization.scopes import grant
from adapters.mock.operator.authorization.tickets import Ticket
from adapters.mock.operator.journal import JournalEntry
from adapters.mock.operator.profile import Grant, Legs
from adapters.mock.operator.world import World


async def answer(world: World, presented: Presented, entry: JournalEntry) -> dict[str, Any]:
    """A token response (RFC 6749 section 5.1), after the client proved itself and its grant was found good.

    Raises:
        OAuthError: the request is refused.
    """
    grant_type = presented.form.get("grant_type")
    match grant_type:
        case None:
            raise OAuthError("invalid_request", "grant_type is missing")
        case Grant.JWT_BEARER:
            client, ticket = await _jwt_bearer(world, presented, entry)
            binding = binding_of(world, client, presented)
        case Grant.CLIENT_CREDENTIALS | Grant.AUTHORIZATION_CODE | Grant.CIBA:
            client = await known_client(world, presented, Grant(grant_type), entry)
            binding = binding_of(world, client, presented)
            ticket = _ticket(world, client, presented)
        case _:
            raise OAuthError("unsupported_grant_type", "this grant is not offered")
    entry.purpose = ticket.granted.purpose
    return issue(world, client, ticket, binding)


async def known_client(world: World, presented: Presented, wanted: Grant, entry: JournalEntry) -> Client:
    """The client that a request comes from, which may use this grant.

    Raises:
        OAuthError: it did not prove itself, or may not.
    """
    client = await world.clients.authenticate(presented, world.assertion_rules(presented.url))
    entry.client = client.terms.id
    _must_accept(client, wanted)
    return client


def _ticket(world: World, client: Client, presented: Presented) -> Ticket:
    form = presented.form
    if form["grant_type"] == Grant.AUTHORIZATION_CODE:
        return redeem(world, client, form)
    if form["grant_type"] == Grant.CIBA:
        return collect(world, client, form)
    return Ticket(grant(form.get("scope"), world.profile.purposes, world.offered_scopes(Legs.TWO)))


async def _jwt_bearer(world: World, presented: Presented, entry: JournalEntry) -> tuple[Client, Ticket]:
    form = presented.form
    if "scope" in form:
        raise OAuthError("invalid_request", "scope belongs into the assertion")
    if "assertion" not in form:
        raise OAuthError("invalid_request", "assertion is missing")
    try:
        client = world.clients.find(unverified_claims(form["assertion"]).get("iss"))
        if client is None:
            raise OAuthError("invalid_client", "the issuer of the assertion is no client")
        held = world.assertion_rules(presented.url)
        claims = await verify(form["assertion"], client.terms.id, client.keys, GRANT_ASSERTION_TYPES, held)
    except BadAssertion as error:
        raise OAuthError("invalid_grant", str(error)) from error
    entry.client = client.terms.id
    _must_accept(client, Grant.JWT_BEARER)
    granted = grant(_camara_scope(world, claims.get("scope")), world.profile.purposes, world.offered_scopes(Legs.THREE))
    try:
        subject = subjects.named(world, claims.get("sub"), world.profile.subject_forms)
    except subjects.UnknownSubject as error:
        raise OAuthError("invalid_grant", str(error)) from error
    if not subjects.permitted(world, subject, granted):
        # Consent cannot be asked for in this flow: where it is missing, there is no token (ICM: ``invalid_grant``).
        raise OAuthError("invalid_grant", "the subscriber has not permitted this")
    return client, Ticket(granted, subject)


def _camara_scope(world: World, requested: object) -> object:
    """The scope of an assertion, which a gateway cannot rewrite: whoever signed it wrote it as this operator does."""
    return world.profile.deviations.camara_scopes(requested) if isinstance(requested, str) else requested


def _must_accept(client: Client, wanted: Grant) -> None:
    if wanted not in client.terms.grants:
        raise OAuthError("unauthorized_client", "this client may not use this grant")
