"""A process that asks one question over CIBA and is then killed, or not: `python -m tests.contract.asked_once`.

Arguments: database URL, operator URL, key file, number, and `die` to be killed with the answer in hand.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from random import SystemRandom
from typing import Any

from broker.adapter_kit.adapter import SignalQuery
from broker.adapter_kit.assembly import Surroundings, assemble
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.manifest import Manifest
from broker.adapter_kit.manifest_adapter import ManifestAdapter
from broker.adapter_kit.transport import TransportLimits, open_transport
from broker.clock import SystemClock
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Observed, SignalName
from broker.operators.pending import DurablePending
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.store import open_store


async def ask(database: str, operator: str, key: Path, number: str) -> str:
    """What the answer is: `observed`, or a reason and its code."""
    clock, store = SystemClock(), await open_store(database)
    pseudonyms = Pseudonyms(b"r" * 32)
    around = Surroundings(clock, SystemRandom(), pending=DurablePending(store), digest=pseudonyms.digest)
    capability = {"api": "sim-swap", "version": "2.1.0", "flow": "ciba"}
    manifest = Manifest.model_validate({"name": "mock", "title": "Alba", "capabilities": [capability]})
    given: dict[str, Any] = {
        "adapter": "mock",
        "base_url": operator,
        "client_id": "trust-broker",
        "client_key_id": "ours",
        "token_timeout_ms": 10_000,
        "attempt_timeout_ms": 10_000,
    }
    settings = OperatorSettings.model_validate(given | {"client_key": {"file": key}})
    adapter = ManifestAdapter(
        assemble("alba", manifest, settings, open_transport("aiohttp", TransportLimits()), around)
    )
    question = SignalQuery(
        signal=SignalName.SIM_SWAP,
        phone=PhoneNumber(number),
        purpose="FraudPreventionAndDetection",
        correlator="5f0c1d6e-1111-4222-8333-444455556666",
        deadline_s=clock.monotonic_s() + 30,
        tenant="acme",
        consumer="app",
    )
    answer = await adapter.observe(question)
    said = "observed" if isinstance(answer, Observed) else f"{answer.reason} {answer.code}"
    sys.stdout.write(said)
    sys.stdout.flush()
    if "die" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    await adapter.aclose()
    await store.aclose()
    return said


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
