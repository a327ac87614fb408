"""The token endpoint: client credentials and JWT bearer, as the CAMARA security profile (ICM 0.5.0) narrows them."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from adapters.mock.operator.authorization.assertions import (
    GRANT_ASSERTION_TYPES,
    AssertionRules,
    BadAssertion,
    unverified_claims,
    verify,
)
from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.authorization.scopes import Granted, grant
from adapters.mock.operator.authorization.tokens import SIM_BASED, AccessToken
from adapters.mock.operator.journal import JournalEntry
from adapters.mock.operator.profile import Grant, Legs, SubjectForm
from adapters.mock.operator.world import World

FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
FIELDS_MAX = 20
_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}", re.ASCII)


async def answer(world: World, headers: Mapping[str, str], body: bytes, entry: JournalEntry) -> dict[str, Any]:
    """A token response (RFC 6749 section 5.1), after the client proved itself and its grant was found good.

    Raises:
        OAuthError: the request is refused.
    """
    form = _read_form(headers.get("content-type", ""), body)
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise OAuthError("invalid_request", "grant_type is missing")
    if grant_type == Grant.CLIENT_CREDENTIALS:
        return await _client_credentials(world, headers.get("authorization"), form, entry)
    if grant_type == Grant.JWT_BEARER:
        return await _jwt_bearer(world, form, entry)
    raise OAuthError("unsupported_grant_type", "this grant is not offered")


async def _client_credentials(
    world: World, authorization: str | None, form: Mapping[str, str], entry: JournalEntry
) -> dict[str, Any]:
    client = await world.clients.authenticate(authorization, form, _rules(world))
    entry.client = client.terms.id
    _must_accept(client, Grant.CLIENT_CREDENTIALS)
    granted = grant(form.get("scope"), world.profile.purposes, world.offered_scopes(Legs.TWO))
    entry.purpose = granted.purpose
    return _respond(world, client, granted, lifetime_s=world.profile.tokens.two_legged_s)


async def _jwt_bearer(world: World, form: Mapping[str, str], entry: JournalEntry) -> dict[str, Any]:
    if "scope" in form:
        raise OAuthError("invalid_request", "scope belongs into the assertion")
    if "assertion" not in form:
        raise OAuthError("invalid_request", "assertion is missing")
    try:
        client = world.clients.find(unverified_claims(form["assertion"]).get("iss"))
        if client is None:
            raise OAuthError("invalid_client", "the issuer of the assertion is no client")
        claims = await verify(form["assertion"], client.terms.id, client.keys, GRANT_ASSERTION_TYPES, _rules(world))
    except BadAssertion as error:
        raise OAuthError("invalid_grant", str(error)) from error
    entry.client = client.terms.id
    _must_accept(client, Grant.JWT_BEARER)
    granted = grant(claims.get("scope"), world.profile.purposes, world.offered_scopes(Legs.THREE))
    entry.purpose = granted.purpose
    number, amr = _subject(world, claims.get("sub"))
    _must_be_permitted(world, number, granted)
    return _respond(
        world, client, granted, lifetime_s=world.profile.tokens.three_legged_s, phone_number=number, amr=amr
    )


def _read_form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type.partition(";")[0].strip().lower() != FORM_MEDIA_TYPE:
        raise OAuthError("invalid_request", f"the body must be {FORM_MEDIA_TYPE}")
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=FIELDS_MAX, errors="strict"
        )
    except ValueError as error:
        raise OAuthError("invalid_request", "the body is not a form") from error
    form = dict(pairs)
    # RFC 6749 section 3.2: parameters must not be repeated. Two readers could each believe another one.
    if len(form) != len(pairs):
        raise OAuthError("invalid_request", "a parameter is repeated")
    return form


def _rules(world: World) -> AssertionRules:
    return AssertionRules(world.clocks.authorization_now(), world.audiences, world.replay)


def _must_accept(client: Client, wanted: Grant) -> None:
    if wanted not in client.terms.grants:
        raise OAuthError("unauthorized_client", "this client may not use this grant")


def _subject(world: World, subject: object) -> tuple[str, frozenset[str]]:
    """The subscriber that an assertion names, and how it was authenticated: by its SIM, or not at all."""
    form, colon, value = subject.partition(":") if isinstance(subject, str) else ("", "", "")
    if not colon or form not in world.profile.subject_forms:
        raise OAuthError("invalid_grant", "this form of subject is not accepted")
    if form == SubjectForm.TEL:
        number = value if _NUMBER.fullmatch(value) else None
        amr: frozenset[str] = frozenset()
    else:
        number = world.sim_behind(value)
        amr = SIM_BASED
    if number is None or world.directory.find(number, world.clocks.network_now()) is None:
        raise OAuthError("invalid_grant", "the subject is not a subscriber of this operator")
    return number, amr


def _must_be_permitted(world: World, number: str, granted: Granted) -> None:
    """Consent cannot be asked for in this flow: where it is missing, there is no token (ICM: ``invalid_grant``)."""
    subscriber = world.directory.find(number, world.clocks.network_now())
    line = None if subscriber is None else subscriber.line(world.clocks.network_now())
    # The API about consents must be askable by whoever has none.
    apis = {scope.partition(":")[0] for scope in granted.scopes} - {"consent-info"}
    if line is None or not all(line.consent(api).valid for api in apis):
        raise OAuthError("invalid_grant", "the subscriber has not permitted this")


def _respond(
    world: World,
    client: Client,
    granted: Granted,
    *,
    lifetime_s: int,
    phone_number: str | None = None,
    amr: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    single_use = any(scope.startswith("number-verification:") for scope in granted.scopes)
    if single_use:
        lifetime_s = min(lifetime_s, world.profile.tokens.single_use_s)
    token = AccessToken(
        client_id=client.terms.id,
        purpose=granted.purpose,
        scopes=granted.scopes,
        expires_at=world.clocks.authorization_now() + timedelta(seconds=lifetime_s),
        phone_number=phone_number,
        amr=amr,
        single_use=single_use,
    )
    value = world.access_tokens.issue(token)
    return {"access_token": value, "token_type": "Bearer", "expires_in": lifetime_s, "scope": str(granted)}
