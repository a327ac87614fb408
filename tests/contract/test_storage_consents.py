"""Consents and restrictions on both databases: append-only, of one tenant and person, gone with an erasure."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.domain.consent import Consent, ConsentState
from broker.domain.privacy import ChangeOf, Erasure, Standing, SubjectChange
from broker.domain.signal import SignalName
from broker.storage.policy_store import Entry
from broker.storage.privacy_store import news
from broker.storage.store import Store
from tests.support.databases import BACKENDS, database, storing

WHO, OTHER = b"pseudonym of one", b"pseudonym of two"


@pytest.fixture(params=BACKENDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    with database(request.param, tmp_path) as url:
        async with storing(url) as store:
            yield store


def a_consent(consent_id: str = "cns_1", version: int = 1, **changes: Any) -> Consent:
    """A consent to location, given at 1,000 ms and over at 5,000."""
    consent = Consent(
        tenant="acme",
        consent_id=consent_id,
        version=version,
        subject=WHO,
        state=ConsentState.GIVEN,
        purpose="FraudPreventionAndDetection",
        categories=(SignalName.FREQUENT_LOCATION, SignalName.LOCATION),
        jurisdiction="ES",
        notice_version="7",
        method="spoken",
        channel="voice",
        proof=b"p" * 32,
        given_ms=1_000,
        expires_ms=5_000,
        recorded_ms=1_000,
        recorded_by="clerk",
    )
    return msgspec.structs.replace(consent, **changes)


def a_change(change_id: str) -> SubjectChange:
    return SubjectChange("acme", change_id, WHO, ChangeOf.CONSENT, "cns_1", 1_000)


async def test_a_consent_comes_back_as_it_was_given(store: Store) -> None:
    assert await store.consents.add(a_consent(), [news(a_change("chg_1"))])
    held = await store.consents.held("acme", WHO)
    assert held == (Standing(), (a_consent(),))
    assert await store.consents.versions("acme", "cns_1") == [a_consent()]
    assert await store.privacy.changes(0, 10) == [a_change("chg_1")]


async def test_it_is_nobody_elses(store: Store) -> None:
    await store.consents.add(a_consent(), [])
    assert await store.consents.held("acme", OTHER) == (Standing(), ())
    assert await store.consents.held("globex", WHO) == (Standing(), ())
    assert await store.consents.versions("globex", "cns_1") == []


async def test_of_two_who_append_the_same_version_one_does(store: Store) -> None:
    await store.consents.add(a_consent(), [])
    rivals = [a_consent(version=2, state=ConsentState.WITHDRAWN, recorded_by=name) for name in ("ana", "luis")]
    won = await asyncio.gather(*(store.consents.add(one, []) for one in rivals))
    assert sorted(won) == [False, True]
    versions = await store.consents.versions("acme", "cns_1")
    assert [(one.version, one.recorded_by) for one in versions] == [
        (1, "clerk"),
        (2, rivals[won.index(True)].recorded_by),
    ]


async def test_what_is_over_is_due_until_somebody_noted_it(store: Store) -> None:
    await store.consents.add(a_consent(), [])
    await store.consents.add(a_consent("cns_2", expires_ms=None), [])
    assert await store.consents.due(4_999, 10) == []
    assert await store.consents.due(5_000, 10) == [a_consent()]
    await store.consents.add(a_consent(version=2, state=ConsentState.EXPIRED), [])
    assert await store.consents.due(5_000, 10) == []


async def test_a_restriction_stays_beside_consents(store: Store) -> None:
    await store.consents.put_standing("acme", WHO, Standing(paused_ms=2_000), [])
    await store.consents.add(a_consent(), [])
    assert (await store.consents.held("acme", WHO)).standing == Standing(paused_ms=2_000)
    await store.consents.put_standing("acme", WHO, Standing(objected_ms=3_000), [])
    assert (await store.consents.held("acme", WHO)).standing == Standing(objected_ms=3_000)


async def test_an_erasure_takes_consents_and_leaves_restrictions(store: Store) -> None:
    await store.consents.add(a_consent(), [])
    await store.consents.add(a_consent("cns_2", subject=OTHER), [])
    await store.consents.put_standing("acme", WHO, Standing(objected_ms=3_000), [])
    erasure = Erasure("acme", "ers_1", WHO, 4_000, "officer")
    assert await store.privacy.erase(erasure, a_change("chg_2"), Entry("ers_1", b"leaf", b"h" * 32))
    assert await store.consents.held("acme", WHO) == (Standing(objected_ms=3_000), ())
    assert len((await store.consents.held("acme", OTHER)).versions) == 1
