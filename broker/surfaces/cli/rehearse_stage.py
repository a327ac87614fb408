"""A stage for rehearsals: one pretend operator that plays all those of a simulated world, and a broker that asks it.

Each operator of the world is a file of the broker's, with its prices and what it offers, and numbers of its own.
"""

import asyncio
import json
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from broker.simulation.parameters import Operator
from broker.simulation.texts import Inputs
from broker.surfaces.cli.ports import OpenDeployment
from broker.surfaces.cli.processes import Ports, Processes, StartFailed
from broker.surfaces.cli.rehearse_lines import APIS
from broker.usecases.consumers.manage_keys import NewKey

TENANT = "rehearsal"
_CONTROL_S = 10.0
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


class RehearsalStage(NamedTuple):
    """What is up: the broker's address, keys of an agent, of one who explains and of one who records consents."""

    url: str
    agent_key: str
    analyst_key: str
    clerk_key: str
    operators: Operators


@contextmanager
def rehearsal_stage(
    folder: Path, inputs: Inputs, world: tuple[Operator, ...], source: Path, open_deployment: OpenDeployment
) -> Iterator[RehearsalStage]:
    """Set it up in an empty folder from the configuration in ``source``, and take it down again.

    Raises:
        StartFailed: a process did not start; its log is named.
    """
    with Ports() as ports, Processes(folder, _environment()) as processes:
        port, operator_port = ports.take(0), ports.take(0)
        url, operator_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{operator_port}"
        config = _configured(folder, inputs, world, source, (url, operator_url))
        agent, analyst, clerk = asyncio.run(_keys(open_deployment, config))
        control = folder / "control.key"
        jwks = ["--client-jwks", f"{url}/.well-known/client-jwks.json"]
        where = ["--port", str(operator_port), "--profile", "alba", "--control-key-file", str(control)]
        processes.start("operator", ["mock-operator", *where, *jwks])
        processes.start("broker", ["serve", "--config", str(config), "--port", str(port)])
        processes.wait_for("operator", f"{operator_url}/.well-known/openid-configuration")
        processes.wait_for("broker", f"{url}/health/ready")
        with Operators(operator_url, control.read_text("utf-8")) as operators:
            yield RehearsalStage(url, agent, analyst, clerk, operators)


def number_of(world: tuple[Operator, ...], operator: str, at: int) -> str:
    """A number of this operator; +999 is assigned to nobody (ITU-T E.164)."""
    return f"{_prefix([one.name for one in world].index(operator))}{at:06d}"


def _prefix(at: int) -> str:
    return f"+999{at:02d}"


def _environment() -> dict[str, str]:
    return {f"TRUST_BROKER__{section}__{name}".upper(): str(value) for (section, name), value in _ALONE.items()}


def _configured(folder: Path, inputs: Inputs, world: tuple[Operator, ...], source: Path, urls: tuple[str, str]) -> Path:
    """A copy of the configuration with the policies of the run, and the world's operators in place of its own."""
    config = folder / "config"
    shutil.copytree(source, config)
    for old in (*(config / "operators").glob("*.toml"), *(config / "policies").glob("*.yaml")):
        old.unlink()
    for path, text in inputs.policies:
        (config / "policies" / Path(path).name).write_text(text, "utf-8")
    for one in world:
        text = _operator(one, source / "operators", folder, urls[1])
        (config / "operators" / f"{one.name}.toml").write_text(text, "utf-8")
    prefixes = "".join(f'"{_prefix(at)}" = "{one.name}"\n' for at, one in enumerate(world))
    (config / "routing" / "prefixes.toml").write_text(f"[prefixes]\n{prefixes}", "utf-8")
    broker = config / "broker.toml"
    text = broker.read_text("utf-8").replace("var/", f"{folder}/").replace("http://127.0.0.1:8080", urls[0])
    broker.write_text(text, "utf-8")
    return config


def _operator(one: Operator, folder: Path, ours: Path, url: str) -> str:
    """The file of an operator: the pretend operator's adapter, what this one offers, and the prices of its model."""
    offered = {APIS[name] for name in one.answers if name in APIS}
    left_out = sorted(set(APIS.values()) - offered)
    lines = [
        'adapter = "mock"',
        f'base_url = "{url}"',
        'client_id = "trust-broker"',
        f'client_key = {{ file = "{ours}/keys/client.pem" }}',
        f"not_ordered = {json.dumps(left_out)}",
    ]
    model = {} if one.priced_as is None else tomllib.loads((folder / f"{one.priced_as}.toml").read_text("utf-8"))
    if price := model.get("price"):
        lines += ["[price]", f'currency = "{price["currency"]}"', *_table("per_call", price["per_call"], offered)]
    if latency := model.get("latency"):
        lines += ["[latency]", *_table("typical_ms", latency["typical_ms"], offered)]
    return "\n".join(lines) + "\n"


def _table(name: str, values: Mapping[str, Any], offered: set[str]) -> list[str]:
    pairs = ", ".join(f"{api} = {json.dumps(value)}" for api, value in values.items() if api in offered)
    return [f"{name} = {{ {pairs} }}"]


async def _keys(open_deployment: OpenDeployment, config: Path) -> tuple[str, str, str]:
    async with open_deployment(config).key_ring() as ring:
        agent = await ring.create(NewKey(TENANT, "shop", "agent", ("trust:check",), None))
        analyst = await ring.create(NewKey(TENANT, "desk", None, ("trust:check", "trust:explain"), None))
        clerk = await ring.create(NewKey(TENANT, "clerk", None, ("consent:read", "consent:write"), None))
        return agent, analyst, clerk
