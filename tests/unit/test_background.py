"""Jobs beside the broker: a round that fails is named, tells nothing of what it was about, and is not the last."""

import asyncio

import pytest

from broker.bootstrap.background import repeating, running


async def test_a_round_that_fails_is_named_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    rounds, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise OSError("+34600000101")
        again.set()

    async with repeating("watches", work, pause_s=0.0):
        await again.wait()
    assert caplog.messages == ["a round of watches failed: OSError"]


async def test_what_runs_beside_ends_with_its_block() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with running(work()):
        await asyncio.sleep(0)
    assert ended.is_set()
