"""A stage for rehearsals: one pretend operator that plays all those of a simulated world, and a broker that asks it."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from broker.client import TrustBroker
from broker.surfaces.cli.ports import OpenDeployment
from broker.surfaces.cli.processes import Ports, Processes, StartFailed
from broker.usecases.consumers.manage_keys import NewKey
from broker.usecases.policy.rehearse import RehearsalStage

TENANT = "rehearsal"
_CONTROL_S, _TIMEOUT_S = 10.0, 20.0
# What is remembered of earlier questions, or guards against a crowd of them, is not what a rehearsal is about: each
# question stands alone in the simulation, and one agent asks them all here.
_ALONE = {
    ("pace", "subjects_flagged"): 0,
    ("pace", "subjects_max"): 0,
    ("pace", "run_flagged"): 0,
    ("pace", "block_flagged"): 0,
    ("pace", "block_max"): 0,
    ("guards", "breaker_failures_in_row"): 1_000_000,
    ("guards", "breaker_calls_min"): 1_000_000,
    ("checks", "unseen_step_ms"): 0,
}


class Operators:
    """The control API of the pretend operator."""

    def __init__(self, url: str, key: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=_CONTROL_S)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def call(self, method: str, path: str, members: Mapping[str, Any] | None = None) -> Any:
        """One call.

        Raises:
            StartFailed: it was refused, or the operator is gone.
        """
        body = None if members is None else json.dumps(members)
        try:
            self._connection.request(method, f"/control{path}", body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            raise StartFailed(f"the pretend operator does not answer: {error}") from error
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise StartFailed(f"the pretend operator refused {method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


Configure = Callable[[Path, tuple[str, str]], Path]
"""Writes a configuration into a folder, for a broker and a pretend operator at these URLs; where it is."""


@contextmanager
def rehearsal_stage(folder: Path, configure: Configure, open_deployment: OpenDeployment) -> Iterator[RehearsalStage]:
    """Set it up in an empty folder, and take it down again.

    Raises:
        StartFailed: a process did not start; its log is named.
    """
    with Ports() as ports, Processes(folder, _environment()) as processes:
        port, operator_port = ports.take(0), ports.take(0)
        url, operator_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{operator_port}"
        config = configure(folder, (url, operator_url))
        keys = asyncio.run(_keys(open_deployment, config))
        control = folder / "control.key"
        jwks = ["--client-jwks", f"{url}/.well-known/client-jwks.json"]
        where = ["--port", str(operator_port), "--profile", "alba", "--control-key-file", str(control)]
        processes.start("operator", ["mock-operator", *where, *jwks])
        processes.start("broker", ["serve", "--config", str(config), "--port", str(port)])
        processes.wait_for("operator", f"{operator_url}/.well-known/openid-configuration")
        processes.wait_for("broker", f"{url}/health/ready")
        with ExitStack() as stack:
            agent, analyst, clerk = (stack.enter_context(TrustBroker(url, key, timeout_s=_TIMEOUT_S)) for key in keys)
            operators = stack.enter_context(Operators(operator_url, control.read_text("utf-8")))
            yield RehearsalStage(agent, analyst, clerk, operators)


def _environment() -> dict[str, str]:
    return {f"TRUST_BROKER__{section}__{name}".upper(): str(value) for (section, name), value in _ALONE.items()}


async def _keys(open_deployment: OpenDeployment, config: Path) -> tuple[str, str, str]:
    async with open_deployment(config).key_ring() as ring:
        agent = await ring.create(NewKey(TENANT, "shop", "agent", ("trust:check",), None))
        analyst = await ring.create(NewKey(TENANT, "desk", None, ("trust:check", "trust:explain"), None))
        clerk = await ring.create(NewKey(TENANT, "clerk", None, ("consent:read", "consent:write"), None))
        return agent, analyst, clerk
