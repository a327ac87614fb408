"""From a file in ``config/operators`` to a live adapter: manifest, credentials, transport, tokens."""

import hmac
import importlib
import importlib.util
import secrets
import ssl
from collections.abc import Callable
from importlib.metadata import entry_points
from random import Random
from typing import Literal

import msgspec

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.assertions import (
    AssertionSigner,
    AssertionStyle,
    SigningAlgorithm,
    SigningKey,
    generate_signing_key,
    import_signing_key,
)
from broker.adapter_kit.ciba import Ciba, Digest, PendingMemory, PendingStore
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.dpop import Prover
from broker.adapter_kit.headers import Headers, encoded
from broker.adapter_kit.manifest import Manifest, OAuthManifest, load_manifest
from broker.adapter_kit.manifest_adapter import AdapterParts, ManifestAdapter
from broker.adapter_kit.oauth import ClientProfile, TokenHabits, TokenLimits
from broker.adapter_kit.prompts import API as PROMPT
from broker.adapter_kit.token_endpoint import TokenEndpoint
from broker.adapter_kit.tokens import TokenManager
from broker.adapter_kit.transport import Transport, TransportLimits, default_tls, open_transport
from broker.clock import Clock
from broker.errors import Misconfigured

_GROUP = "broker.adapters"
ImportKey = Callable[[str, SigningAlgorithm, str], SigningKey]


def _passing_digest() -> Digest:
    """A keyed digest for one process: what it names is not found again by another."""
    key = secrets.token_bytes(32)
    return lambda tenant, content: hmac.digest(key, tenant.encode() + b"\0" + content, "sha256")


class Surroundings(msgspec.Struct, frozen=True):
    """What every adapter of a process shares: the clock, the source of randomness, the kind of HTTP client.

    ``random`` should be ``random.SystemRandom()`` outside of tests: it makes the ``jti`` of assertions. ``import_key``
    reads private keys; whoever opens one operator many times may hand in one that remembers, for RSA keys take 50 ms.
    ``pending`` remembers whom operators were told to ask, and must outlive the process wherever real phones ring;
    ``digest`` makes its keys, and must be keyed there.
    """

    clock: Clock
    random: Random
    http_client: Literal["aiohttp", "httpx"] = "aiohttp"
    import_key: ImportKey = import_signing_key
    pending: PendingStore = msgspec.field(default_factory=PendingMemory)
    digest: Digest = msgspec.field(default_factory=_passing_digest)


def open_adapter(operator: str, settings: OperatorSettings, surroundings: Surroundings) -> Adapter:
    """The adapter for one operator: its package's own ``adapter.build(parts)`` where there is one, else the manifest's.

    No connection is opened before the first question.

    Raises:
        Misconfigured: adapter unknown, manifest wrong, or a credential that it needs is missing or unfit.
    """
    package = package_of(settings.adapter)
    limits = TransportLimits(connections_max=settings.connections_max, body_bytes_max=settings.body_bytes_max)
    manifest = load_manifest(package)
    transport = open_transport(surroundings.http_client, limits, tls=tls_context(operator, settings))
    parts = assemble(operator, manifest, settings, transport, surroundings)
    return build(package, parts)


def package_of(adapter: str) -> str:
    """The package that holds the manifest of an installed adapter.

    Raises:
        Misconfigured: nothing is registered under that name; says what is.
    """
    found = {point.name: point.value for point in entry_points(group=_GROUP)}
    if adapter not in found:
        there = ", ".join(sorted(found)) or "none"
        raise Misconfigured(f"no adapter {adapter!r} is installed; install its package, or use one of these: {there}")
    return found[adapter]


def build(package: str, parts: AdapterParts) -> Adapter:
    """The adapter that a package makes of its parts: its own ``adapter.build`` where there is one.

    An entry point is as trusted as our own code: whoever can install one can already run anything here.
    """
    if importlib.util.find_spec(f"{package}.adapter") is None:
        return ManifestAdapter(parts)
    adapter: Adapter = importlib.import_module(f"{package}.adapter").build(parts)
    return adapter


def assemble(
    operator: str, manifest: Manifest, settings: OperatorSettings, transport: Transport, surroundings: Surroundings
) -> AdapterParts:
    """The parts of an adapter over a given transport.

    Raises:
        Misconfigured: a credential that the manifest needs is missing or unfit, or a price names an API not offered.
    """
    _refuse_unknown_prices(operator, manifest, settings)
    _refuse_unknown_disclosures(operator, manifest, settings)
    _refuse_unknown_orders(operator, manifest, settings)
    _refuse_missing_secrets(operator, manifest, settings)
    limits = TokenLimits(
        settings.token_timeout_ms / 1000, settings.tokens_max, settings.asked_hold_s, settings.ask_again_after_s
    )
    fields = {**manifest.headers, **settings.headers}
    key = _api_key(manifest, settings)
    profile = _profile(operator, manifest, settings, surroundings, encoded({**fields, **key("token")}))
    clock, random = surroundings.clock, surroundings.random
    prover = Prover(generate_signing_key("ES256"), clock, random) if manifest.oauth.dpop else None
    endpoint = TokenEndpoint(profile, transport, limits.request_timeout_s, prover)
    ciba = Ciba(endpoint, surroundings.pending, surroundings.digest, clock, limits)
    return AdapterParts(
        operator=operator,
        manifest=manifest,
        settings=settings,
        transport=transport,
        tokens=TokenManager(endpoint, ciba, clock, random, limits),
        clock=clock,
        profile=profile,
        random=random,
        headers=encoded({**fields, **key("apis")}),
    )


