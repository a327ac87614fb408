"""From a file in ``config/operators`` to a live adapter: manifest, credentials, transport, tokens."""

import importlib
import importlib.util
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
    import_signing_key,
)
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.headers import Headers, encoded
from broker.adapter_kit.manifest import Manifest, OAuthManifest, load_manifest
from broker.adapter_kit.manifest_adapter import AdapterParts, ManifestAdapter
from broker.adapter_kit.oauth import ClientProfile, TokenHabits, TokenLimits, TokenManager
from broker.adapter_kit.transport import Transport, TransportLimits, open_transport
from broker.clock import Clock
from broker.errors import Misconfigured

_GROUP = "broker.adapters"
ImportKey = Callable[[str, SigningAlgorithm, str], SigningKey]


class Surroundings(msgspec.Struct, frozen=True):
    """What every adapter of a process shares: the clock, the source of randomness, the kind of HTTP client.

    ``random`` should be ``random.SystemRandom()`` outside of tests: it makes the ``jti`` of assertions. ``import_key``
    reads private keys; whoever opens one operator many times may hand in one that remembers, for RSA keys take 50 ms.
    """

    clock: Clock
    random: Random
    http_client: Literal["aiohttp", "httpx"] = "aiohttp"
    import_key: ImportKey = import_signing_key


def open_adapter(operator: str, settings: OperatorSettings, surroundings: Surroundings) -> Adapter:
    """The adapter for one operator: its package's own ``adapter.build(parts)`` where there is one, else the manifest's.

    No connection is opened before the first question.

    Raises:
        Misconfigured: adapter unknown, manifest wrong, or a credential that it needs is missing or unfit.
    """
    package = package_of(settings.adapter)
    limits = TransportLimits(connections_max=settings.connections_max, body_bytes_max=settings.body_bytes_max)
    transport = open_transport(surroundings.http_client, limits)
    parts = assemble(operator, load_manifest(package), settings, transport, surroundings)
    return build(package, parts)


def package_of(adapter: str) -> str:
    """The package that holds the manifest of an installed adapter.

    Raises:
        Misconfigured: nothing is registered under that name; says what is.
    """
    found = {point.name: point.value for point in entry_points(group=_GROUP)}
    if adapter not in found:
        raise Misconfigured(f"no adapter {adapter!r} is installed; there are {', '.join(sorted(found)) or 'none'}")
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
    _refuse_missing_secrets(operator, manifest, settings)
    limits = TokenLimits(settings.token_timeout_ms / 1000, settings.tokens_max)
    fields = {**manifest.headers, **settings.headers}
    key = _api_key(manifest, settings)
    profile = _profile(manifest, settings, surroundings, encoded({**fields, **key("token")}))
    tokens = TokenManager(profile, transport, surroundings.clock, surroundings.random, limits)
    headers = encoded({**fields, **key("apis")})
    return AdapterParts(operator, manifest, settings, transport, tokens, surroundings.clock, headers)


def _refuse_missing_secrets(operator: str, manifest: Manifest, settings: OperatorSettings) -> None:
    needed = {
        "client_secret": manifest.needs_secret and settings.client_secret is None,
        "client_key": manifest.needs_key and settings.client_key is None,
        "api_key": manifest.api_key is not None and settings.api_key is None,
    }
    for name, missing in needed.items():
        if missing:
            raise Misconfigured(f"operator {operator}: adapter {manifest.name} needs {name}; name a file or variable")


def _api_key(manifest: Manifest, settings: OperatorSettings) -> Callable[[str], dict[str, str]]:
    """The header that carries the gateway's key to ``token`` or ``apis``, if it goes there. Read once, at start."""
    if manifest.api_key is None or settings.api_key is None:
        return lambda _: {}
    wanted, value = manifest.api_key, manifest.api_key.prefix + settings.api_key.read()
    if not (value.isascii() and value.isprintable()):
        raise Misconfigured(f"{settings.api_key}: a key of a gateway is printable ASCII on one line")
    return lambda place: {wanted.header: value} if wanted.sent_to in {place, "both"} else {}


def _profile(
    manifest: Manifest, settings: OperatorSettings, surroundings: Surroundings, headers: Headers
) -> ClientProfile:
    oauth = manifest.oauth
    token_url = settings.token_url or settings.base_url + oauth.token_path
    return ClientProfile(
        token_url=token_url,
        client_id=settings.client_id,
        scope_template=oauth.scope_template,
        secret=settings.client_secret.read() if manifest.needs_secret and settings.client_secret else None,
        signer=_signer(manifest, settings, token_url, surroundings) if manifest.needs_key else None,
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
    )


def _signer(
    manifest: Manifest, settings: OperatorSettings, token_url: str, surroundings: Surroundings
) -> AssertionSigner | None:
    if settings.client_key is None:
        return None
    oauth = manifest.oauth
    audience = token_url if oauth.assertion_audience == "endpoint" else settings.issuer or settings.base_url
    key = surroundings.import_key(settings.client_key.read(), oauth.assertion_alg, str(settings.client_key))
    style = AssertionStyle(oauth.assertion_alg, audience, oauth.assertion_lifetime_s)
    return AssertionSigner(key, settings.client_key_id, style, surroundings.clock, surroundings.random)


def _refuse_unknown_prices(operator: str, manifest: Manifest, settings: OperatorSettings) -> None:
    if settings.price is None:
        return
    strange = set(settings.price.per_call) - {capability.api for capability in manifest.capabilities}
    if strange:
        raise Misconfigured(f"operator {operator}: price names {', '.join(sorted(strange))}, which it does not offer")
