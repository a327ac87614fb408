"""Work that runs beside the broker for as long as it runs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from broker.usecases.sweep import Sweep

_SWEEP_S = 10.0
_log = logging.getLogger(__name__)


def sweeping(sweep: Sweep) -> AbstractAsyncContextManager[None]:
    """Record what was abandoned, now and then."""

    async def once() -> None:
        if closed := await sweep():
            _log.warning("closed %(count)d checks whose process died before it could decide", {"count": closed})

    return repeating("abandoned-checks", once, _SWEEP_S)


@contextlib.asynccontextmanager
async def repeating(job: str, work: Callable[[], Awaitable[object]], pause_s: float) -> AsyncIterator[None]:
    """Have a job done again and again beside, for as long as the block lasts; ``job`` is its name in the log.

    A round that fails is logged, and the next one comes all the same.
    """

    async def rounds() -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - a job that died would leave people waiting, or their data kept
                _log.warning("a round of %(job)s failed: %(error)s", {"job": job, "error": type(error).__name__})
            await asyncio.sleep(pause_s)

    async with running(rounds()):
        yield


@contextlib.asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have something run beside, for as long as the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
