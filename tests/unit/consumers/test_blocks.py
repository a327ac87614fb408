"""Whoever tries out numbers with many keys is noticed; who serves people is not."""

import random

from broker.consumers.blocks import BlockLimits, Blocks, Sweep
from broker.domain.phone import PhoneNumber

NONE, LIKELY, CERTAIN = Sweep
LIMITS = BlockLimits(flagged=30, most=100)


def number(n: int) -> PhoneNumber:
    return PhoneNumber.parse(f"+346{n:08d}")


def test_a_sweep_of_ten_thousand_is_stopped_before_two_hundred_answers() -> None:
    blocks = Blocks(LIMITS)
    seen = [blocks.step("acme", "acme", number(n), n * 0.01) for n in range(10_000)]
    assert seen[:30] == [NONE] * 30
    assert sum(one is not CERTAIN for one in seen) < 200


def test_a_sweep_in_any_order_is_stopped_too() -> None:
    blocks, numbers = Blocks(LIMITS), list(range(1000))
    random.Random(7).shuffle(numbers)
    seen = [blocks.step("acme", "acme", number(n), 0.0) for n in numbers]
    assert sum(one is NONE for one in seen) < 300
    assert seen[-1] is CERTAIN


def test_tenants_of_one_platform_are_flagged_together_but_silence_nobody_else() -> None:
    blocks = Blocks(LIMITS)
    seen = [blocks.step(f"hub.{n % 10}", "hub", number(n), 0.0) for n in range(300)]
    assert seen[:30] == [NONE] * 30
    assert set(seen[30:]) == {LIKELY}
    assert blocks.step("globex", "globex", number(5), 0.0) is NONE


def test_ten_thousand_customers_anywhere_are_no_sweep() -> None:
    blocks, numbers = Blocks(LIMITS), random.Random(7)
    seen = {blocks.step("acme", "acme", number(numbers.randrange(100_000_000)), n * 0.1) for n in range(10_000)}
    assert seen == {NONE}


def test_the_same_person_again_is_no_sweep() -> None:
    blocks = Blocks(LIMITS)
    assert {blocks.step("acme", "acme", number(5), 0.0) for _ in range(500)} == {NONE}


def test_after_an_hour_it_is_forgotten() -> None:
    blocks = Blocks(LIMITS)
    assert [blocks.step("acme", "acme", number(n), 0.0) for n in range(120)][-1] is CERTAIN
    assert blocks.step("acme", "acme", number(7), 3600.0) is NONE


def test_memory_is_bounded_and_rules_can_be_switched_off() -> None:
    blocks = Blocks(BlockLimits(blocks_max=10))
    for n in range(100):
        blocks.step("acme", "acme", number(n * 1000), 0.0)
    assert len(blocks._seen) == 10
    off = Blocks(BlockLimits(0, 0))
    assert {off.step("acme", "acme", number(n), 0.0) for n in range(500)} == {NONE}
