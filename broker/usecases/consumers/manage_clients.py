"""Register OAuth clients of a tenant, and say whose word on its users it takes."""

from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from broker.clock import Clock
from broker.consumers import authorize, jose, keys
from broker.domain.tenancy import is_sandbox
from broker.errors import Fault, InvalidRequest
from broker.storage.consumer_store import ClientRow, TrustedIssuer

_NAME_LENGTH_MAX = 64
_ISSUER_LENGTH_MAX = 512


class Registry(Protocol):
    """Where clients and issuers are kept."""

    async def add_client(self, row: ClientRow) -> None:
        """Keep a new client."""
        ...

    async def clients(self, tenant: str) -> list[ClientRow]:
        """A tenant's clients."""
        ...

    async def disable_client(self, tenant: str, client_id: str, at_ms: int) -> None:
        """Disable a client, or raise ``NotFound``."""
        ...

    async def trust(self, issuer: TrustedIssuer) -> None:
        """Take an issuer's word."""
        ...

    async def distrust(self, tenant: str, issuer: str) -> None:
        """Take it no longer, or raise ``NotFound``."""
        ...


class NewClient(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. ``jwks`` is a JWK set in JSON, public keys only; see :class:`ClientRow` for the rest."""

    tenant: str
    consumer: str
    agent: str | None
    jwks: str
    scopes: tuple[str, ...]
    bound: bool = True
    delegates: bool = False


class ClientOut(msgspec.Struct, frozen=True, rename="camel"):
    """A client as it may be shown."""

    client_id: str
    consumer: str
    agent: str | None
    scopes: tuple[str, ...]
    bound: bool
    delegates: bool
    disabled: bool


def client_out(row: ClientRow) -> ClientOut:
    """A client without its keys."""
    disabled = row.disabled_ms is not None
    return ClientOut(row.client_id, row.consumer, row.agent, row.scopes, row.bound, row.delegates, disabled)


class ManageClients:
    """The administration of clients. ``tenant_made`` makes the tenant where there is none."""

    def __init__(
        self, registry: Registry, clock: Clock, random_bytes: Callable[[int], bytes], sealing_key: bytes
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._random_bytes = random_bytes
        self._sealing_key = sealing_key

    async def register(self, wanted: NewClient) -> ClientRow:
        """Register a client and give it an id.

        Raises:
            InvalidRequest: a name, a scope or a key does not fit; says which.
        """
        _require_sound(wanted)
        row = ClientRow(
            tenant=wanted.tenant,
            client_id=keys.mint_client_id(self._random_bytes, self._sealing_key, sandbox=is_sandbox(wanted.tenant)),
            consumer=wanted.consumer,
            agent=wanted.agent,
            jwks=wanted.jwks,
            scopes=wanted.scopes,
            bound=wanted.bound,
            delegates=wanted.delegates,
            created_ms=self._now_ms(),
        )
        await self._registry.add_client(row)
        return row

    async def of_tenant(self, tenant: str) -> list[ClientRow]:
        """The clients of a tenant."""
        return await self._registry.clients(tenant)

    async def disable(self, tenant: str, client_id: str) -> None:
        """Disable a client; its tokens are refused within seconds.

        Raises:
            NotFound: the tenant has no such client.
        """
        await self._registry.disable_client(tenant, client_id, self._now_ms())

    async def trust(self, tenant: str, issuer: str, jwks: str) -> None:
        """Take an issuer's word for who the tenant's users are; its keys are replaced where it was trusted before.

        Raises:
            InvalidRequest: the issuer is no https address, or the keys are none.
        """
        parts = urlsplit(issuer)
        faults = [*_key_faults(jwks)]
        if parts.scheme != "https" or not parts.netloc or parts.query or len(issuer) > _ISSUER_LENGTH_MAX:
            faults.append(Fault("/issuer", "send the https address that the issuer puts in its iss claim"))
        if faults:
            raise InvalidRequest("this issuer cannot be trusted", faults)
        await self._registry.trust(TrustedIssuer(tenant, issuer, jwks, self._now_ms()))

    async def distrust(self, tenant: str, issuer: str) -> None:
        """Take an issuer's word no longer.

        Raises:
            NotFound: it was not trusted.
        """
        await self._registry.distrust(tenant, issuer)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _require_sound(wanted: NewClient) -> None:
    faults = [
        Fault(f"/{name}", f"send 1 to {_NAME_LENGTH_MAX} printable characters")
        for name, value in (("consumer", wanted.consumer), ("agent", wanted.agent or "-"))
        if not (0 < len(value) <= _NAME_LENGTH_MAX and value.isascii() and value.isprintable())
    ]
    if set(wanted.scopes) - authorize.SCOPES or not wanted.scopes:
        faults.append(Fault("/scopes", f"send some of: {', '.join(sorted(authorize.SCOPES))}"))
    faults += _key_faults(wanted.jwks)
    if faults:
        raise InvalidRequest("this client cannot be registered", faults)


def _key_faults(jwks: str) -> list[Fault]:
    try:
        jose.key_set(jwks)
    except ValueError as error:
        return [Fault("/jwks", str(error))]
    return []
