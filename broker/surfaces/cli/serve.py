"""``trust-broker serve``."""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Iterator

import uvicorn
import uvloop

from broker.surfaces.api.app import create_app
from broker.surfaces.cli.ports import Deployment

_GC_THRESHOLDS = (50_000, 20, 50)
_SHUTDOWN_S = 10


def serve(deployment: Deployment, *, host: str | None, port: int | None) -> None:
    """Serve until told to stop; what is under way is finished first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("mcp").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(deployment, host or deployment.host, deployment.port if port is None else port))


async def _serve(deployment: Deployment, host: str, port: int) -> None:
    async with deployment.services() as services:
        config = uvicorn.Config(
            create_app(services),
            host=host,
            port=port,
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
        _settle_memory()
        logging.getLogger(__name__).info("listening on http://%s:%d", host, port)
        await _Server(config).serve()


class _Server(uvicorn.Server):
    """A server that ends by returning. The original raises the signal again at its end, and nothing would be closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals that ask for an end while serving."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _settle_memory() -> None:
    """Take what start-up made out of the collector's sight: walking it was the larger part of the latency tail."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
