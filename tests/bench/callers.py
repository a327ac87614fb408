"""``python -m tests.bench.callers``: what knowing and counting a caller costs, beside many other tenants and consumers.

In one process, through the use cases as they are built, over a real database: microseconds of processor time a request.
"""

import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from joserfc.jwk import ECKey

from broker.bootstrap.consuming import Consuming, administration
from broker.clock import SystemClock
from broker.consumers.limits import Limits
from broker.domain.credential import Presented
from broker.privacy.pseudonyms import Pseudonyms
from broker.settings import Settings
from broker.storage.store import Store
from broker.usecases.consumers.manage_clients import NewClient
from broker.usecases.consumers.manage_keys import NewKey
from tests.support.databases import database, storing
from tests.support.oauth import ASSERTION_TYPE, jwks, now_s, sha256_of, signed

_REQUESTS = 500
_TENANTS = int(os.environ.get("BENCH_TENANTS", "1000"))
_URL = "http://127.0.0.1:8080"
_PATH = "/v1/trust-checks"
_ROOMY = Limits(checks_per_minute=10**9, checks_per_day=10**9, agent_checks_per_minute=10**9)


async def timed(name: str, calls: Sequence[Callable[[], Awaitable[object]]]) -> float:
    """Run calls one after the other; microseconds each."""
    begun = time.process_time()
    for call in calls:
        await call()
    each_us = (time.process_time() - begun) / len(calls) * 1e6
    sys.stdout.write(f"{name:<40} {each_us:8.1f} µs\n")
    return each_us


async def main() -> None:
    """Measure alone, then beside many."""
    with tempfile.TemporaryDirectory() as folder, database("sqlite", Path(folder)) as url:
        async with storing(url) as store:
            await _measure(store, Path(folder))


async def _measure(store: Store, folder: Path) -> None:
    clock, pseudonyms = SystemClock(), Pseudonyms(os.urandom(32))
    managing = administration(store, clock, pseudonyms.sealing_key())
    consuming = Consuming(Settings(), folder, store, pseudonyms, clock)
    await managing.tenants.create(None, "acme", _ROOMY)
    key = (await managing.tenants.create_key(None, NewKey("acme", "shop", "till", ("trust:check",), None))).key
    signing = ECKey.generate_key("P-256")
    client = await managing.clients.register(
        NewClient(tenant="acme", consumer="shop", agent="till", jwks=jwks(signing), scopes=("trust:check",))
    )
    by_key = Presented(f"Bearer {key}", path=_PATH)
    principal = await consuming.who_calls(by_key)

    async def round_(words: str) -> None:
        token, proofs = await _bound(consuming, client.client_id, signing)
        presented = [Presented(f"DPoP {token}", (proof,), "POST", _PATH) for proof in proofs]
        await timed(f"key, {words}", [lambda: consuming.who_calls(by_key)] * _REQUESTS)
        await timed(f"token and proof, {words}", [partial(consuming.who_calls, one) for one in presented])
        await timed(f"three quotas, {words}", [lambda: consuming.quotas.take(principal)] * _REQUESTS)

    await round_("alone")
    await _crowd(consuming, managing.tenants.create_key, store)
    await consuming.who_calls(by_key)
    await round_(f"beside {_TENANTS * 10:,} others")


async def _bound(consuming: Consuming, client_id: str, signing: ECKey) -> tuple[str, list[str]]:
    """A token, and proofs of its key, each for one request."""
    holder = ECKey.generate_key("P-256")
    header = {"typ": "dpop+jwt", "jwk": holder.as_dict(private=False)}

    def proof(path: str, nonce: str | None, **more: str) -> str:
        claims = {"htm": "POST", "htu": _URL + path, "iat": now_s(), "jti": uuid.uuid4().hex, **more}
        return signed(claims | ({"nonce": nonce} if nonce else {}), holder, header)

    nonce = None
    for _ in range(2):
        claims = {"iss": client_id, "sub": client_id, "aud": _URL, "exp": now_s() + 60, "jti": uuid.uuid4().hex}
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": signed(claims, signing),
        }
        proven = Presented(None, (proof("/oauth/token", nonce),), "POST", "/oauth/token")
        answer = await consuming.issue_token.issue(form, proven)
        nonce = answer.headers.get("DPoP-Nonce", nonce)
    token = answer.body["access_token"]
    return token, [proof(_PATH, nonce, ath=sha256_of(token)) for _ in range(_REQUESTS)]


async def _crowd(consuming: Consuming, create_key: Callable[..., Awaitable[object]], store: Store) -> None:
    """Other tenants with ten consumers each, all of whom called a moment ago."""
    for first in range(0, _TENANTS, 10):
        names = [f"other-{number}" for number in range(first, first + 10)]
        await asyncio.gather(*(store.ensure_tenant(name, 1) for name in names))
        wanted = [NewKey(name, f"shop-{n}", "till", ("trust:check",), None) for name in names for n in range(10)]
        made = await asyncio.gather(*(create_key(None, each) for each in wanted))
        for one in made:
            await consuming.who_calls(Presented(f"Bearer {getattr(one, 'key', '')}", path=_PATH))


if __name__ == "__main__":
    asyncio.run(main())
