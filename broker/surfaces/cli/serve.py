"""``trust-broker serve``."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

import uvicorn
import uvloop

from broker.surfaces import logs
from broker.surfaces.api.app import create_app
from broker.surfaces.cli.ports import Deployment
from broker.surfaces.cli.workers import run_workers
from broker.surfaces.server import configure

_GC_THRESHOLDS = (50_000, 20, 50)


class Place(NamedTuple):
    """Where to listen: an address, or ``fd``, a listening socket that this process was started with."""

    host: str
    port: int
    fd: int | None = None


def run(deployment: Deployment, *, host: str | None, port: int | None, workers: int, fd: int | None) -> int:
    """Serve in this process, or in several others behind one port; the exit code."""
    place = Place(host or deployment.host, deployment.port if port is None else port, fd)
    if workers == 1:
        serve(deployment, place)
        return 0
    logs.set_up(deployment.log_style)
    arguments = ["serve", "--config", str(deployment.folder), "--host", place.host, "--port", str(place.port)]
    return run_workers(arguments, workers, place.host, place.port)


def serve(deployment: Deployment, place: Place) -> None:
    """Serve until told to stop; what is under way is finished first."""
    logs.set_up(deployment.log_style)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(deployment, place))


async def _serve(deployment: Deployment, place: Place) -> None:
    async with deployment.services() as services:
        app = create_app(services)
        tls = deployment.tls
        config = configure(app, request_read_s=deployment.request_read_s, tls=tls, host=place.host, port=place.port)
        settle_memory()
        logging.getLogger(__name__).info(
            "listening on %(scheme)s://%(host)s:%(port)d",
            {"scheme": "https" if tls.certificate else "http", "host": place.host, "port": place.port},
        )
        server = _Server(config)
        if place.fd is None:
            await server.serve()
            return
        # Standard input is a pipe from whoever started us: it ends when that process does, however that happens.
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _leave, server)
        with socket.socket(fileno=place.fd) as shared:
            await server.serve(sockets=[shared])


def _leave(server: uvicorn.Server) -> None:
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    server.handle_exit(signal.SIGTERM, None)


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


def settle_memory() -> None:
    """Take what start-up made out of the collector's sight: walking it was the larger part of the latency tail."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
