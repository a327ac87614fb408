"""``make bench``: what offering, starting, answering and expiring challenges costs; see RESULTS.md.

Two databases of each kind, one with a hundred open challenges and one with a hundred thousand, are worked on in turn by
the broker's own store and rules, so that both see the same machine; the ratio of the medians is what counts. On SQLite
it is processor time, which is all of it in our process; on PostgreSQL time by the clock, for the work is the server's.
"""

import asyncio
import hashlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec

from broker.bootstrap.files import consent_gate
from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState
from broker.domain.decision import ActionClass
from broker.domain.evidence import Evidence
from broker.domain.route import Route, RouteBasis
from broker.policy.rules import StepUpMethod
from broker.policy.what_if import WhatIf
from broker.step_up import rules
from broker.step_up.offer import Lifetimes
from broker.storage.policy_store import Entry
from broker.storage.store import Store
from broker.usecases.step_up.find_ways import FindWays
from tests.bench.__main__ import machine
from tests.bench.report import Target, cpu_us, target_table, write_section
from tests.stories.test_reviews_survive import HELD, HELD_BYTES_MAX, held, set_scene
from tests.support.broker import CONFIG
from tests.support.databases import BACKENDS, database, storing
from tests.unit.policy.kit import NOW, shipped, table
from tests.unit.policy.population import people

FEW, MANY = 100, 100_000
TURNS, _WARM = 500, 100
RATIO_MAX, SHARE_MAX = 1.2, 0.05
PEOPLE = 2_000
_AT_ONCE = 500
_NOW_MS = 1_790_000_000_000
_METHOD = """## Proving more

*Offering* is looking for the ways of a decision, processor time, as a share of what a
check costs above (*full*, 32 at once). *Starting*, *answering* and *expiring* are the broker's own store and rules over
a database with {many:,} open challenges, in turn with one that has {few:,}: medians of {turns} turns, on
SQLite of processor time, on PostgreSQL by the clock. *Held calls* are long polls of one process: by how much it grows.

{date:%Y-%m-%d}, {machine}.
"""


class Side(NamedTuple):
    """One database, and names for what is put into it."""

    store: Store
    ids: Iterator[int]

    def challenge(self, *, due_ms: int = _NOW_MS + 120_000) -> Challenge:
        """A new one about a person of their own."""
        number = next(self.ids)
        return Challenge(
            tenant="acme",
            challenge_id=f"chg_{number:010}",
            check_id=f"chk_{number:010}",
            revision=0,
            subject=hashlib.md5(number.to_bytes(16, "big"), usedforsecurity=False).digest(),
            method="sms_otp",
            state=ChallengeState.STARTED,
            version=1,
            consumer="shop",
            agent="till",
            opened_ms=_NOW_MS,
            expires_ms=due_ms,
            due_ms=due_ms,
            attempts_left=3,
            sealed=b"s" * 200,
            link=hashlib.sha256(number.to_bytes(16, "big")).digest(),
        )

    async def open(self, challenge: Challenge) -> None:
        await self.store.challenges.open(challenge, self.leaf())

    def leaf(self) -> Entry:
        return Entry(f"cev_{next(self.ids):010}", b"{}", b"h" * 32)


async def start(side: Side) -> None:
    """What starting one asks of the database."""
    challenge = side.challenge()
    await side.store.challenges.lately("acme", challenge.subject, _NOW_MS - 3_600_000, 6)
    await side.store.challenges.of_check("acme", challenge.check_id)
    await side.open(challenge)


async def answer(side: Side) -> None:
    """The same of an answer that meets it."""
    store = side.store.challenges
    challenge = side.challenge()
    await side.open(challenge)
    found = await store.find("acme", challenge.challenge_id)
    taken = rules.take_attempt(found or challenge, _NOW_MS)
    await store.move(taken)
    ended = rules.end(taken, ChallengeState.MET, None, _NOW_MS, due_ms=_NOW_MS + 5_000)
    await store.move(ended, side.leaf())
    await store.move(rules.followed(ended))


async def expire(side: Side) -> None:
    """The same of one whose time is over."""
    await side.open(side.challenge(due_ms=_NOW_MS))
    for due in await side.store.challenges.due(_NOW_MS, 200):
        ended = rules.end(due, ChallengeState.EXPIRED, ChallengeCode.TIMED_OUT, _NOW_MS)
        await side.store.challenges.move(ended, side.leaf())


