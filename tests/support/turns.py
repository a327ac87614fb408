"""Turns of the event loop, for tests: what is under way gets as far as the test needs it, however slow the machine."""

import asyncio
from collections.abc import Callable

_WITHIN_S = 10


async def settle() -> None:
    """Whatever waits for nothing but its turn has had it."""
    for _ in range(5):
        await asyncio.sleep(0)


async def until(true: Callable[[], object]) -> None:
    """Return once it is true.

    Raises:
        TimeoutError: it did not come true in ten seconds.
    """
    async with asyncio.timeout(_WITHIN_S):
        while not true():  # noqa: ASYNC110 - what it waits for knows nothing of an event
            await asyncio.sleep(0.001)