def tls_context(operator: str, settings: OperatorSettings) -> ssl.SSLContext | None:
    """The connection's own proof of who we are, and whom it believes; ``None`` where the defaults will do.

    Raises:
        Misconfigured: a file is missing, or key and certificate do not belong together.
    """
    tls = settings.tls
    if tls is None:
        return None
    try:
        context = default_tls(tls.ca)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"operator {operator}: tls: cannot be used ({type(error).__name__}); name PEM files whose key fits"
        ) from error
    return context


def _refuse_missing_secrets(operator: str, manifest: Manifest, settings: OperatorSettings) -> None:
    needed = {
        "client_secret": manifest.needs_secret and settings.client_secret is None,
        "client_key": manifest.needs_key and settings.client_key is None,
        "api_key": manifest.api_key is not None and settings.api_key is None,
        "tls.certificate": manifest.needs_certificate and (settings.tls is None or settings.tls.certificate is None),
    }
    for name, missing in needed.items():
        if missing:
            raise Misconfigured(f"operator {operator}: adapter {manifest.name} needs {name}; name a file or variable")
    if manifest.needs_redirect_uri and settings.redirect_uri is None:
        raise Misconfigured(
            f"operator {operator}: adapter {manifest.name} needs redirect_uri; name the address registered there, where"
            " a person's browser comes back"
        )


def _api_key(manifest: Manifest, settings: OperatorSettings) -> Callable[[str], dict[str, str]]:
    """The header that carries the gateway's key to ``token`` or ``apis``, if it goes there. Read once, at start."""
    if manifest.api_key is None or settings.api_key is None:
        return lambda _: {}
    wanted, value = manifest.api_key, manifest.api_key.prefix + settings.api_key.read()
    if not (value.isascii() and value.isprintable()):
        raise Misconfigured(f"{settings.api_key}: a key of a gateway is printable ASCII on one line")
    return lambda place: {wanted.header: value} if wanted.sent_to in {place, "both"} else {}


def _profile(
    operator: str, manifest: Manifest, settings: OperatorSettings, surroundings: Surroundings, headers: Headers
) -> ClientProfile:
    oauth = manifest.oauth
    return ClientProfile(
        operator=operator,
        token_url=settings.token_url or settings.base_url + oauth.token_path,
        authorize_url=settings.authorize_url or settings.base_url + oauth.authorize_path,
        backchannel_url=settings.backchannel_url or settings.base_url + oauth.backchannel_path,
        issuer=settings.issuer or settings.base_url,
        redirect_uri=settings.redirect_uri,
        signs_requests=oauth.signed_requests,
        client_id=settings.client_id,
        scope_template=oauth.scope_template,
        secret=settings.client_secret.read() if manifest.needs_secret and settings.client_secret else None,
        signer=_signer(manifest, settings, surroundings) if manifest.needs_key else None,
        auth=oauth.client_auth,
        habits=_habits(oauth, headers),
    )


def _habits(oauth: OAuthManifest, headers: Headers) -> TokenHabits:
    return TokenHabits(
        grant_in_query=oauth.grant_in_query,
        basic_header=oauth.basic_header.encode("ascii"),
        purpose_template=oauth.purpose_template if oauth.purpose_in == "parameter" else None,
        token_types=frozenset(name.lower() for name in oauth.token_types),
        headers=headers,
        ttl_unsaid_s=oauth.ttl_unsaid_s,
        ttl_max_s=oauth.ttl_max_s,
        login_hint=oauth.login_hint,
        openid=oauth.openid,
        answers_with_issuer=oauth.answers_with_issuer,
    )


def _signer(manifest: Manifest, settings: OperatorSettings, surroundings: Surroundings) -> AssertionSigner | None:
    if settings.client_key is None:
        return None
    oauth = manifest.oauth
    audience = None if oauth.assertion_audience == "endpoint" else settings.issuer or settings.base_url
    key = surroundings.import_key(settings.client_key.read(), oauth.assertion_alg, str(settings.client_key))
    style = AssertionStyle(oauth.assertion_alg, audience, oauth.assertion_lifetime_s)
    return AssertionSigner(key, settings.client_key_id, style, surroundings.clock, surroundings.random)


def _refuse_unknown_prices(operator: str, manifest: Manifest, settings: OperatorSettings) -> None:
    if settings.price is None:
        return
    offered = {one.api for one in manifest.apis} | ({PROMPT} if manifest.prompt else set())
    strange = set(settings.price.per_call) - offered
    if strange:
        raise Misconfigured(f"operator {operator}: price names {', '.join(sorted(strange))}, which it does not offer")


def _refuse_unknown_orders(operator: str, manifest: Manifest, settings: OperatorSettings) -> None:
    offered = {one.api for one in manifest.capabilities}
    if strange := settings.not_ordered - offered:
        raise Misconfigured(
            f"operator {operator}: not_ordered names {', '.join(sorted(strange))}; adapter {manifest.name} offers "
            f"{', '.join(sorted(offered))}"
        )


def _refuse_unknown_disclosures(operator: str, manifest: Manifest, settings: OperatorSettings) -> None:
    strange = settings.disclosures - {one.api for one in manifest.instruments if one.known.discloses}
    if strange:
        raise Misconfigured(
            f"operator {operator}: disclosures names {', '.join(sorted(strange))}, which tells no personal data here"
        )
