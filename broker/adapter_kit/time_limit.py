"""A limit on the time of a call, that holds nothing against an operator while it is our own loop that is late."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

_STALLED_S = 0.02
_GRACE_S = 0.05


@contextlib.asynccontextmanager
async def within(timeout_s: float) -> AsyncIterator[None]:
    """As ``asyncio.timeout``, in seconds, but that a loop which was busy looks at what has come before it gives up.

    Timers are run before sockets are read: when a thousand checks come at once, an answer that waits in its socket
    would be late for no fault of the operator's, asked for again, and held against it.
    """
    loop = asyncio.get_running_loop()
    due_s = loop.time() + timeout_s
    timer: asyncio.TimerHandle
    async with asyncio.timeout(None) as limit:

        def give_up() -> None:
            limit.reschedule(loop.time())

        def look() -> None:
            nonlocal timer
            stalled_s = loop.time() - due_s
            if stalled_s < _STALLED_S:
                give_up()
            else:
                timer = loop.call_later(min(stalled_s, _GRACE_S), give_up)

        timer = loop.call_at(due_s, look)
        try:
            yield
        finally:
            timer.cancel()
