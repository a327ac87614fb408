"""Register OAuth clients of a tenant, and say whose word on its users it takes."""

from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from broker.clock import Clock
from broker.consumers import authorize, certificates, jose, keys
from broker.consumers.certificates import CertificateName
from broker.domain.check import Principal
from broker.domain.tenancy import is_below_another
from broker.errors import Conflict, Fault, InvalidRequest, NotFound
from broker.events import addresses
from broker.storage.consumer_store import Ancestor, ClientRow, TrustedIssuer
from broker.usecases.consumers.manage_keys import NOT_MADE
from broker.usecases.consumers.reach import Reach, require_gift

CLIENTS_MAX = 1000
ISSUERS_MAX = 50
_NAME_LENGTH_MAX = 64
_ISSUER_LENGTH_MAX = 512


class Registry(Protocol):
    """Where clients and issuers are kept."""

    async def lineage(self, tenant: str) -> list[Ancestor]:
        """A tenant and the platforms above it."""
        ...

    async def add_client(self, row: ClientRow) -> None:
        """Keep a new client."""
        ...

    async def find_client(self, client_id: str) -> ClientRow | None:
        """The client of that id, whosever it is."""
        ...

    async def clients(self, tenant: str) -> list[ClientRow]:
        """A tenant's clients."""
        ...

    async def disable_client(self, tenant: str, client_id: str, at_ms: int) -> None:
        """Disable a client, or raise ``NotFound``."""
        ...

    async def enable_client(self, tenant: str, client_id: str) -> None:
        """End that, or raise ``NotFound``."""
        ...

    async def rekey_client(self, tenant: str, client_id: str, jwks: str, jwks_uri: str | None) -> None:
        """Replace its keys, or raise ``NotFound``."""
        ...

    async def delete_client(self, tenant: str, client_id: str) -> None:
        """Forget a client, or raise ``NotFound``."""
        ...

    async def issuers(self, tenant: str) -> list[TrustedIssuer]:
        """Whose word a tenant takes."""
        ...

    async def trust(self, issuer: TrustedIssuer) -> None:
        """Take an issuer's word."""
        ...

    async def distrust(self, tenant: str, issuer: str) -> None:
        """Take it no longer, or raise ``NotFound``."""
        ...


