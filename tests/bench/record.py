"""``make bench``: a transparency log of a million leaves. Its section is in RESULTS.md."""

import asyncio
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from broker.audit import log_key
from broker.audit.leaf import LeafBody, encode, leaf_hash
from broker.audit.log_key import LogKey
from broker.audit.signed_memory import SignedMemory
from broker.clock import SystemClock
from broker.domain.check import Principal
from broker.storage.store import Store, open_store
from broker.usecases.audit.prove_log import ProveLog
from broker.usecases.audit.sequence_log import SequenceLog
from broker.usecases.audit.sign_log import SignLog
from tests.bench.__main__ import machine
from tests.bench.report import Target, cpu_us, target_table, write_section
from tests.support.databases import fresh_database, sqlite_path

_LEAVES = int(os.environ.get("BENCH_LEAVES", "1000000"))
_PROOFS = 300
_READER = Principal("bench", "bench", None, frozenset({"trust:check"}), "")
_METHOD = """## The transparency log

A log of {leaves:,} leaves on SQLite, taken in and signed by the broker's code in one
process. *Append* is processor time for each leaf, sequencing and the second reading before signing together; the share
is of what a check costs above (*full*, 32 at once). A proof is a call of the use case, its reads included, for a random
entry or size.

{date:%Y-%m-%d}, {machine}.
"""


class Taken(NamedTuple):
    """Milliseconds for each proof, least first: by the clock on the wall, and of processor time in all threads."""

    wall_ms: list[float]
    cpu_ms: list[float]


def main() -> None:
    """Fill, append, prove, write."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        url = fresh_database("sqlite", folder)
        _fill(sqlite_path(url))
        asyncio.run(_measured(url, folder))


def _fill(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA synchronous=OFF")
        database.executemany(
            "INSERT INTO log_leaves (tenant, check_id, leaf_hash, body) VALUES ('bench', ?, ?, ?)", _leaves()
        )


def _leaves() -> Iterator[tuple[str, bytes, bytes]]:
    for number in range(_LEAVES):
        body = _body(number)
        yield _name(number), leaf_hash(body), body


def _name(number: int) -> str:
    return f"chk_{number:026}"


def _body(number: int) -> bytes:
    words: dict[str, Any] = dict.fromkeys(LeafBody.__struct_fields__, "a code of some length")
    words |= {"check": _name(number), "reasons": ("SIM_CHANGED_24H",), "gates": ("SIM_CHANGED_24H",)}
    words |= {"at": datetime(2026, 11, 23, tzinfo=UTC), "v": 1, "revision": 0}
    return encode(LeafBody(**{name: words[name] for name in LeafBody.__struct_fields__}))


async def _measured(url: str, folder: Path) -> None:
    store = await open_store(url)
    try:
        key = LogKey(log_key.generate_pem(), "bench.example/log")
        append_us = await _append(store, key, folder)
        prove, some = ProveLog(store.log, key), random.Random(7)
        inclusion = await _timed(lambda: prove.inclusion(_READER, _name(some.randrange(_LEAVES))))
        consistency = await _timed(lambda: prove.consistency(_READER, some.randrange(1, _LEAVES), None))
    finally:
        await store.aclose()
    _write(append_us, inclusion, consistency)


async def _append(store: Store, key: LogKey, folder: Path) -> float:
    sequence = SequenceLog(store.log, SystemClock())
    sign = SignLog(store.log, key, SignedMemory(folder / "log.signed"))
    before_s = time.process_time()
    while (await store.log.head()).size < _LEAVES:
        await sequence()
        await sign()
    newest = await store.log.newest_signed()
    while newest is None or newest.size < _LEAVES:
        await sign()
        newest = await store.log.newest_signed()
    return (time.process_time() - before_s) / _LEAVES * 1e6


async def _timed(prove: Callable[[], Awaitable[object]]) -> Taken:
    wall_ms, cpu_ms = [], []
    for _ in range(_PROOFS):
        started_s, spent_s = time.perf_counter(), time.process_time()
        await prove()
        wall_ms.append((time.perf_counter() - started_s) * 1000)
        cpu_ms.append((time.process_time() - spent_s) * 1000)
    return Taken(sorted(wall_ms), sorted(cpu_ms))


def _write(append_us: float, inclusion: Taken, consistency: Taken) -> None:
    check_us = cpu_us("full")
    p99 = int(_PROOFS * 0.99) - 1
    targets = [
        Target("append / check, processor time", append_us / check_us, 0.15, at_most=True),
        Target("inclusion proof, median, ms", statistics.median(inclusion.wall_ms), 5.0, at_most=True),
        Target("inclusion proof, 99 of 100, processor time, ms", inclusion.cpu_ms[p99], 5.0, at_most=True),
        Target("consistency proof, median, ms", statistics.median(consistency.wall_ms), 5.0, at_most=True),
        Target("consistency proof, 99 of 100, processor time, ms", consistency.cpu_ms[p99], 5.0, at_most=True),
    ]
    head = _METHOD.format(leaves=_LEAVES, date=datetime.now(UTC), machine=machine())
    figures = (
        f"Append: {append_us:.0f} µs a leaf, where a check takes {check_us:,.0f} µs. By the clock 99 of 100 inclusion\n"
        f"proofs took at most {inclusion.wall_ms[p99]:.1f} ms, with whatever else the machine was doing.\n"
    )
    write_section(head, target_table(targets, "###"), figures)


if __name__ == "__main__":
    main()
