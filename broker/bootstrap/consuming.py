"""Who calls, built: keys, tokens, proofs, and the token endpoint."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from broker.adapter_kit.transport import TransportLimits, default_tls, open_guarded_transport
from broker.bootstrap.background import repeating
from broker.clock import Clock
from broker.consumers import authorize, jose
from broker.consumers.access_tokens import TokenMint
from broker.consumers.authenticate import Authenticator
from broker.consumers.dpop import ProofRules, Proofs
from broker.consumers.fetched_keys import FetchedKeys, FetchLimits
from broker.consumers.memory import MemoryLimits
from broker.consumers.quotas import Quotas
from broker.consumers.resources import Resources
from broker.consumers.standing import Standings
from broker.consumers.token_server import CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE, TokenServer
from broker.consumers.who_calls import Tokens, WhoCalls
from broker.errors import Misconfigured
from broker.events import addresses
from broker.events.compose import Composer
from broker.operators.contracts import Contracts
from broker.privacy.pseudonyms import Pseudonyms
from broker.settings import Settings
from broker.settings.sections import BudgetSettings, OAuthSettings, SharedSettings, TlsSettings
from broker.storage.kv import Kv, MemoryKv
from broker.storage.store import Store
from broker.surfaces.ports import Administration, OAuthMetadata
from broker.surfaces.tls import ServedTls
from broker.usecases.circles import CircleLimits, Circles
from broker.usecases.consumers.budget import Budget
from broker.usecases.consumers.issue_token import IssueToken, IssueTools
from broker.usecases.consumers.manage_clients import ManageClients
from broker.usecases.consumers.manage_keys import ManageKeys
from broker.usecases.consumers.manage_tenants import ManageTenants
from broker.usecases.consumers.meter import Meter
from broker.usecases.consumers.warn_of_budgets import LowTools, WarnOfBudgets
from broker.usecases.operators.whose_operators import WhoseOperators
from broker.usecases.privacy.open_keys import open_signing_key

KEY_FILE = "tokens.pem"
_FORGET_S = 60.0
_BATCH_MAX = 500
_FETCHES_MAX = 16


class Consuming:
    """Everything around who calls, over one store."""

    def __init__(
        self, settings: Settings, keys: Path, store: Store, pseudonyms: Pseudonyms, contracts: Contracts, clock: Clock
    ) -> None:
        public_url, given = settings.server.public_url, settings.oauth
        self._with_certificates = bool(settings.tls.client_authorities or settings.tls.certificate_proxies)
        self._key = open_signing_key(keys / KEY_FILE)
        self._resources = Resources(public_url)
        limits, kv = MemoryLimits(), _kv(settings.shared, clock)
        self.kv, self._store, self._clock = kv, store, clock
        places = settings.places
        self.circles = Circles(kv, pseudonyms, CircleLimits(places.circles_daily, places.asked_daily))
        sealing_key = pseudonyms.sealing_key()
        mint = TokenMint(self._key.jwk, self._key.kid, public_url, secrets.token_bytes)
        proofs = Proofs(
            public_url, pseudonyms.nonce_key(), kv, clock, ProofRules(given.proof_age_s, nonce=given.proof_nonce)
        )
        self._fetched = _fetched(given, clock)
        tokens = Tokens(store.consumers, mint, self._resources.all, clock, limits)
        private = given.jwks_addresses == "any"
        managing = administration(store, clock, sealing_key, contracts.names_of, private=private)
        self.tenants, self.clients, self.meter = managing.tenants, managing.clients, managing.meter
        self.standings = Standings(store.consumers, clock, limits)
        self.quotas = Quotas(kv, self.standings, clock)
        self.operators = WhoseOperators(self.standings, contracts)
        self.budget = Budget(store.consumers, self.standings, clock)
        self.who_calls = WhoCalls(
            Authenticator(store, clock, sealing_key, limits), tokens, proofs, self.standings, self._resources
        )
        server = TokenServer(mint, self._resources, _name_user(pseudonyms), given.token_ttl_s)
        self.issue_token = IssueToken(
            IssueTools(
                clock=clock,
                shelf=store.consumers,
                sealing_key=sealing_key,
                server=server,
                proofs=proofs,
                tokens=tokens,
                fetched=self._fetched,
                standings=self.standings,
                issuer=public_url,
                endpoint=f"{public_url}/oauth/token",
            )
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Forget now and then what would be refused anyway, for as long as the broker runs."""
        try:
            async with repeating("used-ids", self._forget, _FORGET_S):
                yield
        finally:
            await self._fetched.aclose()
            await self.kv.aclose()

    async def _forget(self) -> None:
        while await self._store.consumers.purge_used(_ms(self._clock), _BATCH_MAX) == _BATCH_MAX:
            pass

    def metadata(self) -> OAuthMetadata:
        """What both sides say about themselves."""
        return OAuthMetadata(
            server=_server(self._resources.rest, with_certificates=self._with_certificates),
            rest=_resource(self._resources.rest, self._resources.rest),
            mcp=_resource(self._resources.mcp, self._resources.rest),
            keys={"keys": [self._key.public_jwk()]},
        )


