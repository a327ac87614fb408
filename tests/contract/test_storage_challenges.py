"""The contract of challenges: of many who change one at once exactly one does; secrets are found by their digests."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState
from broker.domain.privacy import RetentionMark
from broker.step_up import rules
from broker.storage.challenge_store import prompt_over
from broker.storage.policy_store import Entry
from broker.storage.refusal_store import Refusal
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, execute, storing

NOW_MS = 1_000_000


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def a_challenge(challenge_id: str = "chg_1", **changes: object) -> Challenge:
    challenge = Challenge(
        tenant="acme",
        challenge_id=challenge_id,
        check_id="chk_1",
        revision=0,
        subject=b"s" * 16,
        method="network_auth",
        state=ChallengeState.STARTED,
        version=1,
        consumer="shop",
        agent="till",
        opened_ms=NOW_MS,
        expires_ms=NOW_MS + 120_000,
        due_ms=NOW_MS + 120_000,
        attempts_left=3,
        sealed=b"sealed",
        link=challenge_id.encode(),
    )
    return msgspec.structs.replace(challenge, **changes)


def leaf(name: str) -> Entry:
    return Entry(name, b"{}", b"h" * 32)


async def test_what_was_kept_is_found(store: Store) -> None:
    challenge = a_challenge()
    await store.challenges.open(challenge, leaf("cev_1"))
    assert await store.challenges.find("acme", "chg_1") == challenge
    assert await store.challenges.find("other", "chg_1") is None
    assert await store.challenges.by_link(b"chg_1") == challenge
    assert await store.challenges.of_check("acme", "chk_1") == [challenge]
    assert await store.challenges.of_check("other", "chk_1") == []


async def test_a_link_and_a_ticket_serve_until_they_are_used(store: Store) -> None:
    await store.challenges.open(a_challenge(), leaf("cev_1"))
    opened = rules.open_link(a_challenge(), b"browser", b"ticket", b"more", NOW_MS)
    assert await store.challenges.move(opened)
    assert await store.challenges.by_link(b"chg_1") is None
    assert await store.challenges.by_ticket(b"ticket") == opened
    ended = rules.end(opened, ChallengeState.MET, None, NOW_MS)
    assert await store.challenges.move(ended, leaf("cev_2"))
    assert await store.challenges.by_ticket(b"ticket") is None


async def test_of_two_hundred_answers_at_once_one_is_looked_at(url: str, store: Store) -> None:
    await store.challenges.open(a_challenge(), leaf("cev_0"))
    async with storing(url) as other:
        nodes = (store, other)
        taken = rules.take_attempt(a_challenge(), NOW_MS)
        moves = [nodes[n % 2].challenges.move(taken, leaf(f"cev_{n + 1}")) for n in range(200)]
        assert sum(await asyncio.gather(*moves)) == 1
    assert len(await execute(url, "SELECT 1 FROM log_leaves")) == 2, "a change that lost leaves no trace"


async def test_what_is_over_is_due_until_it_is_closed(store: Store) -> None:
    for number in range(3):
        await store.challenges.open(a_challenge(f"chg_{number}", due_ms=NOW_MS + number), leaf(f"cev_{number}"))
    assert [one.challenge_id for one in await store.challenges.due(NOW_MS + 1, 10)] == ["chg_0", "chg_1"]
    first = a_challenge("chg_0", due_ms=NOW_MS)
    await store.challenges.move(rules.end(first, ChallengeState.EXPIRED, ChallengeCode.TIMED_OUT, NOW_MS))
    assert [one.challenge_id for one in await store.challenges.due(NOW_MS + 1, 10)] == ["chg_1"]


async def test_a_person_is_counted_within_their_tenant(store: Store) -> None:
    for number in range(4):
        await store.challenges.open(a_challenge(f"chg_{number}"), leaf(f"cev_{number}"))
    await store.challenges.open(a_challenge("chg_9", tenant="other"), leaf("cev_9"))
    assert await store.challenges.lately("acme", b"s" * 16, NOW_MS, 10) == 4
    assert await store.challenges.lately("acme", b"s" * 16, NOW_MS, 3) == 3
    assert await store.challenges.lately("acme", b"s" * 16, NOW_MS + 1, 10) == 0


async def test_of_many_prompts_at_once_one_may_ring_until_its_time_is_over(url: str, store: Store) -> None:
    prompts = [a_challenge(f"chg_{n}", method="operator_prompt", check_id=f"chk_{n}") for n in range(40)]
    until_ms = NOW_MS + 1000
    async with storing(url) as other:
        nodes = (store.challenges, other.challenges)
        opened = await asyncio.gather(
            *(nodes[n % 2].open_prompt(one, until_ms, leaf(f"cev_{n}")) for n, one in enumerate(prompts))
        )
    assert opened.count(True) == 1
    assert len(await execute(url, "SELECT 1 FROM challenges")) == 1
    assert len(await execute(url, "SELECT 1 FROM log_leaves")) == 1, "what lost leaves no trace"
    stranger = a_challenge("chg_other", tenant="other", method="operator_prompt")
    assert await store.challenges.open_prompt(stranger, until_ms, leaf("cev_s"))
    later = a_challenge("chg_later", opened_ms=until_ms)
    assert await store.challenges.open_prompt(later, until_ms + 1000, leaf("cev_l")), "taken over"


async def test_a_prompt_that_was_answered_makes_room(store: Store) -> None:
    first = a_challenge(method="operator_prompt")
    assert await store.challenges.open_prompt(first, NOW_MS + 1000, leaf("cev_1"))
    assert not await store.challenges.open_prompt(a_challenge("chg_2"), NOW_MS + 1000, leaf("cev_2"))
    opened = rules.open_prompt(first, b"sealed", NOW_MS, NOW_MS + 500)
    assert await store.challenges.move(opened)
    assert (await store.challenges.find("acme", "chg_1")) == opened, "with its new end"
    denied = rules.end(opened, ChallengeState.FAILED, ChallengeCode.DENIED, NOW_MS)
    assert await store.challenges.move(denied, leaf("cev_3"), [prompt_over(opened)])
    assert await store.challenges.open_prompt(a_challenge("chg_2"), NOW_MS + 1000, leaf("cev_2"))


async def test_refusals_take_one_row_and_one_leaf_an_hour(url: str, store: Store) -> None:
    refusal = Refusal("acme", "shop", "FLOODED", 0)
    firsts = await asyncio.gather(*(store.refusals.first(refusal, n, leaf(f"rfs_{n}")) for n in range(20)))
    assert firsts.count(True) == 1
    await store.refusals.more(refusal, 19, NOW_MS)
    await store.refusals.first(Refusal("other", "shop", "FLOODED", 0), 1, leaf("rfs_o"))
    assert await store.refusals.since("acme", 0) == [("shop", "FLOODED", 20)]
    assert len(await execute(url, "SELECT 1 FROM log_leaves")) == 2
    await store.privacy.forget_refusals(1, NOW_MS)
    assert await store.refusals.since("acme", 0) == []


async def test_what_is_over_goes_at_its_age_and_what_is_not_stays(url: str, store: Store) -> None:
    met: dict[str, object] = {"state": ChallengeState.MET, "link": None, "due_ms": None}
    for number in range(5):
        closed = a_challenge(f"chg_{number}", closed_ms=NOW_MS + number, **met)
        await store.challenges.open(closed, leaf(f"cev_{number}"))
    await store.challenges.open(a_challenge("chg_open"), leaf("cev_open"))
    unfollowed = a_challenge("chg_due", closed_ms=NOW_MS, **met | {"due_ms": NOW_MS})
    await store.challenges.open(unfollowed, leaf("cev_due"))
    await store.challenges.open(a_challenge("chg_0", tenant="other", closed_ms=NOW_MS, **met), leaf("cev_o"))
    mark = RetentionMark("acme", "proofs", NOW_MS + 4, NOW_MS)
    assert await store.privacy.page_end(mark, 0, 2) == NOW_MS + 2
    assert await store.privacy.expire(mark, 0) == 4
    left = {tuple(row) for row in await execute(url, "SELECT tenant, challenge_id FROM challenges")}
    assert left == {("acme", "chg_4"), ("acme", "chg_open"), ("acme", "chg_due"), ("other", "chg_0")}
    assert len(await execute(url, "SELECT 1 FROM log_leaves")) == 8, "what was recorded stays recorded"
