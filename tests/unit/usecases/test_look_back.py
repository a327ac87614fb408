"""Checks of one person that are under way at once see one another, as few things however many they are."""

from contextlib import AsyncExitStack
from decimal import Decimal
from itertools import count
from typing import Any, cast

from broker.domain.check import Action, Amount, CheckRequest, Principal, Subject
from broker.domain.decision import ActionClass
from broker.domain.phone import PhoneNumber
from broker.policy.caution import CautionLimits
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.kv import MemoryKv
from broker.usecases.look_back import LookBack, Together
from broker.usecases.ports import Asked
from tests.support.clocks import NOON, HandClock

PRINCIPAL = Principal("acme", "shop", "till", frozenset(), "key_1")


def asked(value: str | None, kind: str = "payment.transfer") -> Asked:
    amount = None if value is None else Amount(Decimal(value), "EUR")
    request = CheckRequest(Subject(PhoneNumber("+34600000101")), Action(kind, amount), "FraudPreventionAndDetection")
    return Asked(PRINCIPAL, request, 0.0, lambda _check: b"")


def looking(kv: MemoryKv, clock: HandClock) -> LookBack:
    nonces = count()
    unused = cast("Any", None)
    return LookBack(unused, kv, clock, Pseudonyms(bytes(32)), CautionLimits(), unused, lambda: f"chk_{next(nonces)}")


async def seen_by_the_last(questions: list[Asked]) -> Together:
    clock = HandClock()
    look_back = looking(MemoryKv(clock.monotonic_s), clock)
    async with AsyncExitStack() as stack:
        for one in questions:
            last = await stack.enter_async_context(look_back.under_way(one, b"subject", ActionClass.MEDIUM, NOON))
    return last


async def test_those_of_one_kind_are_one_with_their_amounts_added() -> None:
    together = await seen_by_the_last([asked("20.00")] * 300 + [asked("7.50"), asked(None, "sim.order"), asked("1.00")])
    seen = {(one.action_type, None if one.amount is None else one.amount.value) for one in together.others}
    assert seen == {
        ("payment.transfer", Decimal("6000.00")),
        ("payment.transfer", Decimal("7.50")),
        ("sim.order", None),
    }
    assert {one.outcome for one in together.others} == {None}
    assert {one.at for one in together.others} == {NOON}


async def test_what_cannot_be_read_counts_as_the_worst() -> None:
    clock = HandClock()
    kv = MemoryKv(clock.monotonic_s)
    await kv.join(f"under-way:acme:{b'subject'.hex()}", b"chk_1 \x00of another version", 60)
    async with looking(kv, clock).under_way(asked("1.00"), b"subject", ActionClass.LOW, NOON) as together:
        (other,) = together.others
    assert other.action_class is ActionClass.CRITICAL
