"""``make bench``: what knowing and counting a caller costs, beside many other tenants. Its section is in RESULTS.md.

In one process, through the use cases as they are built, over a real database: microseconds of processor time a request.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from joserfc.jwk import ECKey

from broker.bootstrap.consuming import Consuming, administration
from broker.clock import SystemClock
from broker.consumers.limits import Limits
from broker.domain.credential import Presented
from broker.operators.contracts import Contracts
from broker.privacy.pseudonyms import Pseudonyms
from broker.settings import Settings
from broker.storage.store import Store
from broker.usecases.consumers.manage_clients import NewClient
from broker.usecases.consumers.manage_keys import NewKey
from tests.bench.__main__ import machine
from tests.bench.report import Target, cpu_us, target_table, write_section
from tests.support.databases import database, storing
from tests.support.oauth import ASSERTION_TYPE, jwks, now_s, sha256_of, signed

_REQUESTS, _ROUNDS = 500, 3
_TENANTS = int(os.environ.get("BENCH_TENANTS", "10000"))
_URL = "http://127.0.0.1:8080"
_PATH = "/v1/trust-checks"
_ROOMY = Limits(checks_per_minute=10**9, checks_per_day=10**9, agent_checks_per_minute=10**9)


_METHOD = """## Who calls

Microseconds of processor time for each request, in one process, through the use cases over SQLite: medians of {rounds}
rounds of {requests}. *Alone* there is one tenant; then {others:,} tenants with ten consumers each called a moment ago.
A *token and proof* is an access token with a DPoP proof of its own for each request; *three quotas* are those of
agent, consumer and tenant. *Cached* is a check from memory as above, 32 at once; it has a key and its quotas in it.

{date:%Y-%m-%d}, {machine}.

| what | alone, µs | beside the others, µs |
| --- | --- | --- |
"""


async def timed(calls: Sequence[Callable[[], Awaitable[object]]]) -> float:
    """Run calls one after the other; microseconds each."""
    begun = time.process_time()
    for call in calls:
        await call()
    return (time.process_time() - begun) / len(calls) * 1e6


async def main() -> None:
    """Measure alone, then beside many."""
    with tempfile.TemporaryDirectory() as folder, database("sqlite", Path(folder)) as url:
        async with storing(url) as store:
            await _measure(store, Path(folder))


async def _measure(store: Store, folder: Path) -> None:
    clock, pseudonyms = SystemClock(), Pseudonyms(os.urandom(32))
    contracts = Contracts({})
    managing = administration(store, clock, pseudonyms.sealing_key(), contracts.names_of)
    consuming = Consuming(Settings(), folder, store, pseudonyms, contracts, clock)
    await managing.tenants.create(None, "acme", _ROOMY)
    key = (await managing.tenants.create_key(None, NewKey("acme", "shop", "till", ("trust:check",), None))).key
    signing = ECKey.generate_key("P-256")
    client = await managing.clients.register(
        None, NewClient(tenant="acme", consumer="shop", agent="till", jwks=jwks(signing), scopes=("trust:check",))
    )
    by_key = Presented(f"Bearer {key}", path=_PATH)
    principal = await consuming.who_calls(by_key)

    async def round_() -> dict[str, float]:
        token, proofs = await _bound(consuming, client.client_id, signing)
        presented = [Presented(f"DPoP {token}", (proof,), "POST", _PATH) for proof in proofs]
        return {
            "key": await timed([lambda: consuming.who_calls(by_key)] * _REQUESTS),
            "token and proof": await timed([partial(consuming.who_calls, one) for one in presented]),
            "three quotas": await timed([lambda: consuming.quotas.take(principal)] * _REQUESTS),
        }

    alone = [await round_() for _ in range(_ROUNDS)]
    await _crowd(consuming, managing.tenants.create_key, store)
    await consuming.who_calls(by_key)
    _write(alone, [await round_() for _ in range(_ROUNDS)])


def _write(alone: Sequence[dict[str, float]], beside: Sequence[dict[str, float]]) -> None:
    def median(of: Sequence[dict[str, float]], what: str) -> float:
        return statistics.median(one[what] for one in of)

    rows = [f"| {what} | {median(alone, what):.1f} | {median(beside, what):.1f} |" for what in alone[0]]
    for row in rows:
        sys.stdout.write(f"{row}\n")
    head = _METHOD.format(
        rounds=_ROUNDS, requests=_REQUESTS, others=_TENANTS, date=datetime.now(UTC), machine=machine()
    )
    dear_us, cheap_us = (median(beside, what) for what in ("token and proof", "key"))
    cached_us = cpu_us("cached")
    whole_us = cached_us - cheap_us + dear_us
    share = (dear_us + median(beside, "three quotas")) / whole_us
    targets = [Target("token, proof and quotas, share of a cached check with them", share, 0.15, at_most=True)]
    for what in alone[0]:
        ratio = median(beside, what) / median(alone, what)
        targets.append(Target(f"{what}, beside the others / alone", ratio, 1.2, at_most=True))
    write_section(head + "\n".join(rows), "", target_table(targets, "###"))


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
