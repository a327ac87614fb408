"""Work that runs beside the broker for as long as it runs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from broker.usecases.sweep import Sweep

_SWEEP_S = 10.0
_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def sweeping(sweep: Sweep) -> AsyncIterator[None]:
    """Sweep now and then, for as long as the broker runs."""

    async def now_and_then() -> None:
        while True:
            try:
                if closed := await sweep():
                    _log.warning("closed %(count)d checks whose process died before it could decide", {"count": closed})
            except Exception as error:  # noqa: BLE001 - a sweeper that died would leave abandoned checks unrecorded
                _log.warning("could not sweep: %(error)s", {"error": type(error).__name__})
            await asyncio.sleep(_SWEEP_S)

    async with running(now_and_then()):
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
