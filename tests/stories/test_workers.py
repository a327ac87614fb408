"""Several broker processes behind one port."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.broker import configure, free_socket, share_secrets

_START_S = 60
QUESTION = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()}


def until(condition: Callable[[], bool], why: str) -> None:
    until_s = time.monotonic() + _START_S
    while not condition():
        assert time.monotonic() < until_s, why
        time.sleep(0.05)


class Crew:
    """A running ``serve --workers 2`` and a key for it."""

    def __init__(self, folder: Path, port: int, running: "subprocess.Popen[bytes]", key: str) -> None:
        self.folder, self.running = folder, running
        self._url = f"http://127.0.0.1:{port}"
        self._headers = {"authorization": f"Bearer {key}"}

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self._url}/health/ready", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def ask(self, name: str) -> httpx.Response:
        """Over a connection of its own, so that the kernel may give it to either worker."""
        headers = self._headers | {"idempotency-key": name}
        return httpx.post(
            f"{self._url}/v1/trust-checks", json=QUESTION, headers=headers, trust_env=False, timeout=_START_S
        )


@contextmanager
def _crew(folder: Path) -> Iterator[Crew]:
    with free_socket() as bound:
        port: int = bound.getsockname()[1]
    share_secrets(folder)
    configure(folder, {"alba": "http://127.0.0.1:1"}, port)
    config = str(folder / "config")
    command = [sys.executable, "-m", "broker"]
    created = subprocess.run(
        [*command, "keys", "create", "--tenant", "acme", "--consumer", "shop", "--config", config],
        capture_output=True,
        text=True,
        check=True,
    )
    with (folder / "broker.log").open("ab") as log:
        running = subprocess.Popen([*command, "serve", "--workers", "2", "--config", config], stdout=log, stderr=log)
    try:
        crew = Crew(folder, port, running, created.stdout.strip())
        until(crew.answers, "the workers did not start")
        log_file = folder / "broker.log"
        until(lambda: log_file.read_text("utf-8").count("listening on") == 2, "the second worker did not start")
        yield crew
    finally:
        running.kill()
        running.wait()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_two_workers_share_a_port_and_keys_outlive_one_of_them_and_stop_cleanly(tmp_path: Path) -> None:
    with _crew(tmp_path) as crew:
        names = [f"key-{number % 10}" for number in range(40)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(zip(names, pool.map(crew.ask, names), strict=True))
        assert {answer.status_code for _, answer in answers} <= {200, 409}
        settled: dict[str, set[bytes]] = {name: set() for name in names}
        for name, answer in answers:
            if answer.is_success:
                settled[name].add(answer.content)
        assert {len(bodies) for bodies in settled.values()} == {1}

        # One dies without warning: the other goes on, a third takes its place, and no key is forgotten.
        first, second = sorted(children(crew.running.pid))
        os.kill(first, signal.SIGKILL)
        until(lambda: len(children(crew.running.pid) - {first}) == 2, "no worker took its place")
        assert second in children(crew.running.pid)
        again = crew.ask("key-1")
        assert (again.content, again.headers["idempotency-replayed"]) == (settled["key-1"].pop(), "true")

        workers = children(crew.running.pid)
        crew.running.send_signal(signal.SIGTERM)
        assert crew.running.wait(_START_S) == 0
        assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    with closing(sqlite3.connect(tmp_path / "broker.db")) as database:
        assert database.execute("select count(*) from checks").fetchone() == (10,)
        leaves = database.execute("select count(*) from log_leaves join checks using (tenant, check_id)")
        assert leaves.fetchone() == (10,)


def test_workers_end_with_whoever_started_them(tmp_path: Path) -> None:
    with _crew(tmp_path) as crew:
        crew.running.kill()
        crew.running.wait()
        until(lambda: not crew.answers(), "the workers live on")


def test_a_worker_that_cannot_start_ends_all_with_its_reason(tmp_path: Path) -> None:
    with free_socket() as bound:
        port: int = bound.getsockname()[1]
    configure(tmp_path, {}, port)
    (tmp_path / "config" / "purposes.toml").write_text("[Broken]\nsim_swop = 'consent'\n", "utf-8")
    command = [sys.executable, "-m", "broker", "serve", "--workers", "2", "--config", str(tmp_path / "config")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_START_S * 2)
    assert done.returncode == 1
    assert "sim_swop" in done.stderr
    assert "Traceback" not in done.stderr