def warning(
    consuming: Consuming, store: Store, compose: Composer, clock: Clock, given: BudgetSettings
) -> AbstractAsyncContextManager[None]:
    """Say of budgets that they are nearly spent, for as long as the block lasts."""
    tools = LowTools(store.consumers, consuming.standings, compose, clock, given.low_percent)
    return repeating("budgets", WarnOfBudgets(tools), given.look_s)


def administration(
    store: Store,
    clock: Clock,
    sealing_key: bytes,
    operators: Callable[[str], AbstractSet[str]],
    *,
    private: bool = False,
) -> Administration:
    """The administration of tenants, clients and the meter; ``private``: keys may be fetched at private addresses.

    ``operators`` are those that a tenant can be asked for at.
    """
    keys = ManageKeys(store, clock, secrets.token_bytes, sealing_key)
    return Administration(
        tenants=ManageTenants(store.consumers, keys, clock, operators),
        clients=ManageClients(store.consumers, clock, secrets.token_bytes, sealing_key, private=private),
        meter=Meter(store.consumers),
    )


def served_tls(given: TlsSettings) -> ServedTls:
    """What is served, and from whom certificates are taken."""
    proxies = tuple(map(str, given.certificate_proxies))
    return ServedTls(given.certificate, given.key, given.client_authorities, proxies)


def _fetched(given: OAuthSettings, clock: Clock) -> FetchedKeys:
    permits = addresses.is_any if given.jwks_addresses == "any" else addresses.is_public
    transport = open_guarded_transport(
        TransportLimits(connections_max=_FETCHES_MAX), permits, tls=default_tls(given.jwks_authorities)
    )
    limits = FetchLimits(
        given.jwks_timeout_s, given.jwks_fresh_s, given.jwks_again_s, given.jwks_stale_s, in_flight_max=_FETCHES_MAX
    )
    return FetchedKeys(transport, clock, limits)


def _kv(shared: SharedSettings, clock: Clock) -> Kv:
    if not shared.url:
        return MemoryKv(clock.monotonic_s)
    try:
        from broker.storage.valkey import ValkeyKv  # an extra: loaded where it is used
    except ImportError as error:
        raise Misconfigured("shared.url: install the extra that speaks to it: trust-broker[valkey]") from error
    return ValkeyKv(shared.url, connections_max=shared.connections_max, wait_s=shared.wait_ms / 1000)


def _name_user(pseudonyms: Pseudonyms) -> Callable[[str, str, str], str]:
    def named(tenant: str, issuer: str, subject: str) -> str:
        return "usr_" + jose.b64url(pseudonyms.mark(tenant, f"{len(issuer)}:{issuer}{subject}".encode()))

    return named


def _server(issuer: str, *, with_certificates: bool) -> Mapping[str, Any]:
    methods = ["private_key_jwt", *(["tls_client_auth", "self_signed_tls_client_auth"] if with_certificates else [])]
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "jwks_uri": f"{issuer}/oauth/jwks.json",
        "scopes_supported": sorted(authorize.SCOPES),
        "response_types_supported": [],
        "grant_types_supported": [CLIENT_CREDENTIALS, TOKEN_EXCHANGE, JWT_BEARER],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(jose.ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": methods,
        "tls_client_certificate_bound_access_tokens": with_certificates,
        "revocation_endpoint_auth_signing_alg_values_supported": list(jose.ALGORITHMS),
        "dpop_signing_alg_values_supported": list(jose.ALGORITHMS),
        "authorization_grant_profiles_supported": ["urn:ietf:params:oauth:grant-profile:id-jag"],
    }


def _resource(resource: str, issuer: str) -> Mapping[str, Any]:
    return {
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": sorted(authorize.SCOPES),
        "bearer_methods_supported": ["header"],
        "resource_name": "trust-broker",
        "dpop_signing_alg_values_supported": list(jose.ALGORITHMS),
    }


def _ms(clock: Clock) -> int:
    return int(clock.now().timestamp() * 1000)
