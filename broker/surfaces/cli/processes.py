"""Child processes: started together, watched, ended together, however whoever started them is ended."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_START_S = 30.0
_STOP_S = 10.0
_PAUSE_S = 0.05
_PORTS_TRIED = 20
_ENDS = (signal.SIGINT, signal.SIGTERM)


class StartFailed(Exception):
    """A process ended or stayed silent; the text names its log."""


@contextlib.contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """Inside it, Ctrl-C and SIGTERM set the event and do nothing else."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    with _on_ends(on_signal):
        yield stop


@contextlib.contextmanager
def interrupted() -> Iterator[None]:
    """Inside it, SIGTERM is what Ctrl-C is, an exception, so that nothing that was started outlives it."""
    with _on_ends(signal.default_int_handler):
        yield


@contextlib.contextmanager
def _on_ends(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    # Both are set: who is started in the background by a script has Ctrl-C ignored.
    before = {number: signal.signal(number, handler) for number in _ENDS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


class Processes:
    """A set of ``trust-broker`` processes with one log file each in ``folder``."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start ``trust-broker ARGUMENTS`` as ``name``."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                [sys.executable, "-m", "broker", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, name: str, url: str) -> None:
        """Return when ``url`` answers with less than 500.

        Raises:
            StartFailed: the process ended, or half a minute went by.
        """
        until_s = time.monotonic() + _START_S
        while time.monotonic() < until_s:
            if self._running[name].poll() is not None:
                break
            if _answers(url):
                return
            time.sleep(_PAUSE_S)
        raise StartFailed(f"{name} did not start; see {self._folder / f'{name}.log'}")

    def stop(self, name: str) -> None:
        """End one process and wait for it."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=1)
    with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
        connection.request("GET", parts.path)
        # Closed by itself: where the server ends the connection, the answer holds the socket and nobody else does.
        with connection.getresponse() as response:
            return response.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return False


class Ports:
    """Ports for processes that start later; two demos on one machine never choose the same.

    A port that was free a moment ago may be another demo's by now, so each is also claimed by a lock on a file of its
    own in the machine's temporary folder, until this is closed.
    """

    def __init__(self) -> None:
        self._locks: list[int] = []

    def take(self, preferred: int) -> int:
        """The preferred port where nobody listens on it or has claimed it, any free one otherwise.

        Raises:
            StartFailed: none is left.
        """
        for wanted in (preferred, *[0] * _PORTS_TRIED):
            port = _free(wanted)
            if port is not None and self._claim(port):
                return port
        raise StartFailed("no free port on 127.0.0.1")

    def _claim(self, port: int) -> bool:
        path = Path(tempfile.gettempdir()) / f"trust-broker-port-{port}.lock"
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError:  # another user's
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._locks.append(lock)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._locks:
            os.close(self._locks.pop())


def _free(wanted: int) -> int | None:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        return int(probe.getsockname()[1])
    return None
