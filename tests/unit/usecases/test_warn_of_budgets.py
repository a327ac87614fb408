"""Budgets that are nearly spent are said to be, once a month, whoever looks."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.consumers.memory import MemoryLimits
from broker.consumers.standing import Standings
from broker.events.compose import Composer
from broker.storage.consumer_store import Purse, TenantRow
from broker.storage.store import Store
from broker.usecases.consumers.warn_of_budgets import LowTools, WarnOfBudgets
from tests.support.clocks import NOON, HandClock
from tests.support.databases import BACKENDS, database, storing

EURO = 1_000_000
MONTH = f"{NOON:%Y-%m}"


@pytest.fixture(params=BACKENDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    with database(request.param, tmp_path) as url:
        async with storing(url) as whole:
            await whole.ensure_tenant("acme", 1)
            await whole.consumers.limit("acme", limits(EUR="10.00", USD="10.00"))
            await whole.consumers.add_tenant(TenantRow("acme.shop", 2, "acme", limits=limits(EUR="1.50")))
            yield whole


def limits(**budget: str) -> str:
    return json.dumps({"budget": budget})


def looking(store: Store, clock: HandClock) -> WarnOfBudgets:
    """A node that looks."""
    compose = Composer("https://broker.example", lambda prefix: f"{prefix}_1")
    standings = Standings(store.consumers, clock, MemoryLimits())
    return WarnOfBudgets(LowTools(store.consumers, standings, compose, clock, 80))


async def test_each_budget_is_said_to_be_low_once_a_month_by_one_node(store: Store) -> None:
    clock, spend = HandClock(), store.consumers.spend
    one, other = looking(store, clock), looking(store, clock)
    await spend(Purse("acme", MONTH, "EUR"), 8 * EURO - 1, 10 * EURO)
    await spend(Purse("acme", MONTH, "GBP"), 99 * EURO, 99 * EURO)  # no limit of theirs
    await spend(Purse("acme", "2026-10", "USD"), 10 * EURO, 10 * EURO)  # another month's
    assert await one() == 0
    await spend(Purse("acme", MONTH, "EUR"), 1, 10 * EURO)
    await spend(Purse("acme.shop", MONTH, "EUR"), 3 * EURO // 2, 3 * EURO // 2)
    assert [await one(), await one(), await other(), await looking(store, clock)()] == [2, 0, 0, 0]
    clock.advance(10 * 86_400)
    assert await one() == 0
    await spend(Purse("acme", f"{clock.now():%Y-%m}", "EUR"), 9 * EURO, 10 * EURO)
    assert [await one(), await other()] == [1, 0]


@pytest.mark.parametrize("limit", ["0.00", "10.00"])
async def test_what_has_no_money_or_spends_none_is_not_low(store: Store, limit: str) -> None:
    await store.consumers.limit("acme", limits(EUR=limit))
    await store.consumers.spend(Purse("acme", MONTH, "EUR"), 0, 10 * EURO)
    assert await looking(store, HandClock())() == 0
