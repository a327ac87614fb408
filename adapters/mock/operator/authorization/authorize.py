"""The authorization endpoint and its codes: the person's browser comes, the network says whose SIM carries it.

Network authentication is all there is (ICM: mandatory for this flow). A real network reads the bearer; here the header
:data:`CELLULAR_HEADER` stands for what its gateway adds to a request, and only a test's "phone" sets it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import msgspec

from adapters.mock.operator.authorization import subjects
from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.codes import Code
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.authorization.scopes import grant
from adapters.mock.operator.authorization.signed_requests import opened
from adapters.mock.operator.authorization.tickets import Subject, Ticket
from adapters.mock.operator.journal import JournalEntry
from adapters.mock.operator.profile import AuthorizeTerms, Grant, Legs
from adapters.mock.operator.world import AUTHORIZE_PATH, World

CELLULAR_HEADER = "x-cellular-msisdn"
STATE_LENGTH_MAX = 1024
_BESIDE = frozenset({"scope", "response_type", "client_id", "redirect_uri"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


class Redirected(Exception):
    """An error that travels in the redirection (RFC 6749 section 4.1.2.1)."""

    def __init__(self, location: str, code: str) -> None:
        super().__init__(code)
        self.location = location
        self.code = code


async def authorize(world: World, given: Mapping[str, str], cellular: str | None, entry: JournalEntry) -> str:
    """Where the browser goes next, with a code.

    Raises:
        OAuthError: the client or its ``redirect_uri`` is not known, so nobody may be sent anywhere.
        Redirected: refused, and told so at the client.
    """
    terms: AuthorizeTerms | None = world.profile.authorize
    client = world.clients.find(given.get("client_id"))
    if terms is None or client is None or given.get("redirect_uri") not in client.terms.redirect_uris:
        raise OAuthError("invalid_request", "the client or its redirect_uri is not registered")
    entry.client = client.terms.id
    back = _Back(world.issuer, given["redirect_uri"], given.get("state"))
    try:
        held = world.assertion_rules(world.issuer + AUTHORIZE_PATH)
        asked = await opened(client, given, _BESIDE, held, required=terms.signed_requests == "required")
        back = _Back(world.issuer, given["redirect_uri"], asked.get("state"))
        code = _code(world, client, asked, cellular, terms)
    except OAuthError as error:
        entry.code = error.code
        raise Redirected(back.to(error=error.code, error_description=error.description), error.code) from error
    entry.purpose = code.granted.purpose
    return back.to(code=world.codes.issue(code))


class _Back(msgspec.Struct, frozen=True):
    """The way back to the client: every answer repeats ``state`` and says who speaks (RFC 9207)."""

    issuer: str
    redirect_uri: str
    state: str | None

    def to(self, **parameters: str) -> str:
        """The redirection with these parameters."""
        known = {"iss": self.issuer} | ({"state": self.state} if self.state is not None else {})
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return self.redirect_uri + joint + urlencode(parameters | known)


def _code(world: World, client: Client, asked: Mapping[str, str], cellular: str | None, terms: AuthorizeTerms) -> Code:
    if Grant.AUTHORIZATION_CODE not in client.terms.grants:
        raise OAuthError("unauthorized_client", "this client may not use this grant")
    if asked.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code")
    if len(asked.get("state", "")) > STATE_LENGTH_MAX:
        raise OAuthError("invalid_request", "state is too long")
    challenge = asked.get("code_challenge", "")
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "a code_challenge with S256 is required")
    if asked.get("prompt", "none") not in {"none", "login", "consent"}:
        raise OAuthError("invalid_request", "prompt is not known")
    granted = grant(asked.get("scope"), world.profile.purposes, world.offered_scopes(Legs.THREE), openid=True)
    subject = _present(world, cellular)
    if not subjects.permitted(world, subject, granted):
        # A real operator would show its consent page first, unless told to show nothing. Here nobody is looking.
        silent = asked.get("prompt") == "none"
        raise OAuthError("consent_required" if silent else "access_denied", "the subscriber has not permitted this")
    until = world.clocks.authorization_now() + timedelta(seconds=terms.code_s)
    return Code(
        client.terms.id, asked["redirect_uri"], challenge, granted, subject, asked.get("nonce"), expires_at=until
    )


def _present(world: World, cellular: str | None) -> Subject:
    try:
        return subjects.on_the_network(world, cellular)
    except subjects.UnknownSubject as error:
        raise OAuthError("login_required", "the request did not come over this mobile network") from error


def redeem(world: World, client: Client, form: Mapping[str, str]) -> Ticket:
    """What a code is good for, once (RFC 6749 section 4.1.3, RFC 7636 section 4.6).

    Raises:
        OAuthError: it is unknown, another client's, over, used, or the verifier does not fit. A second use ends the
            token of the first: one of the two users stole it.
    """
    value = form.get("code", "")
    code = world.codes.find(value)
    if code is None or code.client_id != client.terms.id or form.get("redirect_uri") != code.redirect_uri:
        raise OAuthError("invalid_grant", "the code is not one of this client's, or redirect_uri differs")
    if code.token is not None:
        world.access_tokens.consume(code.token)
        raise OAuthError("invalid_grant", "the code was used before")
    if code.expires_at <= world.clocks.authorization_now():
        raise OAuthError("invalid_grant", "the code has expired")
    verifier = form.get("code_verifier", "")
    derived = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(derived, code.challenge):
        raise OAuthError("invalid_grant", "code_verifier does not fit")
    return Ticket(code.granted, code.subject, code.nonce, value)
