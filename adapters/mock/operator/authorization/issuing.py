"""From a grant that was found good to a token response."""

from datetime import timedelta
from typing import Any

from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.possession import Binding, Exchange, certificate_thumbprint
from adapters.mock.operator.authorization.presented import Presented
from adapters.mock.operator.authorization.tickets import Ticket
from adapters.mock.operator.authorization.tokens import AccessToken
from adapters.mock.operator.profile import ClientAuthentication
from adapters.mock.operator.world import World


def binding_of(world: World, client: Client, presented: Presented) -> Binding:
    """What a token will be bound to. Found out before a grant is used up, for a nonce may be all that is missing.

    Raises:
        OAuthError: the proof of possession that came along is no good.
    """
    now, exchange = world.clocks.authorization_now(), Exchange("POST", presented.url)
    return Binding(world.possession.at_token_endpoint(presented.proof, exchange, now), _x5t(client, presented))


def issue(world: World, client: Client, ticket: Ticket, binding: Binding) -> dict[str, Any]:
    """The token response, and the token in the memory of the APIs."""
    now = world.clocks.authorization_now()
    lifetime_s, single_use = _lifetime(world, ticket)
    token = AccessToken(
        client_id=client.terms.id,
        purpose=ticket.granted.purpose,
        scopes=ticket.granted.scopes,
        expires_at=now + timedelta(seconds=lifetime_s),
        phone_number=None if ticket.subject is None else ticket.subject.phone_number,
        amr=frozenset() if ticket.subject is None else ticket.subject.amr,
        single_use=single_use,
        binding=binding,
    )
    value = world.access_tokens.issue(token)
    if ticket.code is not None:
        world.codes.spent(ticket.code, value)
    kind = "Bearer" if binding.jkt is None else "DPoP"
    response = {"access_token": value, "token_type": kind, "expires_in": lifetime_s, "scope": str(ticket.granted)}
    return response | ({"id_token": id_token(world, client, ticket)} if ticket.granted.openid else {})


def id_token(world: World, client: Client, ticket: Ticket) -> str:
    """What OpenID Connect adds where ``openid`` was asked for."""
    assert ticket.subject is not None  # noqa: S101 - only grants about a subscriber carry openid
    now = world.clocks.authorization_now()
    amr = sorted(ticket.subject.amr) or None
    return world.id_tokens.issue(client.terms.id, ticket.subject.phone_number, now, nonce=ticket.nonce, amr=amr)


def _lifetime(world: World, ticket: Ticket) -> tuple[int, bool]:
    lifetimes = world.profile.tokens
    lifetime_s = lifetimes.two_legged_s if ticket.subject is None else lifetimes.three_legged_s
    if any(scope.startswith("number-verification:") for scope in ticket.granted.scopes):
        return min(lifetime_s, lifetimes.single_use_s), True
    return lifetime_s, False


def _x5t(client: Client, presented: Presented) -> str | None:
    """The certificate that a token is bound to: a client's own, where it proves itself with one."""
    if presented.certificate is None or ClientAuthentication.TLS not in client.terms.authentication:
        return None
    return certificate_thumbprint(presented.certificate)
