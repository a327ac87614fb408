"""An adapter of ours and a pretend operator, over real HTTP, for the flows in which a person takes part."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any

from joserfc.jwk import ECKey

from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.keys import ClientKeys
from adapters.mock.operator.profile import Profile, load_profile
from broker.adapter_kit.adapter import SignalQuery
from broker.adapter_kit.assembly import Surroundings, assemble, tls_context
from broker.adapter_kit.ciba import PendingMemory, PendingStore
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.manifest import Manifest
from broker.adapter_kit.manifest_adapter import ManifestAdapter
from broker.adapter_kit.transport import TransportLimits, open_transport
from broker.domain.phone import PhoneNumber
from broker.domain.signal import SignalName
from tests.support.clocks import HandClock
from tests.support.mock_operator import JwksBytes
from tests.unit.adapter_kit.pretend import plain_digest

REDIRECT_URI = "http://127.0.0.1:8080/v1/step-up/callback"
KEY = ECKey.generate_key("P-256", {"kid": "ours"})


def client_of(profile: Profile, secret_digest: bytes | None = None) -> Client:
    return Client(profile.clients[0], ClientKeys(JwksBytes([KEY])), secret_digest)


def profile(**changes: Any) -> Profile:
    return load_profile("alba").model_copy(update=changes)


def manifest(*capabilities: dict[str, Any], **oauth: Any) -> Manifest:
    return Manifest.model_validate(
        {"name": "mock", "title": "Alba", "oauth": {"answers_with_issuer": True, **oauth}, "capabilities": capabilities}
    )


SIM_SWAP = {"api": "sim-swap", "version": "2.1.0", "flow": "ciba"}
VERIFICATION = {"api": "number-verification", "version": "2.1.0", "flow": "authorization_code"}


class Scene:
    """One of our adapters at an operator; `clock` is both sides'."""

    def __init__(
        self, url: str, clock: HandClock, folder: Path, store: PendingStore | None = None, *, key: ECKey = KEY
    ) -> None:
        self.url = url
        self._kid = key.kid
        self.clock = clock
        self.store = store or PendingMemory()
        self._key = folder / f"{key.kid}.pem"
        self._key.write_bytes(key.as_pem(private=True))

    @asynccontextmanager
    async def adapter(self, declared: Manifest, **own: Any) -> AsyncIterator[ManifestAdapter]:
        settings = OperatorSettings.model_validate(
            {
                "adapter": "mock",
                "base_url": self.url,
                "client_id": "trust-broker",
                "client_key": {"file": self._key},
                "client_key_id": self._kid,
                "redirect_uri": REDIRECT_URI,
                # A busy machine must not look like an operator that is slow.
                "attempt_timeout_ms": 10_000,
                "token_timeout_ms": 10_000,
                **own,
            }
        )
        transport = open_transport("aiohttp", TransportLimits(), tls=tls_context("alba", settings))
        around = Surroundings(self.clock, SystemRandom(), pending=self.store, digest=plain_digest)
        adapter = ManifestAdapter(assemble("alba", declared, settings, transport, around))
        try:
            yield adapter
        finally:
            await adapter.aclose()

    def query(self, signal: SignalName, number: str, **changes: Any) -> SignalQuery:
        given: dict[str, Any] = {
            "signal": signal,
            "phone": PhoneNumber(number),
            "purpose": "FraudPreventionAndDetection",
            "correlator": "5f0c1d6e-1111-4222-8333-444455556666",
            "deadline_s": self.clock.monotonic_s() + 20.0,
            "tenant": "acme",
            "consumer": "app",
        }
        return SignalQuery(**{**given, **changes})
