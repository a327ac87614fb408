"""A real adapter against a pretend operator over real HTTP, as its manifest and one test's changes say."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any

from joserfc.jwk import ECKey

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.adapter_kit.assembly import Surroundings, assemble
from broker.adapter_kit.deployment import OperatorSettings, SecretRef
from broker.adapter_kit.manifest import Manifest
from broker.adapter_kit.manifest_adapter import ManifestAdapter
from broker.adapter_kit.transport import TransportLimits, open_transport
from broker.clock import Clock, SystemClock
from broker.domain.check import Circle
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Signal, SignalName
from tests.support.mock_operator import API_KEY, SECRET, RunningOperator

CORRELATOR = "5f0c1d6e-1111-4222-8333-444455556666"


@asynccontextmanager
async def adapter_for(
    operator: RunningOperator, folder: Path, manifest: Mapping[str, Any], *, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[Adapter]:
    """An adapter with the credentials that the running operator knows, in the operator's time where that is given."""
    key = operator.client.key
    assert isinstance(key, ECKey)
    contents = {"client_secret": SECRET.encode(), "api_key": API_KEY.encode(), "client_key": key.as_pem(private=True)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    given = {
        "adapter": "mock",
        "base_url": operator.url,
        "client_id": operator.client.id,
        "client_key_id": key.kid,
        **{name: SecretRef(file=folder / name) for name in contents},
        **settings,
    }
    parts = assemble(
        "pretend",
        Manifest.model_validate({"name": "pretend", "title": "Pretend", **manifest}),
        OperatorSettings.model_validate(given),
        open_transport("aiohttp", TransportLimits()),
        Surroundings(clock or SystemClock(), SystemRandom()),
    )
    adapter = ManifestAdapter(parts)
    try:
        yield adapter
    finally:
        await adapter.aclose()


async def ask(adapter: Adapter, signal: SignalName, number: str, **changes: Any) -> Signal:
    """Put one question, five seconds before its deadline."""
    given = {
        "signal": signal,
        "phone": PhoneNumber.parse(number),
        "purpose": "FraudPreventionAndDetection",
        "correlator": CORRELATOR,
        "deadline_s": time.monotonic() + 5,
        "location": Circle(48.2082, 16.3738, 2000.0),
    }
    return await adapter.observe(SignalQuery(**{**given, **changes}))
