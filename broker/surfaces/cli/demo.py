"""``trust-broker demo``: pretend operators, the broker and an agent, each a process of its own, over real HTTP."""

import asyncio
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from broker.client import Answer, TrustBroker
from broker.surfaces.cli import demo_record, demo_review, demo_step_up
from broker.surfaces.cli.demo_trial import Trial
from broker.surfaces.cli.ports import Deployment, OpenDeployment
from broker.surfaces.cli.processes import Ports, Processes, StartFailed, interrupted, told_to_stop
from broker.surfaces.cli.situations import SITUATIONS, Situation
from broker.usecases.consumers.manage_keys import NewKey

_BROKER_PORT = 8080
_OPERATOR_PORTS = {"alba": 9101, "borealis": 9102, "cadenza": 9103}
# What an operator wants to see besides our public key, with the option that tells it.
_SECRETS = {
    "borealis": {"--client-secret-file": "borealis-client.secret"},
    "cadenza": {"--client-secret-file": "cadenza-client.secret", "--api-key-file": "cadenza-api.secret"},
}
_DOWN = "borealis"
_CALLBACK = "/v1/step-up/callback"
_SOMEBODY = "000127"
_PURPOSE = "FraudPreventionAndDetection"
_WIDTH = 160
_CLERK_SCOPES = ("consent:read", "consent:write")
_ANALYST_SCOPES = ("trust:check", "trust:explain", "policy:read", "policy:publish", "policy:stop")
_COLOURS = {"allow": "green", "step_up": "yellow", "review": "magenta", "deny": "red"}


class Stage(NamedTuple):
    """Where everything is: the folder of the demo, the address of the broker, and the ports of the operators."""

    folder: Path
    url: str
    broker_port: int
    operator_ports: dict[str, int]


def run(folder: Path, open_deployment: OpenDeployment, *, once: bool) -> int:
    """Set the stage, run the situations, print the table; then stay up unless ``once``. The exit code."""
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    try:
        with interrupted(), Ports() as ports, Processes(folder, {}) as processes:
            stage = _stage(folder, open_deployment, ports)
            deployment = open_deployment(folder / "config")
            agent_key, analyst_key, reviewer_key, clerk_key = asyncio.run(_keys(deployment))
            _write_credentials(stage, analyst_key)
            _start(stage, processes)
            _record_consents(stage, clerk_key)
            last_check = _perform(stage, processes, agent_key, analyst_key, console)
            with TrustBroker(stage.url, agent_key) as agent:
                demo_step_up.show(agent, console)
            demo_review.show(stage.url, agent_key, reviewer_key, console)
            demo_record.show(deployment, folder, last_check, console)
            if not once:
                with told_to_stop() as stop:
                    _invite(stage, analyst_key, console)
                    stop.wait()
    except StartFailed as error:
        console.print(f"[red]{error}[/red]")
        return 1
    return 0


def _stage(folder: Path, open_deployment: OpenDeployment, ports: Ports) -> Stage:
    """A configuration of its own, so that the demo neither needs nor changes anybody's."""
    source = open_deployment(None).folder
    config = folder / "config"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    shutil.copytree(source, config)
    port = ports.take(_BROKER_PORT)
    operator_ports = {name: ports.take(preferred) for name, preferred in _OPERATOR_PORTS.items()}
    url = f"http://127.0.0.1:{port}"
    for path in config.rglob("*.toml"):
        path.write_text(path.read_text("utf-8").replace("var/", f"{folder}/"), "utf-8")
    _set(config / "broker.toml", port=port, public_url=url, finder="finder.toml")
    alba = f"http://127.0.0.1:{operator_ports['alba']}"
    _set(config / "routing" / "finder.toml", base_url=alba, token_url=f"{alba}/oauth2/token")
    for name, operator_port in operator_ports.items():
        _set(config / "operators" / f"{name}.toml", base_url=f"http://127.0.0.1:{operator_port}")
    _set(config / "operators" / "sandbox.toml", base_url=alba)  # one pretend operator plays both parts
    for name in ("alba", "sandbox"):
        _set(config / "operators" / f"{name}.toml", redirect_uri=f"{url}{_CALLBACK}")
    _share_secrets(folder / "keys")
    return Stage(folder, url, port, operator_ports)


def _share_secrets(keys: Path) -> None:
    """The secrets that the broker shares with two of the operators; alba trusts the broker's public key alone."""
    keys.mkdir(mode=0o700)
    for files in _SECRETS.values():
        for name in files.values():
            (keys / name).touch(mode=0o600)
            (keys / name).write_text(secrets.token_urlsafe(32), "utf-8")


def _set(path: Path, **values: str | int) -> None:
    """Change settings in a TOML file and keep its comments, so that the demo's files still explain themselves."""
    text = path.read_text("utf-8")
    for name, value in values.items():
        shown = str(value) if isinstance(value, int) else f'"{value}"'
        text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {shown}", text)
        if count != 1:
            raise StartFailed(f"{path} has no single setting {name}")
    path.write_text(text, "utf-8")


async def _keys(deployment: Deployment) -> tuple[str, str, str, str]:
    async with deployment.key_ring() as ring:
        agent = await ring.create(NewKey("demo", "shop", "till-agent", ("trust:check",), None))
        analyst = await ring.create(NewKey("demo", "analyst", None, _ANALYST_SCOPES, None))
        reviewer = await ring.create(NewKey("demo", "reviewer", None, demo_review.REVIEWER_SCOPES, None))
        clerk = await ring.create(NewKey("demo", "clerk", None, _CLERK_SCOPES, None))
        return agent, analyst, reviewer, clerk


