"""The contract of ``settle``: all of a check or nothing of it, whatever its neighbours in the batch do."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.errors import Conflict, Unrecorded
from broker.storage.records import Begun, CheckCommit, Replay, Running, StorageLimits, StoredCheck
from broker.storage.store import Store
from broker.storage.tables import checks
from tests.support.databases import BACKENDS, database, execute, storing
from tests.support.stored import TENANT, a_claim, a_commit, an_answered_commit, an_intent

FAR_MS = 10**12


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    async with storing(url) as store:
        yield store


def stored(commit: CheckCommit, leaf_seq: int) -> StoredCheck:
    return StoredCheck(
        commit.tenant,
        commit.check_id,
        commit.status,
        commit.consumer,
        commit.agent,
        commit.started_ms,
        commit.settled_ms,
        commit.record,
        commit.evidence,
        leaf_seq,
        commit.leaf_hash,
        commit.subject,
    )


async def test_a_settled_check_is_found_with_its_evidence_and_leaf(store: Store) -> None:
    assert await store.find_check(TENANT, "chk_1") is None
    await store.settle(a_commit())
    assert await store.find_check(TENANT, "chk_1") == stored(a_commit(), 1)


async def test_every_column_keeps_what_it_was_given(url: str, store: Store) -> None:
    commit = a_commit()
    await store.settle(commit)
    names = [column.name for column in checks.columns]
    (row,) = await execute(url, f"SELECT {', '.join(names)} FROM checks")
    assert [bytes(value) if isinstance(value, memoryview) else value for value in row] == [
        getattr(commit, name) for name in names
    ]


async def test_an_abandoned_check_needs_no_more_than_its_intent_knew(store: Store) -> None:
    await store.begin(an_intent(), None)
    (intent,) = await store.expired_intents(FAR_MS, 1)
    commit = CheckCommit(
        tenant=intent.tenant,
        check_id=intent.check_id,
        status="abandoned",
        started_ms=intent.started_ms,
        settled_ms=6_000,
        record=b"{}",
        evidence=b"[]",
        leaf_hash=b"h",
        leaf_body=b"b",
    )
    await store.settle(commit)
    assert await store.find_check(TENANT, "chk_1") == stored(commit, 1)
    assert await store.expired_intents(FAR_MS, 1) == []
    with pytest.raises(Conflict):
        await store.settle(a_commit())


async def test_a_second_settling_is_a_conflict_and_changes_nothing(store: Store) -> None:
    await store.begin(an_intent(), a_claim())
    await store.settle(an_answered_commit(a_claim()))
    with pytest.raises(Conflict):
        await store.settle(a_commit(record=b"another", evidence=b"another", leaf_hash=b"another"))
    assert await store.find_check(TENANT, "chk_1") == stored(a_commit(), 1)
    assert await store.begin(None, a_claim("chk_2")) == Replay(200, b"answer of chk_1", "chk_1")


async def test_of_two_settlings_in_one_batch_the_first_stands(store: Store) -> None:
    first, second, other = a_commit(), a_commit(record=b"second"), a_commit("chk_2")
    outcomes = await asyncio.gather(
        *(store.settle(each) for each in (first, second, first, other)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, Conflict, type(None)]
    assert await store.find_check(TENANT, "chk_1") == stored(first, 1)
    assert await store.find_check(TENANT, "chk_2") == stored(other, 2)
    assert store.stats.commits == 1


async def test_tenants_do_not_see_each_other(store: Store) -> None:
    ours, theirs = a_commit(), a_commit(tenant="globex", record=b"theirs")
    await asyncio.gather(store.settle(ours), store.settle(theirs))
    assert await store.find_check(TENANT, "chk_1") == stored(ours, 1)
    assert await store.find_check("globex", "chk_1") == stored(theirs, 2)
    assert await store.find_check("initech", "chk_1") is None


async def test_settling_one_tenants_check_leaves_anothers_intent_and_claim_of_the_same_id_alone(store: Store) -> None:
    theirs = a_claim(tenant="globex")
    await store.begin(an_intent(tenant="globex"), theirs)
    await store.begin(an_intent(), a_claim())
    await store.settle(an_answered_commit(a_claim()))
    assert await store.expired_intents(FAR_MS, 10) == [an_intent(tenant="globex")]
    assert await store.begin(None, a_claim("chk_2", tenant="globex")) == Running("chk_1", 2_000)


async def test_many_waiting_checks_share_few_commits(store: Store) -> None:
    await asyncio.gather(*(store.settle(a_commit(f"chk_{n}")) for n in range(200)))
    assert store.stats.units == 200
    assert store.stats.commits <= 5
    found = await asyncio.gather(*(store.find_check(TENANT, f"chk_{n}") for n in range(200)))
    assert found == [stored(a_commit(f"chk_{n}"), n + 1) for n in range(200)], "the log keeps the order of arrival"


async def test_every_waiter_gets_its_own_outcome(store: Store) -> None:
    for n in range(0, 30, 3):
        await store.begin(None, a_claim(f"chk_{n}", key=f"key-{n}"))
    asked = [store.begin(an_intent(f"again_{n}"), a_claim(f"again_{n}", key=f"key-{n}")) for n in range(30)]
    outcomes = await asyncio.gather(*asked)
    assert outcomes == [Running(f"chk_{n}", 2_000) if n % 3 == 0 else Begun() for n in range(30)]


# One step of the settling transaction each: the table, and what happens to it there.
STEPS = {
    "checks": "INSERT",
    "evidence": "INSERT",
    "log_leaves": "INSERT",
    "intents": "DELETE",
    "idempotency": "UPDATE",
}


async def break_step(url: str, table: str, event: str) -> None:
    """Make the database itself refuse one step for the check named chk_poison."""
    row = "OLD" if event == "DELETE" else "NEW"
    if url.startswith("sqlite"):
        raising = "BEGIN SELECT RAISE(ABORT, 'injected'); END"
        await execute(url, f"CREATE TRIGGER t BEFORE {event} ON {table} WHEN {row}.check_id = 'chk_poison' {raising}")
        return
    body = f"BEGIN IF {row}.check_id = 'chk_poison' THEN RAISE 'injected'; END IF; RETURN {row}; END"
    await execute(
        url,
        f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        f"CREATE TRIGGER t BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION f()",
    )


@pytest.mark.parametrize("table", STEPS)
async def test_a_failure_at_any_step_leaves_nothing_of_the_check_and_all_of_its_neighbours(
    url: str, store: Store, table: str
) -> None:
    names = ["chk_1", "chk_poison", "chk_2", "chk_3"]
    claims = [a_claim(name, key=name) for name in names]
    for name, claim in zip(names, claims, strict=True):
        await store.begin(an_intent(name), claim)
    await break_step(url, table, STEPS[table])

    outcomes = await asyncio.gather(
        *(store.settle(an_answered_commit(claim)) for claim in claims), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), Unrecorded, type(None), type(None)]
    for name in ("checks", "evidence", "log_leaves"):
        rows = await execute(url, f"SELECT check_id FROM {name} ORDER BY check_id")
        assert rows == [("chk_1",), ("chk_2",), ("chk_3",)]
    assert await store.expired_intents(FAR_MS, 10) == [an_intent("chk_poison")]
    assert await store.begin(None, a_claim("again", key="chk_poison")) == Running("chk_poison", 2_000)
    assert await store.begin(None, a_claim("again", key="chk_2")) == Replay(200, b"answer of chk_2", "chk_2")


POISON: dict[str, dict[str, Any]] = {
    "settled without a decision": {"decision": None},
    "a status that does not exist": {"status": "pending"},
    "a number beyond 64 bits": {"settled_ms": 2**63},
    "half a character": {"conversation_id": "\ud800"},
    "not what the column holds": {"record": 1.5j},
}


@pytest.mark.parametrize("poison", POISON)
async def test_a_record_that_the_database_refuses_sinks_alone(store: Store, poison: str) -> None:
    outcomes = await asyncio.gather(
        store.settle(a_commit("chk_1")),
        store.settle(a_commit("chk_2", **POISON[poison])),
        store.begin(an_intent("chk_3"), a_claim("chk_3")),
        store.settle(a_commit("chk_4")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Unrecorded, Begun, type(None)]
    found = [await store.find_check(TENANT, f"chk_{n}") is not None for n in (1, 2, 4)]
    assert found == [True, False, True]
    assert store.stats.refused == 1
    await store.ping()


async def test_an_intent_of_a_check_that_has_one_is_refused_and_the_first_one_stays(store: Store) -> None:
    await store.begin(an_intent(), None)
    with pytest.raises(Unrecorded):
        await store.begin(an_intent(started_ms=7), a_claim())
    assert await store.expired_intents(FAR_MS, 10) == [an_intent()]
    assert await store.begin(None, a_claim("chk_2")) == Begun(), "the claim went with its intent"


async def test_hostile_text_is_only_text(store: Store) -> None:
    name = "x'); DROP TABLE checks; --"
    await store.settle(a_commit(name, conversation_id="' OR 1=1 --"))
    assert await store.find_check(TENANT, name) is not None
    assert await store.find_check(TENANT, "' OR '1'='1") is None


async def test_a_small_batch_limit_takes_more_commits_and_loses_nobody(url: str) -> None:
    async with storing(url, StorageLimits(batch_max=7, commit_interval_ms=0)) as store:
        await asyncio.gather(*(store.settle(a_commit(f"chk_{n}")) for n in range(50)))
        assert store.stats.commits >= 8
        assert await execute(url, "SELECT count(*) FROM checks") == [(50,)]
