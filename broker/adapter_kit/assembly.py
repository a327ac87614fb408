"""From a file in ``config/operators`` to a live adapter: manifest, credentials, transport, tokens."""

import importlib
import importlib.util
from importlib.metadata import entry_points
from random import Random
from typing import Literal

import msgspec

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.assertions import AssertionSigner, AssertionStyle, import_signing_key
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.manifest import Manifest, load_manifest
from broker.adapter_kit.manifest_adapter import AdapterParts, ManifestAdapter
from broker.adapter_kit.oauth import ClientProfile, TokenLimits, TokenManager
from broker.adapter_kit.transport import Transport, TransportLimits, open_transport
from broker.clock import Clock
from broker.errors import Misconfigured

_GROUP = "broker.adapters"


class Surroundings(msgspec.Struct, frozen=True):
    """What every adapter of a process shares: the clock, the source of randomness, the kind of HTTP client.

    ``random`` should be ``random.SystemRandom()`` outside of tests: it makes the ``jti`` of assertions.
    """

    clock: Clock
    random: Random
    http_client: Literal["aiohttp", "httpx"] = "aiohttp"


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
    # An entry point is as trusted as our own code: whoever can install one can already run anything here.
    if importlib.util.find_spec(f"{package}.adapter") is None:
        return ManifestAdapter(parts)
    adapter: Adapter = importlib.import_module(f"{package}.adapter").build(parts)
    return adapter


def package_of(adapter: str) -> str:
    """The package that holds the manifest of an installed adapter.

    Raises:
        Misconfigured: nothing is registered under that name; says what is.
    """
    found = {point.name: point.value for point in entry_points(group=_GROUP)}
    if adapter not in found:
        raise Misconfigured(f"no adapter {adapter!r} is installed; there are {', '.join(sorted(found)) or 'none'}")
    return found[adapter]


def assemble(
    operator: str, manifest: Manifest, settings: OperatorSettings, transport: Transport, surroundings: Surroundings
) -> AdapterParts:
    """The parts of an adapter over a given transport.

    Raises:
        Misconfigured: a credential that the manifest needs is missing or unfit, or a price names an API not offered.
    """
    _refuse_unknown_prices(operator, manifest, settings)
    limits = TokenLimits(settings.token_timeout_ms / 1000, settings.tokens_max)
    profile = _profile(operator, manifest, settings, surroundings)
    tokens = TokenManager(profile, transport, surroundings.clock, surroundings.random, limits)
    return AdapterParts(operator, manifest, settings, transport, tokens, surroundings.clock)


def _profile(
    operator: str, manifest: Manifest, settings: OperatorSettings, surroundings: Surroundings
) -> ClientProfile:
    if manifest.needs_secret and settings.client_secret is None:
        raise Misconfigured(
            f"operator {operator}: adapter {manifest.name} needs client_secret; name a file or variable"
        )
    if manifest.needs_key and settings.client_key is None:
        raise Misconfigured(f"operator {operator}: adapter {manifest.name} needs client_key; name a file or variable")
    token_url = settings.token_url or settings.base_url + manifest.oauth.token_path
    secret = settings.client_secret.read() if manifest.needs_secret and settings.client_secret else None
    signer = _signer(manifest, settings, token_url, surroundings) if manifest.needs_key else None
    oauth = manifest.oauth
    return ClientProfile(token_url, settings.client_id, oauth.scope_template, secret, signer, oauth.ttl_unsaid_s)


def _signer(
    manifest: Manifest, settings: OperatorSettings, token_url: str, surroundings: Surroundings
) -> AssertionSigner | None:
    if settings.client_key is None:
        return None
    oauth = manifest.oauth
    audience = token_url if oauth.assertion_audience == "endpoint" else settings.issuer or settings.base_url
    key = import_signing_key(settings.client_key.read(), oauth.assertion_alg, str(settings.client_key))
    style = AssertionStyle(oauth.assertion_alg, audience, oauth.assertion_lifetime_s)
    return AssertionSigner(key, settings.client_key_id, style, surroundings.clock, surroundings.random)


def _refuse_unknown_prices(operator: str, manifest: Manifest, settings: OperatorSettings) -> None:
    if settings.price is None:
        return
    strange = set(settings.price.per_call) - {capability.api for capability in manifest.capabilities}
    if strange:
        raise Misconfigured(f"operator {operator}: price names {', '.join(sorted(strange))}, which it does not offer")
