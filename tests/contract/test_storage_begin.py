"""The contract of ``begin``, ``release`` and the claims between them, on every back end."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.storage.records import BeginOutcome, Begun, IdempotencyClaim, Mismatch, Replay, Running, StorageLimits
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, storing
from tests.support.stored import TENANT, a_claim, a_commit, an_answered_commit, an_intent

FAR_MS = 10**12


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url, StorageLimits(commit_interval_ms=0)) as store:
        yield store


# What is there (made by check "chk_1" with its defaults), what comes, what it comes to.
CASES: dict[str, tuple[str, dict[str, Any], BeginOutcome]] = {
    "nothing is there": ("absent", {}, Begun()),
    "running, to the last millisecond": ("running", {"now_ms": 1_999}, Running("chk_1", 2_000)),
    "running, its lease over": ("running", {"now_ms": 2_000}, Begun()),
    "running, another request": ("running", {"fingerprint": b"other"}, Mismatch()),
    "running, its lease over, another request": ("running", {"fingerprint": b"other", "now_ms": 2_000}, Mismatch()),
    "running and expired, another request": ("running", {"fingerprint": b"other", "now_ms": 9_000}, Begun()),
    "done": ("done", {}, Replay(200, b"answer of chk_1", "chk_1")),
    "done, its lease over": ("done", {"now_ms": 8_999}, Replay(200, b"answer of chk_1", "chk_1")),
    "done, another request": ("done", {"fingerprint": b"other"}, Mismatch()),
    "done and expired": ("done", {"now_ms": 9_000}, Begun()),
    "done and expired, another request": ("done", {"fingerprint": b"other", "now_ms": 9_000}, Begun()),
    "another tenant's": ("done", {"tenant": "globex"}, Begun()),
    "another endpoint's": ("done", {"endpoint": "/v1/receipts/consume"}, Begun()),
    "another key's": ("done", {"key": "key-2"}, Begun()),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_claim_meets_what_is_there(store: Store, case: str) -> None:
    state, changes, expected = CASES[case]
    if state != "absent":
        assert await store.begin(None, a_claim("chk_1")) == Begun()
    if state == "done":
        await store.settle(an_answered_commit(a_claim("chk_1")))
    claim = a_claim("chk_2", **changes)

    assert await store.begin(an_intent("chk_2", tenant=claim.tenant), claim) == expected

    recorded = [intent.check_id for intent in await store.expired_intents(FAR_MS, 10)]
    assert recorded == (["chk_2"] if expected == Begun() else []), "an intent goes with its claim or not at all"


async def test_without_intent_and_claim_nothing_is_written(store: Store) -> None:
    commits = store.stats.commits
    assert await store.begin(None, None) == Begun()
    assert store.stats.commits == commits


async def test_an_intent_alone_is_recorded_until_its_check_settles(store: Store) -> None:
    assert await store.begin(an_intent(), None) == Begun()
    assert await store.expired_intents(4_999, 10) == []
    assert await store.expired_intents(5_000, 10) == [an_intent()]
    await store.settle(a_commit())
    assert await store.expired_intents(FAR_MS, 10) == []


async def test_expired_intents_come_oldest_first_and_no_more_than_asked_for(store: Store) -> None:
    intents = [an_intent(f"chk_{n}", abandon_after_ms=5_000 - n) for n in range(5)]
    await asyncio.gather(*(store.begin(intent, None) for intent in intents))
    assert await store.expired_intents(FAR_MS, 2) == [intents[4], intents[3]]
    assert await store.expired_intents(FAR_MS, 0) == []


async def test_of_many_parallel_claims_exactly_one_begins(url: str, store: Store) -> None:
    async with storing(url) as second_node:
        claims = [a_claim(f"chk_{n}") for n in range(200)]
        outcomes = await asyncio.gather(
            *((store, second_node)[n % 2].begin(an_intent(claim.check_id), claim) for n, claim in enumerate(claims))
        )
        assert Counter(type(outcome) for outcome in outcomes) == {Begun: 1, Running: 199}
        winner = claims[outcomes.index(Begun())].check_id
        assert {outcome.check_id for outcome in outcomes if isinstance(outcome, Running)} <= {winner, *_ids(claims)}
        assert [intent.check_id for intent in await store.expired_intents(FAR_MS, 10)] == [winner]


async def test_of_many_parallel_claims_on_a_lapsed_lease_exactly_one_begins(store: Store) -> None:
    await store.begin(None, a_claim("chk_dead"))
    outcomes = await asyncio.gather(
        *(store.begin(None, a_claim(f"chk_{n}", now_ms=2_500, lease_until_ms=3_500)) for n in range(50))
    )
    assert Counter(type(outcome) for outcome in outcomes) == {Begun: 1, Running: 49}


async def test_a_claim_that_was_taken_over_is_not_completed_by_its_first_owner(store: Store) -> None:
    late, new = a_claim("chk_late"), a_claim("chk_new", now_ms=2_500, lease_until_ms=3_500)
    await store.begin(None, late)
    assert await store.begin(None, new) == Begun()

    await store.settle(an_answered_commit(late))
    again = msgspec.structs.replace(new, check_id="chk_again")
    assert await store.begin(None, again) == Running("chk_new", 3_500)

    await store.settle(an_answered_commit(new))
    assert await store.begin(None, again) == Replay(200, b"answer of chk_new", "chk_new")


async def test_a_request_repeated_in_the_moment_of_its_answer_gets_it(store: Store) -> None:
    claim = a_claim()
    await store.begin(None, claim)
    outcome, _ = await asyncio.gather(store.begin(None, a_claim("chk_2")), store.settle(an_answered_commit(claim)))
    assert outcome == Replay(200, b"answer of chk_1", "chk_1")


async def test_a_released_claim_is_free(store: Store) -> None:
    await store.begin(None, a_claim())
    await store.release(a_claim())
    assert await store.begin(None, a_claim("chk_2", fingerprint=b"other")) == Begun()


async def test_only_the_owner_releases_and_an_answer_is_never_released(store: Store) -> None:
    await store.begin(None, a_claim())
    await store.release(a_claim("chk_2"))
    assert await store.begin(None, a_claim("chk_2")) == Running("chk_1", 2_000)
    await store.settle(an_answered_commit(a_claim()))
    await store.release(a_claim())
    assert await store.begin(None, a_claim("chk_2")) == Replay(200, b"answer of chk_1", "chk_1")


async def test_expired_claims_are_purged_and_live_ones_are_not(store: Store) -> None:
    for n in range(4):
        await store.begin(None, a_claim(key=f"key-{n}", expires_ms=9_000 + n))
    assert await store.purge_claims(9_002, 2) == 2
    assert await store.purge_claims(9_002, 10) == 1
    assert await store.begin(None, a_claim("chk_2", key="key-3")) == Running("chk_1", 2_000)


def test_a_claim_and_an_intent_of_different_checks_are_refused_before_anything_is_written() -> None:
    from broker.storage.unit_of_work import Begin

    with pytest.raises(ValueError, match="different checks"):
        Begin(an_intent("chk_1"), a_claim("chk_2"))
    with pytest.raises(ValueError, match="another check"):
        a_commit("chk_1", claim=a_claim("chk_2"), response=b"")
    with pytest.raises(ValueError, match="or neither"):
        a_commit("chk_1", claim=a_claim("chk_1"))


def _ids(claims: list[IdempotencyClaim]) -> set[str]:
    return {claim.check_id for claim in claims}


class Model:
    """One idempotency key as the design describes it, in a few lines of Python."""

    def __init__(self) -> None:
        self.claim: IdempotencyClaim | None = None
        self.answer: bytes | None = None

    def begin(self, new: IdempotencyClaim) -> BeginOutcome:
        old = self.claim
        if old is None or old.expires_ms <= new.now_ms:
            return self._take(new)
        if old.fingerprint != new.fingerprint:
            return Mismatch()
        if self.answer is not None:
            return Replay(200, self.answer, old.check_id)
        if old.lease_until_ms <= new.now_ms:
            return self._take(new)
        return Running(old.check_id, old.lease_until_ms)

    def settle(self, claim: IdempotencyClaim) -> None:
        if self.claim is not None and self.claim.check_id == claim.check_id and self.answer is None:
            self.answer = f"answer of {claim.check_id}".encode()

    def release(self, claim: IdempotencyClaim) -> None:
        if self.claim is not None and self.claim.check_id == claim.check_id and self.answer is None:
            self.claim = None

    def _take(self, new: IdempotencyClaim) -> BeginOutcome:
        self.claim, self.answer = new, None
        return Begun()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "settle", "release"]),
        st.sampled_from([b"print", b"other"]),
        st.integers(min_value=0, max_value=3),
        st.sampled_from([0, 400, 1_100, 8_500]),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_the_store_agrees_with_the_model(store: Store, steps: list[Any]) -> None:
    salt = str(uuid.uuid4())  # the database outlives the example
    model, now_ms, claims = Model(), 1_000, list[IdempotencyClaim]()
    for number, (verb, fingerprint, which, pause_ms) in enumerate(steps):
        now_ms += pause_ms
        if verb == "begin":
            ends: dict[str, Any] = {"now_ms": now_ms, "lease_until_ms": now_ms + 1_000, "expires_ms": now_ms + 8_000}
            claims.append(a_claim(f"{salt}-{number}", key=salt, fingerprint=fingerprint, **ends))
            assert await store.begin(None, claims[-1]) == model.begin(claims[-1])
        elif which < len(claims):
            claim = claims[which]
            if verb == "release":
                await store.release(claim)
                model.release(claim)
            elif await store.find_check(TENANT, claim.check_id) is None:
                await store.settle(an_answered_commit(claim))
                model.settle(claim)