class NewClient(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, with one thing to prove itself with; see :class:`ClientRow` for the rest."""

    tenant: str
    consumer: str
    agent: str | None
    scopes: tuple[str, ...]
    jwks: str = ""
    jwks_uri: str | None = None
    certificate: CertificateName | None = None
    bound: bool = True
    delegates: bool = False


class ClientOut(msgspec.Struct, frozen=True, rename="camel"):
    """A client without its keys. ``bound``: its tokens are good with its own key only; ``delegates``: for users."""

    client_id: str
    consumer: str
    agent: str | None
    scopes: tuple[str, ...]
    bound: bool
    delegates: bool
    disabled: bool
    jwks_uri: str | None = None
    certificate: CertificateName | None = None


class ClientsOut(msgspec.Struct, frozen=True, rename="camel"):
    """The clients of a tenant, oldest first."""

    clients: tuple[ClientOut, ...]


class IssuersOut(msgspec.Struct, frozen=True, rename="camel"):
    """Whose word a tenant takes for who its users are, by name."""

    issuers: tuple[str, ...]


def client_out(row: ClientRow) -> ClientOut:
    """A client without its keys."""
    return ClientOut(
        client_id=row.client_id,
        consumer=row.consumer,
        agent=row.agent,
        scopes=row.scopes,
        bound=row.bound,
        delegates=row.delegates,
        disabled=row.disabled_ms is not None,
        jwks_uri=row.jwks_uri,
        certificate=certificates.read(row.certificate) if row.certificate is not None else None,
    )


class ManageClients:
    """The administration of clients: for one's own tenant and those below it, by the laws of :mod:`reach`.

    Whoever runs the broker has no principal (``None``) and may do it for all; its first client makes a tenant.
    Whatever is done about a tenant that is not below one's own raises ``NotFound``, without ``tenant:admin``
    ``NotPermitted``.
    """

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        sealing_key: bytes,
        *,
        private: bool = False,
    ) -> None:
        self._private = private
        self._registry = registry
        self._reach = Reach(registry)
        self._clock = clock
        self._random_bytes = random_bytes
        self._sealing_key = sealing_key

    async def register(self, by: Principal | None, wanted: NewClient) -> ClientOut:
        """Register a client and give it an id.

        Raises:
            InvalidRequest: a name, a scope or a key does not fit; says which.
            Conflict: the tenant has as many as it may have.
        """
        await self._require(by, wanted.tenant)
        _require_sound(wanted, private=self._private)
        require_gift(by, wanted.tenant, wanted.scopes)
        if len(await self._registry.clients(wanted.tenant)) >= CLIENTS_MAX:
            raise Conflict(f"a tenant has at most {CLIENTS_MAX} clients: delete one that is not used any more")
        row = ClientRow(
            tenant=wanted.tenant,
            client_id=keys.mint_client_id(self._random_bytes, self._sealing_key),
            consumer=wanted.consumer,
            agent=wanted.agent,
            jwks=wanted.jwks,
            scopes=wanted.scopes,
            bound=wanted.bound,
            delegates=wanted.delegates,
            created_ms=self._now_ms(),
            jwks_uri=wanted.jwks_uri,
            certificate=certificates.write(wanted.certificate) if wanted.certificate is not None else None,
        )
        await self._registry.add_client(row)
        return client_out(row)

    async def of_tenant(self, by: Principal | None, tenant: str) -> ClientsOut:
        """The clients of a tenant."""
        await self._require(by, tenant)
        return ClientsOut(tuple(map(client_out, await self._registry.clients(tenant))))

    async def rekey(
        self, by: Principal | None, tenant: str, client_id: str, *, jwks: str = "", jwks_uri: str | None = None
    ) -> ClientOut:
        """Give a client other keys, or another address of them; assertions of the old ones are refused from now on.

        Defensive: whoever sets the keys of a client can be it, so its scopes must be one's own to give.

        Raises:
            InvalidRequest: the keys are none.
            Conflict: it proves itself with a certificate.
            NotFound: the tenant has no such client.
        """
        found = await self._client(by, tenant, client_id)
        if faults := _proof_faults(jwks, jwks_uri, None, private=self._private):
            raise InvalidRequest("these keys cannot be used", faults)
        if found.certificate is not None:
            raise Conflict("this client proves itself with a certificate: register another one for keys")
        require_gift(by, tenant, found.scopes)
        await self._registry.rekey_client(tenant, client_id, jwks, jwks_uri)
        return client_out(await self._client(by, tenant, client_id))

    async def disable(self, by: Principal | None, tenant: str, client_id: str) -> ClientOut:
        """Suspend a client; its tokens are refused within seconds.

        Raises:
            NotFound: the tenant has no such client.
        """
        await self._client(by, tenant, client_id)
        await self._registry.disable_client(tenant, client_id, self._now_ms())
        return client_out(await self._client(by, tenant, client_id))

    async def enable(self, by: Principal | None, tenant: str, client_id: str) -> ClientOut:
        """End a suspension; in one's own tenant nobody does, or it would end what a platform began.

        Raises:
            NotFound: the tenant has no such client, or it is one's own tenant.
        """
        await self._reach.require(by, tenant)
        found = await self._client(by, tenant, client_id)
        require_gift(by, tenant, found.scopes)
        await self._registry.enable_client(tenant, client_id)
        return client_out(await self._client(by, tenant, client_id))

    async def delete(self, by: Principal | None, tenant: str, client_id: str) -> ClientsOut:
        """Forget a client; its tokens are refused within seconds, and its id is never given again.

        Raises:
            NotFound: the tenant has no such client.
        """
        await self._client(by, tenant, client_id)
        await self._registry.delete_client(tenant, client_id)
        return await self.of_tenant(by, tenant)

    async def trust(self, by: Principal | None, tenant: str, issuer: str, jwks: str) -> IssuersOut:
        """Take an issuer's word for who the tenant's users are; its keys are replaced where it was trusted before.

        Raises:
            InvalidRequest: the issuer is no https address, or the keys are none.
            Conflict: the tenant trusts as many as it may.
        """
        await self._require(by, tenant)
        parts = urlsplit(issuer)
        faults = [*_key_faults(jwks)]
        if parts.scheme != "https" or not parts.netloc or parts.query or len(issuer) > _ISSUER_LENGTH_MAX:
            faults.append(Fault("/issuer", "send the https address that the issuer puts in its iss claim"))
        if faults:
            raise InvalidRequest("this issuer cannot be trusted", faults)
        known = {one.issuer for one in await self._registry.issuers(tenant)}
        if issuer not in known and len(known) >= ISSUERS_MAX:
            raise Conflict(f"a tenant trusts at most {ISSUERS_MAX} issuers: distrust one first")
        await self._registry.trust(TrustedIssuer(tenant, issuer, jwks, self._now_ms()))
        return await self.trusted(by, tenant)

    async def trusted(self, by: Principal | None, tenant: str) -> IssuersOut:
        """Whose word the tenant takes."""
        await self._require(by, tenant)
        return IssuersOut(tuple(one.issuer for one in await self._registry.issuers(tenant)))

    async def distrust(self, by: Principal | None, tenant: str, issuer: str) -> IssuersOut:
        """Take an issuer's word no longer.

        Raises:
            NotFound: it was not trusted.
        """
        await self._require(by, tenant)
        await self._registry.distrust(tenant, issuer)
        return await self.trusted(by, tenant)

    async def _client(self, by: Principal | None, tenant: str, client_id: str) -> ClientRow:
        await self._require(by, tenant)
        found = await self._registry.find_client(client_id)
        if found is None or found.tenant != tenant:
            raise NotFound("there is no such client")
        return found

    async def _require(self, by: Principal | None, tenant: str) -> None:
        if by is not None:
            await self._reach.require(by, tenant, own=True)
        elif is_below_another(tenant) and not await self._registry.lineage(tenant):
            raise NotFound(NOT_MADE)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _require_sound(wanted: NewClient, *, private: bool) -> None:
    faults = [
        Fault(f"/{name}", f"send 1 to {_NAME_LENGTH_MAX} printable characters")
        for name, value in (("consumer", wanted.consumer), ("agent", wanted.agent or "-"))
        if not (0 < len(value) <= _NAME_LENGTH_MAX and value.isascii() and value.isprintable())
    ]
    if set(wanted.scopes) - authorize.SCOPES or not wanted.scopes:
        faults.append(Fault("/scopes", f"send some of: {', '.join(sorted(authorize.SCOPES))}"))
    faults += _proof_faults(wanted.jwks, wanted.jwks_uri, wanted.certificate, private=private)
    if faults:
        raise InvalidRequest("this client cannot be registered", faults)


def _proof_faults(
    jwks: str, jwks_uri: str | None, certificate: CertificateName | None, *, private: bool
) -> list[Fault]:
    """What speaks against what a client is to prove itself with: one of the three, and that one sound."""
    if [bool(jwks), jwks_uri is not None, certificate is not None].count(True) != 1:
        return [Fault("/jwks", "send keys (jwks), their https address (jwksUri) or a certificate: one of them")]
    if certificate is not None:
        fault = certificate.fault()
        return [Fault("/certificate/value", fault)] if fault else []
    if jwks_uri is not None:
        fault = addresses.fault(jwks_uri, private=private)
        fault = fault or (None if jwks_uri.startswith("https://") else "send an https URL")
        return [Fault("/jwksUri", fault)] if fault else []
    return _key_faults(jwks)


def _key_faults(jwks: str) -> list[Fault]:
    try:
        jose.key_set(jwks)
    except ValueError as error:
        return [Fault("/jwks", str(error))]
    return []
