"""What operators charge outside checks: reserved before, on the meter after, also when the question is cut off."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from broker.adapter_kit.adapter import SignalQuery
from broker.adapter_kit.instruments import A, CheckPassword, Order, PasswordVerdict, Refused
from broker.adapter_kit.prompts import AskPerson, HearPerson, PersonAsked, PromptAnswer
from broker.consumers.limits import Limits, write
from broker.consumers.memory import MemoryLimits
from broker.consumers.standing import Standings
from broker.domain.cost import Call, Charge
from broker.domain.instrument import Category
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Signal, SignalName, Unavailability, Unavailable
from broker.errors import Unrecorded
from broker.storage.consumer_store import Ancestor, MeteredRow, Purse
from broker.usecases.consumers.billing import BUDGET, UNCOUNTED, BilledSources, BillingTools
from broker.usecases.consumers.budget import Budget
from tests.support.clocks import HandClock
from tests.unit.operators.guarded import Act, Acting, bad, good

SWAP = SignalName.SIM_SWAP
SAID: Mapping[str, Any] = {
    "phone": PhoneNumber("+34600000101"),
    "purpose": "FraudPreventionAndDetection",
    "correlator": "c",
    "deadline_s": 10,
    "tenant": "acme",
    "consumer": "shop",
}
PRICES = {"alba": Charge(Decimal("0.02"), "EUR"), "borealis": Charge(Decimal("0.05"), "EUR")}


class Books:
    """A tenant with ten cents, what it spent, and the meter."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.rows: list[MeteredRow] = []
        self.down = False

    async def lineage(self, tenant: str) -> list[Ancestor]:
        return [Ancestor(tenant, None, None, write(Limits(budget={"EUR": "0.10"})), 0)]

    async def spend(self, purse: Purse, amount: int, most: int) -> bool:
        if self.down:
            raise Unrecorded("down")
        if self.spent[purse.currency] + amount > most:
            return False
        self.spent[purse.currency] += amount
        return True

    def give_back_soon(self, purse: Purse, amount: int) -> None:
        self.spent[purse.currency] -= amount

    def meter_soon(self, row: MeteredRow) -> None:
        self.rows.append(row)

    @property
    def calls(self) -> list[Call]:
        return [call for row in self.rows for call in msgspec.json.decode(row.calls, type=list[Call])]


def priced(operator: str, category: Category) -> Charge | None:
    return PRICES.get(operator)


async def ask(books: Books, act: Act, sources: tuple[str, ...] = ("alba",)) -> Signal:
    clock = HandClock()
    budget = Budget(books, Standings(books, clock, MemoryLimits()), clock)
    tools = BillingTools(budget, books, priced, clock, lambda prefix: f"{prefix}_1")
    adapter = BilledSources(lambda _: Acting(act), tools)(sources)
    assert adapter is not None
    query = SignalQuery(
        signal=SWAP,
        phone=PhoneNumber("+34600000101"),
        purpose="FraudPreventionAndDetection",
        correlator="c",
        deadline_s=10,
        tenant="acme",
        consumer="shop",
    )
    return await adapter.observe(query)


async def test_an_answer_costs_what_whoever_gave_it_charges() -> None:
    books = Books()
    await ask(books, good(HandClock()), ("borealis", "alba"))
    assert books.calls == [Call("alba", "sim_swap", "EUR", Decimal("0.02"))]
    assert books.spent["EUR"] == 20_000, "the dearer one was reserved"
    assert [(row.tenant, row.consumer, row.is_check) for row in books.rows] == [("acme", "shop", False)]


@pytest.mark.parametrize("reason", [Unavailability.TIMEOUT, Unavailability.OPERATOR_ERROR, Unavailability.MALFORMED])
async def test_a_question_without_an_answer_is_billed_all_the_same(reason: Unavailability) -> None:
    books = Books()
    await ask(books, bad(reason, "X"))
    assert (len(books.calls), books.spent["EUR"]) == (1, 20_000)


@pytest.mark.parametrize("reason", [Unavailability.BREAKER_OPEN, Unavailability.UNSUPPORTED])
async def test_what_no_operator_heard_of_is_free(reason: Unavailability) -> None:
    books = Books()
    await ask(books, bad(reason, "X"))
    assert (books.calls, books.spent["EUR"]) == ([], 0)


async def test_beyond_the_budget_nobody_is_asked() -> None:
    books = Books()
    answers = [await ask(books, good(HandClock())) for _ in range(6)]
    assert answers[-1] == Unavailable(SWAP, Unavailability.NOT_PERMITTED, BUDGET)
    assert (len(books.calls), books.spent["EUR"]) == (5, 100_000)


async def test_where_nobody_can_count_nobody_is_asked() -> None:
    books = Books()
    books.down = True
    assert await ask(books, good(HandClock())) == Unavailable(SWAP, Unavailability.NOT_PERMITTED, UNCOUNTED)
    assert books.calls == []


async def test_a_question_that_is_cut_off_stays_on_the_bill() -> None:
    books, begun = Books(), asyncio.Event()

    async def forever(_: SignalQuery) -> Signal:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    asking = asyncio.create_task(ask(books, forever))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (len(books.calls), books.spent["EUR"]) == (1, 20_000)


class Texting(Acting):
    """Also says what a code is worth."""

    async def carry_out(self, order: Order[A]) -> A | Refused:
        return PasswordVerdict.RIGHT  # type: ignore[return-value]


async def test_an_answer_that_is_a_word_is_an_answer() -> None:
    books = Books()
    assert await ordered(books, Texting, CheckPassword(reference="1", code="123456", **SAID)) is PasswordVerdict.RIGHT
    assert [call.signal for call in books.calls] == ["one_time_password"]


class Ringing(Acting):
    """Asks a person once, and waits for them."""

    asks = 0

    async def carry_out(self, order: Order[A]) -> A | Refused:
        answer: object = PromptAnswer.WAITING
        if isinstance(order, AskPerson):
            answer = PersonAsked(anew=Ringing.asks == 0)
            Ringing.asks += 1
        return answer  # type: ignore[return-value]


async def test_a_person_who_is_asked_costs_once_however_long_they_take() -> None:
    books, Ringing.asks = Books(), 0
    for _ in range(2):
        await ordered(books, Ringing, AskPerson(bound_to="this", **SAID))
    books.down = True  # the answer to what is paid for is heard without looking into the purse
    assert await ordered(books, Ringing, HearPerson(bound_to="this", **SAID)) is PromptAnswer.WAITING
    assert [call.signal for call in books.calls] == ["operator_prompt"]
    assert books.spent["EUR"] == 20_000


async def ordered(books: Books, kind: type[Acting], order: Order[A]) -> A | Refused:
    clock = HandClock()
    budget = Budget(books, Standings(books, clock, MemoryLimits()), clock)
    tools = BillingTools(budget, books, priced, clock, lambda prefix: f"{prefix}_1")
    adapter = BilledSources(lambda _: kind(good(clock)), tools)(("alba",))
    assert adapter is not None
    return await adapter.carry_out(order)
