"""Runs the suite against the broker, and against the broker's mount with the things that the suite calls by name."""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import uvicorn
import yaml
from litestar import Litestar

from broker.clock import SystemClock
from broker.domain.check import Principal
from broker.surfaces.ports import Services
from tests.conformance.mcp.fixture import FixtureMount
from tests.conformance.places import node, node_packages
from tests.conformance.report import Row
from tests.support.broker import free_socket
from tests.support.stage import set_stage

HERE = Path(__file__).parent
REVISIONS = ("2026-07-28", "2025-11-25")
_SUMMARY = re.compile(
    r"^(?P<mark>[✓✗]) (?P<name>[\w./-]+): (?P<passed>\d+) passed, (?P<failed>\d+) failed", re.MULTILINE
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_SCOPES = ("trust:check", "trust:explain", "policy:read")


def run(folder: Path) -> list[Row]:
    """Both servers under both revisions; ``folder`` takes the stage and the suite's records."""
    with _broker(folder / "stage") as broker, _fixture() as fixture:
        return [
            _row(subject, url, revision, folder)
            for subject, url in (("broker", broker), ("fixture", fixture))
            for revision in REVISIONS
        ]


def _row(subject: str, url: str, revision: str, folder: Path) -> Row:
    expected = HERE / f"expected-{subject}-{revision}.yaml"
    program, _ = node()
    suite = node_packages(HERE) / "@modelcontextprotocol" / "conformance"
    options: list[str | Path] = [
        "--requirements",
        revision,
        "--expected-failures",
        expected,
        "-o",
        folder / f"{subject}-{revision}",
    ]
    done = subprocess.run(
        [program, suite / "dist" / "index.js", "server", "--url", url, *options],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    text = _COLOUR.sub("", done.stdout)
    record = folder / f"{subject}-{revision}.txt"
    record.write_text(text + done.stderr, "utf-8")
    required = set(_listed(suite / "requirements" / f"{revision}.yaml"))
    failed = read_unexpected(text)
    if done.returncode and not failed:
        failed = (f"the suite ended with {done.returncode}: see {record}",)
    excused = {name.partition(":")[0] for name in _listed(expected)}
    results = {found["name"]: found["mark"] == "✓" for found in _SUMMARY.finditer(text) if found["name"] in required}
    if not results:
        failed = (*failed, f"nothing was tried: see {record}")
    passed = sum(passed and name not in excused for name, passed in results.items())
    return Row("MCP", f"{subject}, {revision}", passed, len(results.keys() & excused), failed)


def read_unexpected(text: str) -> tuple[str, ...]:
    """What the suite says must not have failed, and what it says passed although it is excused: that excuse is old."""
    told = re.split(r"^(?:Unexpected failures|Stale baseline entries)[^\n]*:$", text, flags=re.MULTILINE)[1:]
    lists = (part.partition("\n\n")[0] for part in told)
    return tuple(name for one in lists for name in re.findall(r"^  [✓✗] (\S+)", one, re.MULTILINE))


def _listed(path: Path) -> list[str]:
    return yaml.safe_load(path.read_text("utf-8")).get("server") or []


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    """The real one, on a stage. The suite has no credential to send, so one is put in where none came."""
    folder.mkdir(parents=True, exist_ok=True)
    key: list[bytes] = []
    with set_stage(folder, around=lambda app: WithKey(app, key)) as stage:
        key.append(f"Bearer {stage.broker.key('acme', *_SCOPES)}".encode())
        yield f"{stage.broker.url}/mcp"


@contextmanager
def _fixture() -> Iterator[str]:
    async def authenticate(_header: str | None) -> Principal:
        return Principal("acme", "suite", None, frozenset(_SCOPES), "key")

    bound = free_socket()
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    services = SimpleNamespace(public_url=url, authenticate=authenticate, clock=SystemClock())
    mount = FixtureMount(cast("Services", services))
    app = Litestar([mount.handler], lifespan=[lambda _app: mount.running()], openapi_config=None)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="fixture")
    thread.start()
    try:
        yield f"{url}/mcp"
    finally:
        server.should_exit = True
        thread.join()


class WithKey:
    """An application that is called with a credential where none came."""

    def __init__(self, app: Callable[..., Any], key: list[bytes]) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand on."""
        if scope["type"] == "http" and self._key and not any(name == b"authorization" for name, _ in scope["headers"]):
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", self._key[0])]}
        await self._app(scope, receive, send)