def _record_consents(stage: Stage, key: str) -> None:
    """The people of the demo have agreed that their operator confirms where they are."""
    asked_about = dict.fromkeys(number for one in SITUATIONS for number in (one.number, _somebody(one)))
    with TrustBroker(stage.url, key) as clerk:
        for number in asked_about:
            agreed = {"signals": ["location"], "purpose": _PURPOSE, "noticeVersion": "demo-1"}
            given = {"method": "checkbox", "channel": "app"}
            clerk.call("POST", "/v1/consents", {"phoneNumber": number, **agreed, **given})


def _write_credentials(stage: Stage, key: str) -> None:
    path = stage.folder / "credentials.toml"
    path.touch(mode=0o600)
    path.write_text(f'url = "{stage.url}"\nkey = "{key}"\n', "utf-8")


def _start(stage: Stage, processes: Processes) -> None:
    for name in stage.operator_ports:
        _start_operator(stage, processes, name)
    processes.start("broker", ["serve", "--config", str(stage.folder / "config")])
    for name, port in stage.operator_ports.items():
        processes.wait_for(name, f"http://127.0.0.1:{port}/.well-known/openid-configuration")
    processes.wait_for("broker", f"{stage.url}/health/ready")


def _start_operator(stage: Stage, processes: Processes, name: str) -> None:
    shared = _SECRETS.get(name, {}).items()
    secret = [word for option, file in shared for word in (option, str(stage.folder / "keys" / file))]
    keys = f"{stage.url}/.well-known/client-jwks.json"
    port = str(stage.operator_ports[name])
    back = ["--client-redirect-uri", f"{stage.url}{_CALLBACK}"]
    processes.start(name, ["mock-operator", "--port", port, "--profile", name, "--client-jwks", keys, *back, *secret])


def _perform(stage: Stage, processes: Processes, agent_key: str, analyst_key: str, console: Console) -> str:
    """Run the situations; the id of the last check."""
    table = Table(title="An agent asks before it acts", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    for column in ("situation", "action", "decision", "verdict", "trust", "reasons", "ms"):
        table.add_column(column, justify="right" if column == "ms" else "left", no_wrap=column != "reasons")
    with TrustBroker(stage.url, agent_key) as agent, TrustBroker(stage.url, analyst_key) as analyst:
        trial = Trial(analyst, stage.folder / "config" / "policies")
        trial.start()
        _warm_up(agent)
        for situation in SITUATIONS:
            with _downtime(stage, processes, situation):
                started_s = time.perf_counter()
                answer = _ask(agent, situation)
                latency_ms = (time.perf_counter() - started_s) * 1000
            # The agent is told what to do; why, in full, is for whoever may explain.
            explained = analyst.read(answer.document["id"])
            table.add_row(*_row(situation, answer, explained, latency_ms))
        console.print(table)
        trial.show(console)
        return str(answer.document["id"])


def _warm_up(agent: TrustBroker) -> None:
    """The first check fetches tokens and opens connections; that is not what the table is about.

    It asks about other people: what was asked about somebody counts for what is asked next.
    """
    for situation in SITUATIONS:
        _ask(agent, situation._replace(number=_somebody(situation)))


def _somebody(situation: Situation) -> str:
    return situation.number[: -len(_SOMEBODY)] + _SOMEBODY


def _ask(agent: TrustBroker, situation: Situation) -> Answer:
    return agent.check(
        situation.number,
        situation.action,
        amount=situation.amount,
        attributes=dict(situation.attributes),
        location=situation.place,
        operator_token=situation.operator_token,
        max_evidence_age_s=0,
    )


@contextmanager
def _downtime(stage: Stage, processes: Processes, situation: Situation) -> Iterator[None]:
    if not situation.operator_down:
        yield
        return
    processes.stop(_DOWN)
    yield
    _start_operator(stage, processes, _DOWN)
    processes.wait_for(_DOWN, f"http://127.0.0.1:{stage.operator_ports[_DOWN]}/.well-known/openid-configuration")


def _row(situation: Situation, answer: Answer, explained: Answer, latency_ms: float) -> tuple[str, ...]:
    colour = _COLOURS[answer.decision]
    document = explained.document
    action = " ".join((situation.action, *(situation.amount or ())))
    reasons = ", ".join(reason["code"] for reason in document["reasons"])
    trust = f"{document['trustBand']} {document['trustScore']}"
    decision = f"[{colour}]{answer.decision}[/{colour}]"
    return (situation.title, action, decision, answer.verdict, trust, reasons or "-", f"{latency_ms:.0f}")


def _invite(stage: Stage, key: str, console: Console) -> None:
    question = (
        '{"subject":{"phoneNumber":"+34600000102"},'
        '"action":{"type":"payment.transfer","amount":{"value":"120.00","currency":"EUR"}},'
        '"purpose":"FraudPreventionAndDetection"}'
    )
    console.print("\n[bold]Still running.[/bold] Try:\n")
    command = (
        f"curl -s {stage.url}/v1/trust-checks -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
    )
    console.print(f"{command} -d '{question}'\n", soft_wrap=True, highlight=False, markup=False)
    console.print(
        ".venv/bin/trust-broker check +34600000105 --action payment.transfer --amount 120 --currency EUR\n",
        soft_wrap=True,
        highlight=False,
    )
    console.print(
        f"MCP       {stage.url}/mcp  (Streamable HTTP, tool check_trust, the same bearer key)", highlight=False
    )
    console.print(f"API docs  {stage.url}/schema", highlight=False)
    for name, port in stage.operator_ports.items():
        console.print(f"Operator  http://127.0.0.1:{port}  ({name})", highlight=False)
    console.print("\nCtrl-C ends everything.")
