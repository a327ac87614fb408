"""Several broker processes behind one port: one for each core, started, replaced and stopped together."""

import contextlib
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from broker.surfaces.cli.processes import told_to_stop

_log = logging.getLogger(__name__)
# Longer than a worker takes to finish what is under way.
_STOP_S = 15.0
_LOOK_S = 0.1
# Between two starts of a worker in place of another: one that dies again and again must not take a core with it.
_PAUSE_S = 1.0
_EXIT_FAULT = 1
"""What a worker ends with that was told wrong: another one would be told the same."""
_BACKLOG = 2048


def run_workers(arguments: Sequence[str], count: int, host: str, port: int) -> int:
    """Run ``trust-broker ARGUMENTS --fd N`` so many times over one listening socket until told to stop.

    The kernel gives each new connection to a worker that waits for one. What they share is the database alone: records,
    idempotency keys and revoked keys are common to all, memories of earlier answers and limits are each worker's own.
    A worker that dies is replaced; one that cannot start for what it was told ends all, with exit code 1.
    """
    with _listening(host, port) as shared, told_to_stop() as stop:
        crew = _Crew([sys.executable, "-m", "broker", *arguments, "--fd", str(shared.fileno())], shared.fileno())
        try:
            for _ in range(count):
                crew.start()
            while not stop.wait(_LOOK_S):
                if not crew.replace_dead():
                    return _EXIT_FAULT
        finally:
            crew.stop()
    return 0


class _Crew:
    """The workers."""

    def __init__(self, command: Sequence[str], shared: int) -> None:
        self._command = command
        self._shared = shared
        self._workers: list[subprocess.Popen[bytes]] = []
        self._not_before_s = 0.0

    def start(self) -> None:
        """Start one more. Its standard input ends with this process, and so does the worker, however this one ends."""
        worker = subprocess.Popen(self._command, stdin=subprocess.PIPE, pass_fds=[self._shared])  # noqa: S603 - our own program
        self._workers.append(worker)

    def replace_dead(self) -> bool:
        """Start a worker in place of one that ended; false when it was told wrong."""
        now_s = time.monotonic()
        for worker in [each for each in self._workers if each.poll() is not None]:
            if worker.returncode == _EXIT_FAULT:
                return False
            if now_s >= self._not_before_s:
                self._not_before_s = now_s + _PAUSE_S
                self._workers.remove(worker)
                _close_input(worker)
                _log.warning(
                    "worker %(process)d ended with %(exit)s; starting another",
                    {"process": worker.pid, "exit": worker.returncode},
                )
                self.start()
        return True

    def stop(self) -> None:
        """Let all finish what is under way, and end those that take too long."""
        for worker in self._workers:
            worker.send_signal(signal.SIGTERM)
        until_s = time.monotonic() + _STOP_S
        for worker in self._workers:
            try:
                worker.wait(max(0.0, until_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
            _close_input(worker)
        self._workers.clear()


def _close_input(worker: "subprocess.Popen[bytes]") -> None:
    if worker.stdin is not None:
        worker.stdin.close()


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=_BACKLOG) as shared:
        yield shared
