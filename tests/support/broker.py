"""A running broker for tests: real server, real database, real HTTP, in a thread of the test process."""

import asyncio
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import uvicorn

from broker import settings as settings_module
from broker.bootstrap import Deployment
from broker.client import TrustBroker
from broker.clock import Clock, SystemClock
from broker.surfaces.api.app import create_app
from broker.surfaces.server import configure as configure_server
from broker.usecases.consumers.manage_keys import NewKey
from tests.support.databases import new_sqlite
from tests.support.loopback import NOBODY

CONFIG = Path(__file__).parents[2] / "config"
_START_S = 20
SECRET = "a secret of the stage"


class RunningBroker(NamedTuple):
    """Where it is and how to get in. ``agent`` may check, ``analyst`` may check and explain."""

    url: str
    folder: Path
    deployment: Deployment
    agent_key: str
    analyst_key: str

    def client(self, key: str | None = None) -> TrustBroker:
        return TrustBroker(self.url, key or self.agent_key)

    def http(self, key: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key or self.agent_key}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=10, verify=NOBODY)

    def key(self, tenant: str, *scopes: str, consumer: str = "test", agent: str | None = None) -> str:
        wanted = NewKey(tenant, consumer, agent, scopes, None)
        with ThreadPoolExecutor(1) as pool:  # the caller may have a loop of its own
            return pool.submit(lambda: asyncio.run(_create_key(self.deployment, wanted))).result()

    def keys(self, tenant: str, scopes: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Keys of several consumers at once, by their names."""

        async def made() -> dict[str, str]:
            async with self.deployment.key_ring() as ring:
                return {name: await ring.create(NewKey(tenant, name, None, own, None)) for name, own in scopes.items()}

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(made())).result()


def free_socket() -> socket.socket:
    """A listening place of its own: bound now, so that its address is known before anything starts."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def share_secrets(folder: Path) -> None:
    """The secrets that the shipped configuration shares with pretend operators: all of them the same one here."""
    keys = folder / "keys"
    keys.mkdir(mode=0o700)
    for name in ("borealis-client", "cadenza-client", "cadenza-api"):
        (keys / f"{name}.secret").touch(mode=0o600)
        (keys / f"{name}.secret").write_text(SECRET, "utf-8")


# Most stories ask about the same few people again and again; what is remembered of them is the story of test_cautious.
FORGETFUL = {
    "class_window_s = 900": "class_window_s = 0",
    "adverse_window_s = 3600": "adverse_window_s = 0",
    "amount_window_s = 86400": "amount_window_s = 0",
    "subjects_flagged = 60": "subjects_flagged = 0",
    "subjects_max = 600": "subjects_max = 0",
    "run_flagged = 10": "run_flagged = 0",
    "block_flagged = 30": "block_flagged = 0",
    "block_max = 100": "block_max = 0",
    "circles_daily = 3": "circles_daily = 0",
    # What must not show in the time of an answer is the story of test_oracle.
    "unseen_step_ms = 250": "unseen_step_ms = 0",
    # What becomes of an answer that takes too long is the story of test_faults and test_late_answers.
    "deadline_default_ms = 1500": "deadline_default_ms = 4000",
    "attempt_start_ms = 1200": "attempt_start_ms = 2500",
    # How long a store is waited for is the story of test_storage_faults and test_faults; machines may be slow.
    "commit_wait_ms = 2000": "commit_wait_ms = 10000",
    "read_wait_ms = 1000": "read_wait_ms = 10000",
    "record_grace_ms = 500": "record_grace_ms = 10000",
    # Consents of our own are the story of test_consents.
    'ledger = "required"': 'ledger = "operators"',
}


def edit(config: Path, edits: Mapping[str, Mapping[str, str]]) -> None:
    """Replace texts in files of a configuration, by their paths in it; each stands there once."""
    for name, changes in edits.items():
        text = (config / name).read_text("utf-8")
        for before, after in changes.items():
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        (config / name).write_text(text, "utf-8")


def configure(folder: Path, operators: Mapping[str, str], port: int, changes: Mapping[str, Any] | None = None) -> None:
    """A copy of the shipped configuration in ``folder/config``, with operators at the given addresses."""
    config = folder / "config"
    shutil.copytree(CONFIG, config)
    new_sqlite(folder / "broker.db")  # to migrate anew costs every stage a second; test_storage_migrations does it
    for path in config.rglob("*.toml"):
        path.write_text(path.read_text("utf-8").replace("var/", f"{folder}/"), "utf-8")
    broker = config / "broker.toml"
    text = broker.read_text("utf-8").replace("8080", str(port))
    for before, after in (FORGETFUL | dict(changes or {})).items():
        assert text.count(before) == 1, before
        text = text.replace(before, str(after))
    broker.write_text(text, "utf-8")
    finder = config / "routing" / "finder.toml"
    if "alba" in operators:
        text = finder.read_text("utf-8").replace("http://127.0.0.1:9101", operators["alba"])
        finder.write_text(text.replace("timeout_ms = 400", "timeout_ms = 3000"), "utf-8")  # for slow machines
    for path in (config / "operators").glob("*.toml"):
        if path.stem in operators:
            lines = path.read_text("utf-8").splitlines()
            path.write_text(
                "\n".join(
                    f'base_url = "{operators[path.stem]}"' if line.startswith("base_url") else line for line in lines
                ).replace("http://127.0.0.1:8080/", f"http://127.0.0.1:{port}/"),
                "utf-8",
            )


@contextmanager
def running_broker(
    folder: Path,
    operators: Mapping[str, str],
    *,
    clock: Clock | None = None,
    changes: Mapping[str, Any] | None = None,
    at: socket.socket | None = None,
    files: Mapping[str, str] | None = None,
    around: Callable[[Any], Any] | None = None,
    edits: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[RunningBroker]:
    """Configure, start, hand over, stop. ``at`` is a bound socket where the address had to be known earlier.

    ``around`` puts something between the server and the application. ``edits`` are as in :func:`edit`.
    """
    bound = at or free_socket()
    port = bound.getsockname()[1]
    configure(folder, operators, port, changes)
    config = folder / "config"
    for name, text in (files or {}).items():
        (config / "routing" / name).write_text(text, "utf-8")
    edit(config, edits or {})
    deployment = Deployment(config, settings_module.load(config), clock or SystemClock())
    agent = asyncio.run(_create_key(deployment, NewKey("acme", "shop", "till", ("trust:check",), None)))
    analyst = asyncio.run(_create_key(deployment, NewKey("acme", "desk", None, ("trust:check", "trust:explain"), None)))
    with _serving(deployment, bound, around or (lambda app: app)):
        yield RunningBroker(f"http://127.0.0.1:{port}", folder, deployment, agent, analyst)


async def _create_key(deployment: Deployment, wanted: NewKey) -> str:
    async with deployment.key_ring() as ring:
        return await ring.create(wanted)


@contextmanager
def _serving(deployment: Deployment, bound: socket.socket, around: Callable[[Any], Any]) -> Iterator[None]:
    servers: list[uvicorn.Server] = []
    failures: list[BaseException] = []
    started = threading.Event()

    async def serve() -> None:
        async with deployment.services() as services:
            app = around(create_app(services))
            server = uvicorn.Server(configure_server(app, request_read_s=deployment.request_read_s, tls=deployment.tls))
            servers.append(server)
            asyncio.get_running_loop().call_soon(_announce, server, started)
            await server.serve(sockets=[bound])

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - told to the test that waits
            failures.append(error)
            started.set()

    thread = threading.Thread(target=run, name="broker")
    thread.start()
    try:
        assert started.wait(_START_S), "the broker did not start"
        if failures:
            raise failures[0]
        yield
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(_START_S)
        assert not thread.is_alive(), "the broker did not stop"
        bound.close()


def _announce(server: uvicorn.Server, started: threading.Event) -> None:
    if server.started:
        started.set()
    else:
        asyncio.get_running_loop().call_later(0.01, _announce, server, started)
