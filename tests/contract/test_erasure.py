"""Erasure and retention on both databases: nothing opens any more, on no node, from no backup; and it is on record."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.phone import PhoneNumber
from broker.domain.privacy import Erasure, RetentionMark
from broker.errors import Erased, NotPermitted, Unrecorded
from broker.privacy.journal import ErasureJournal
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.root_keys import FileRootKeys, RootKeyFile
from broker.privacy.vault import Vault
from broker.storage.records import PastCheck
from broker.storage.store import Store
from broker.usecases.learning.open_checks import OpenChecks, answer_use, evidence_use, record_use
from broker.usecases.privacy.erase_subject import EraseSubject, EraseTools
from broker.usecases.privacy.subject_watch import SubjectWatch
from tests.support.clocks import HandClock
from tests.support.databases import BACKENDS, copy_of, database, drop_database, execute, sqlite_path, storing
from tests.support.stored import a_claim, a_commit

ANA = PhoneNumber.parse("+34600000101")
LUIS = PhoneNumber.parse("+34600000102")
OFFICER = Principal("acme", "officer", None, frozenset({authorize.PRIVACY_WRITE, authorize.PRIVACY_READ}), "k1")
NAMES = Pseudonyms(bytes(32))
_ids = count(1)


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


class Node(NamedTuple):
    """A node of the deployment, as far as erasing goes."""

    store: Store
    vault: Vault
    watch: SubjectWatch
    journal: ErasureJournal
    erase: EraseSubject
    checks: OpenChecks

    async def record(self, check_id: str, phone: PhoneNumber, at_ms: int, tenant: str = "acme") -> None:
        """A settled check about somebody, with everything that may be kept beside it."""
        subject = NAMES.subject(tenant, phone)
        key = await self.vault.key(tenant, subject)
        claim = a_claim(check_id, tenant=tenant, key=check_id)
        await self.store.begin(None, claim)
        await self.store.settle(
            a_commit(
                check_id,
                tenant=tenant,
                subject=subject,
                settled_ms=at_ms,
                record=key.seal(record_use(check_id), b"record of %s" % check_id.encode()),
                evidence=key.seal(evidence_use(check_id), b"evidence of %s" % check_id.encode()),
                leaf_hash=secrets.token_bytes(32),
                claim=claim,
                response=key.seal(answer_use(check_id), b"answer"),
                subject_key=key.unwritten,
            )
        )
        self.vault.written(key)


@asynccontextmanager
async def node(url: str, home: Path, clock: HandClock, journal: str = "erasures.jsonl") -> AsyncIterator[Node]:
    file = RootKeyFile(home / "vault.keys", secrets.token_bytes)
    notes = ErasureJournal(home / journal)
    async with storing(url) as store:
        roots = FileRootKeys(file, secrets.token_bytes)
        vault = Vault(store.vault, roots, clock, secrets.token_bytes, entries_max=100)
        watch = SubjectWatch(store.privacy, clock, notes)
        watch.forgetting(vault.forget)
        tools = EraseTools(store.privacy, NAMES, notes, watch, clock, lambda prefix: f"{prefix}_{next(_ids):08}")
        yield Node(store, vault, watch, notes, EraseSubject(tools), OpenChecks(store, store.policies, vault))


def now_ms(clock: HandClock) -> int:
    return int(clock.now().timestamp() * 1000)


async def test_an_erased_person_is_readable_nowhere_and_others_are(url: str, tmp_path: Path, clock: HandClock) -> None:
    async with node(url, tmp_path, clock) as one:
        for number, check_id in ((ANA, "chk_1"), (ANA, "chk_2"), (LUIS, "chk_3")):
            await one.record(check_id, number, now_ms(clock))
        await one.record("chk_4", ANA, now_ms(clock), tenant="globex")
        done = await one.erase(OFFICER, ANA)
        assert done.cleared
        for check_id in ("chk_1", "chk_2"):
            with pytest.raises(Erased):
                await one.checks.find_check("acme", check_id)
        for tenant, check_id in (("acme", "chk_3"), ("globex", "chk_4")):
            kept = await one.checks.find_check(tenant, check_id)
            assert kept is not None
            assert kept.record == f"record of {check_id}".encode()
        shown = await one.erase.overview(OFFICER)
        assert [each.id for each in shown.erasures] == [done.id]


async def test_what_stays_of_an_erased_check_says_nothing_about_anybody(
    url: str, tmp_path: Path, clock: HandClock
) -> None:
    async with node(url, tmp_path, clock) as one:
        await one.record("chk_1", ANA, now_ms(clock))
        await one.erase(OFFICER, ANA)
    columns = "length(record), trust_score, amount, currency, conversation_id, decision"
    assert await execute(url, f"SELECT {columns} FROM checks") == [(0, None, None, None, None, "step_up")]
    assert await execute(url, "SELECT length(payload) FROM evidence") == [(0,)]
    assert await execute(url, "SELECT count(*) FROM idempotency") == [(0,)]
    assert await execute(url, "SELECT count(*) FROM subject_keys") == [(0,)]
    ((leaf,),) = await execute(url, "SELECT body FROM log_leaves WHERE check_id LIKE 'ers_%'")
    assert b'"subject.erase"' in bytes(leaf)
    assert NAMES.subject("acme", ANA).hex().encode() not in bytes(leaf)


async def test_many_are_read_and_the_erased_ones_counted(url: str, tmp_path: Path, clock: HandClock) -> None:
    async with node(url, tmp_path, clock) as one:
        for number, check_id in ((ANA, "chk_1"), (LUIS, "chk_2")):
            await one.record(check_id, number, now_ms(clock))
        await one.erase(OFFICER, ANA)
        seen: list[PastCheck] = [past async for past in one.checks.history("acme", 0, 2**60)]
        assert [past.record for past in seen] == [b"", b"record of chk_2"]
        page = await one.checks.recorded("acme", after="", from_ms=0, until_ms=2**60, limit=10)
        assert [past.evidence for past in page] == [b"", b"evidence of chk_2"]


async def test_other_nodes_drop_what_they_hold_when_they_next_look(url: str, tmp_path: Path, clock: HandClock) -> None:
    async with node(url, tmp_path, clock) as one, node(url, tmp_path, clock, journal="other.jsonl") as other:
        await one.record("chk_1", ANA, now_ms(clock))
        assert await other.checks.find_check("acme", "chk_1") is not None, "its key is in memory there now"
        done = await one.erase(OFFICER, ANA)
        assert await other.watch.look() == 1
        assert await other.watch.look() == 0, "each piece of news once"
        assert repr(other.vault) == "Vault(0 subjects)"
        with pytest.raises(Erased):
            await other.checks.find_check("acme", "chk_1")
        assert done.id in {entry.erasure_id for entry in other.journal.entries()}


async def test_a_person_who_comes_back_is_a_new_one(url: str, tmp_path: Path, clock: HandClock) -> None:
    async with node(url, tmp_path, clock) as one:
        await one.record("chk_1", ANA, now_ms(clock))
        clock.advance(1)
        await one.erase(OFFICER, ANA)
        clock.advance(1)
        await one.record("chk_2", ANA, now_ms(clock))
        kept = await one.checks.find_check("acme", "chk_2")
        assert kept is not None
        assert await one.erase.repeat() == 0
        assert (await one.checks.find_check("acme", "chk_2")) is not None


async def test_a_backup_from_before_is_erased_again_when_it_is_restored(
    url: str, tmp_path: Path, clock: HandClock
) -> None:
    async with node(url, tmp_path, clock) as one:
        await one.record("chk_1", ANA, now_ms(clock))
        await one.record("chk_2", LUIS, now_ms(clock))
    backup = copy_of(url)
    try:
        async with node(url, tmp_path, clock) as one:
            clock.advance(60)
            await one.erase(OFFICER, ANA)
        async with node(backup, tmp_path, clock) as restored:
            assert await restored.checks.find_check("acme", "chk_1") is not None, "the backup still had the key"
            clock.advance(60)
            await restored.record("chk_3", ANA, now_ms(clock))
            assert await restored.erase.repeat() == 1
            with pytest.raises(Erased):
                await restored.checks.find_check("acme", "chk_1")
            assert await restored.erase.repeat() == 0
            assert (await restored.checks.find_check("acme", "chk_2")) is not None
        assert await execute(backup, "SELECT count(*) FROM log_leaves WHERE check_id LIKE 'ers_%'") == [(1,)]
    finally:
        drop_database(backup)


async def test_an_interrupted_clearing_is_finished(url: str, tmp_path: Path, clock: HandClock) -> None:
    async with node(url, tmp_path, clock) as one:
        await one.record("chk_1", ANA, now_ms(clock))
        await one.erase(OFFICER, ANA)
        await execute(url, "UPDATE erasures SET cleared_ms = NULL", "UPDATE checks SET record = 'left'")
        assert await one.erase.finish() == 1
        assert await execute(url, "SELECT length(record) FROM checks") == [(0,)]
        assert await one.erase.finish() == 0


async def test_an_agent_erases_nobody(url: str, tmp_path: Path, clock: HandClock) -> None:
    agent = Principal("acme", "shop", "till", frozenset({authorize.PRIVACY_WRITE}), "k2")
    outsider = Principal("acme", "shop", None, frozenset({authorize.PRIVACY_READ}), "k3")
    async with node(url, tmp_path, clock) as one:
        await one.record("chk_1", ANA, now_ms(clock))
        for who in (agent, outsider):
            with pytest.raises(NotPermitted):
                await one.erase(who, ANA)
        assert await one.checks.find_check("acme", "chk_1") is not None


async def test_nothing_is_erased_that_the_journal_cannot_note(url: str, tmp_path: Path, clock: HandClock) -> None:
    async with node(url, tmp_path, clock) as one:
        await one.record("chk_1", ANA, now_ms(clock))
        (tmp_path / "erasures.jsonl").mkdir()
        with pytest.raises(Unrecorded, match="journal"):
            await one.erase(OFFICER, ANA)
        assert await one.checks.find_check("acme", "chk_1") is not None


def test_half_a_line_of_the_journal_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    path.write_text('{"tenant": "acme", "erasure": "ers_0", "subj', "ascii")
    path.chmod(0o600)
    one = Erasure("acme", "ers_1", b"somebody", 1_000, "officer")
    for _ in range(2):
        ErasureJournal(path).note(one)
    assert list(ErasureJournal(path).entries()) == [one]


async def test_no_trace_of_a_destroyed_key_stays_in_the_file(tmp_path: Path, clock: HandClock) -> None:
    with database("sqlite", tmp_path) as url:
        async with node(url, tmp_path, clock) as one:
            await one.record("chk_1", ANA, now_ms(clock))
            (row,) = await one.store.vault.subject_keys("acme", NAMES.subject("acme", ANA))
            await one.erase(OFFICER, ANA)
        await execute(url, "PRAGMA wal_checkpoint(TRUNCATE)")
        files = [path.read_bytes() for path in sqlite_path(url).parent.glob(f"{sqlite_path(url).name}*")]
        assert all(row.wrapped not in content for content in files)


async def test_retention_takes_a_category_at_its_age_and_says_how_far_it_went(
    url: str, tmp_path: Path, clock: HandClock
) -> None:
    day_ms = 86_400_000
    async with node(url, tmp_path, clock) as one:
        for days in range(1, 8):
            await one.record(f"chk_{days}", ANA, days * day_ms)
        end_ms = await one.store.privacy.page_end(RetentionMark("acme", "evidence", 5 * day_ms, 1), 0, 2)
        assert end_ms == 3 * day_ms
        assert (
            await one.store.privacy.page_end(RetentionMark("acme", "records", 5 * day_ms, 1), end_ms, 2) == 5 * day_ms
        )
        assert await one.store.privacy.expire(RetentionMark("acme", "evidence", 5 * day_ms, 1), 0) == 4
        assert await one.store.privacy.expire(RetentionMark("acme", "records", 3 * day_ms, 1), 0) == 2
        marks = {mark.category: mark.until_ms for mark in await one.store.privacy.marks("acme")}
        assert marks == {"evidence": 5 * day_ms, "records": 3 * day_ms}
        kept = await execute(
            url,
            "SELECT c.check_id, length(c.record) > 0, length(e.payload) > 0 FROM checks c"
            " JOIN evidence e ON e.check_id = c.check_id ORDER BY c.check_id",
        )
        assert [(name, bool(record), bool(payload)) for name, record, payload in kept] == [
            (f"chk_{days}", days >= 3, days >= 5) for days in range(1, 8)
        ]
        half = await one.checks.find_check("acme", "chk_4")
        assert half is not None
        assert (half.record, half.evidence) == (b"record of chk_4", b"")
        with pytest.raises(Erased):
            await one.checks.find_check("acme", "chk_2")