WORK: dict[str, Callable[[Side], Awaitable[None]]] = {"starting": start, "answering": answer, "expiring": expire}


async def filled(store: Store, many: int) -> Side:
    """A database with so many open challenges, none of them due."""
    side = Side(store, count(1))
    for _ in range(0, many, _AT_ONCE):
        await asyncio.gather(*(side.open(side.challenge()) for _ in range(min(_AT_ONCE, many))))
    return side


async def ratios(backend: str) -> dict[str, tuple[float, float]]:
    """Of each kind of work: microseconds with few, and how many times that with many."""
    clock = time.process_time if backend == "sqlite" else time.perf_counter
    with tempfile.TemporaryDirectory() as folder, ExitStack() as databases:
        async with AsyncExitStack() as stack:
            sides = []
            for many in (FEW, MANY):
                at = Path(folder) / str(many)
                at.mkdir()
                url = databases.enter_context(database(backend, at))
                async with storing(url) as store:  # closed again, so that nobody pays for the filling
                    ids = (await filled(store, many)).ids
                sides.append(Side(await stack.enter_async_context(storing(url)), ids))
            return {name: await _ratio(sides, work, clock) for name, work in WORK.items()}


async def _ratio(
    sides: list[Side], work: Callable[[Side], Awaitable[None]], clock: Callable[[], float]
) -> tuple[float, float]:
    taken: list[list[float]] = [[], []]
    for turn in range(TURNS):
        for number in (0, 1) if turn % 2 else (1, 0):
            begun = clock()
            await work(sides[number])
            taken[number].append((clock() - begun) * 1e6)
    few, many = (statistics.median(times[_WARM:]) for times in taken)
    return few, many / few


def offering_us() -> float:
    """Looking for the ways of one decision, as the shipped configuration has it; the median."""
    document = shipped()["payment"]
    class_rules = document.rules(ActionClass.MEDIUM)
    gate = consent_gate(CONFIG / "purposes.toml")
    find = FindWays(lambda _: None, {}, gate, Lifetimes(3600, 300, 3600))
    around = msgspec.structs.replace(find._around((), "FraudPreventionAndDetection"), able=frozenset(StepUpMethod))
    find._kept[("alba",), "FraudPreventionAndDetection"] = around
    route, taken = Route(RouteBasis.RANGE, sources=("alba",)), []
    for person in people(table(), PEOPLE, attacks=0.2, seed=1):
        weighing = WhatIf(table(), document, class_rules, NOW)
        evidence = Evidence.of(one for one in person.truth.signals if one.name in class_rules.wanted)
        decision = weighing.decide(evidence, weighing.assess(evidence))
        begun_ns = time.thread_time_ns()
        find(decision, evidence, route, "FraudPreventionAndDetection", NOW)
        taken.append((time.thread_time_ns() - begun_ns) / 1000)
    return statistics.median(taken)


def main() -> None:
    """Measure and write the section."""
    check_us, offering = cpu_us("full"), offering_us()
    targets = [Target("offering / check, processor time", offering / check_us, SHARE_MAX, at_most=True)]
    with tempfile.TemporaryDirectory() as folder, set_scene("sqlite", Path(folder)) as scene:
        grown, _ = held(scene)
    targets.append(Target(f"{HELD:,} held calls, MB", grown / 1e6, HELD_BYTES_MAX / 1e6, at_most=True))
    words = [f"Offering: {offering:.0f} µs of {check_us:,.0f} µs. With {FEW} open:", ""]
    for backend in BACKENDS:
        for name, (few_us, ratio) in asyncio.run(ratios(backend)).items():
            targets.append(Target(f"{name}, {MANY:,} open / {FEW}, {backend}", ratio, RATIO_MAX, at_most=True))
            words.append(f"- {name} on {backend}: {few_us:,.0f} µs")
    head = _METHOD.format(few=FEW, many=MANY, turns=TURNS, date=datetime.now(UTC), machine=machine())
    table = target_table(targets, "###")
    write_section(head, table, "\n".join(words))
    print(table)  # noqa: T201


if __name__ == "__main__":
    main()
