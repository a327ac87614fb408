"""Fifty planted secrets, the whole pipeline at DEBUG while everything goes wrong, and none of them outside the vault.

Threat T15. The vault is what lies sealed in the database, and the folder of keys. Everything else is searched: log
lines, bodies of answers and of events, figures, what commands print, and the bytes of the database.
"""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from adapters.mock.operator.profile import load_profile
from tests.stories.conftest import PATIENT
from tests.stories.test_webhooks import QUICKLY
from tests.support.broker import SECRET
from tests.support.canaries import Canaries, Overheard
from tests.support.databases import database, execute
from tests.support.sinks import Sink, running_sink
from tests.support.stage import Stage, set_stage

NUMBERS = [f"+34600{n}" for n in (417203, 528916, 639174, 740852, 851963, 962074)]
"""Of subscribers whom the operators do not know, or who are made known below; none is in the stage's own tables."""
TOLD = {
    "name": "Eulalia Quintanilla Zabaleta",
    "given name": "Hermenegilda",
    "family name": "Etxeberria Goikoetxea",
    "name of another alphabet": "Ксения Вознесенская",
    "email": "canary.eulalia@mail.example",
    "document": "77665544X-CANARY",
    "birthdate": "1951-07-29",
    "name in the operator's file": "Alma Serrano Vidal",
    "latitude": "40.41683127",
    "longitude": "-3.70379219",
    "iban": "ES7921000813610123456789",
    "payee": "Wenceslao Planted",
    "account": "7361529840",
    "operator token": "ot-planted-canary-0001",
    "another operator token": "ot-planted-canary-0002",
    "code": "8365920174",
    "another code": "9057312846",
    "idempotency key": "canary-idempotency-key",
    "conversation": "canary-conversation-id",
    "correlator": "canary-correlator",
    "purpose": "CanaryPurposeOfNobody",
    "justification": "the caller cried, says the canary",
    "proof of a consent": "recording canary 4711",
    "reviewer's note": "canary note of a reviewer",
    "no key": "tb_canary_no_such_key_at_all",
    "bearer of another": "eyJhbGciOiJub25lIn0.canary.payload",
    "challenge": "chg_canary_of_nobody",
    "in a path": "canary-in-a-path",
    "in a query": "canary-in-a-query",
    "in a header": "canary-in-a-header",
    "in broken JSON": "canary in broken json",
    "raised": "canary raised in the server",
}
FAULTS = ("status", "malformed", "html", "wrong_type", "duplicate_members")
Bodies = list[bytes]


class Watched(NamedTuple):
    """A stage, what must not be seen, and what is seen of it."""

    stage: Stage
    canaries: Canaries
    overheard: Overheard
    sink: Sink
    bodies: Bodies
    clients: dict[str, httpx.Client]


class Raising:
    """Around the application: an error that nobody catches, with a secret in its words and in its locals."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/raise":
            secret = TOLD["raised"]
            raise ValueError(f"cannot go on with {secret}")
        await self._app(scope, receive, send)


def of_keys(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What lies in the folder of keys: each file, and each line of one that is text."""
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        if path.suffix == ".secret":
            continue  # all the same one, planted by its own name
        lines = content.split(b"\n") if content.isascii() else [content]
        private = [line for line in lines if len(line) >= 32 and not line.startswith(b"-----")]
        yield from ((f"{path.name} {place}", line) for place, line in enumerate(private))


def watched(folder: Path, changes: dict[str, Any], hostile: bool) -> Iterator[Watched]:
    profiles = {"cadenza": load_profile("hostile")} if hostile else {}
    changes = PATIENT | QUICKLY | {"cache_entries_max = 50000": "cache_entries_max = 0"} | changes
    with (
        Overheard() as overheard,
        running_sink() as sink,
        set_stage(folder, changes=changes, profiles=profiles, around=Raising) as stage,
    ):
        planted = {f"number {place}": number for place, number in enumerate(NUMBERS)} | TOLD | {"client secret": SECRET}
        broker, bodies = stage.broker, Bodies()
        keys = {
            "agent": broker.agent_key,
            "desk": broker.key("acme", "trust:check", "trust:explain", "trust:review", consumer="desk"),
            "officer": broker.key("acme", "consent:read", "consent:write", "privacy:write", "privacy:read"),
            "backend": broker.key("acme", "network:read", consumer="backend"),
            "ops": broker.key("acme", "events:manage", "metrics:read", consumer="ops"),
            "nobody": TOLD["no key"],
            "forger": TOLD["bearer of another"],
        }
        planted |= {f"key of the {name}": key for name, key in keys.items() if name not in {"nobody", "forger"}}
        clients = {name: broker.http(key) for name, key in keys.items()}
        for client in clients.values():
            client.event_hooks["response"].append(lambda answer: bodies.append(answer.read()))
        canaries = Canaries(planted)
        for name, line in of_keys(broker.folder / "keys"):
            canaries.add(name, line)
        yield Watched(stage, canaries, overheard, sink, bodies, clients)
        for client in clients.values():
            client.close()


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    yield from watched(tmp_path_factory.mktemp("canaries"), {}, hostile=False)


def question(number: str, **more: Any) -> dict[str, Any]:
    place = {"latitude": float(TOLD["latitude"]), "longitude": float(TOLD["longitude"]), "radiusM": 5000}
    claims = {"name": TOLD["name"], "email": TOLD["email"], "idDocument": TOLD["document"]}
    claims |= {"birthdate": TOLD["birthdate"], "givenName": TOLD["given name"], "familyName": TOLD["family name"]}
    attributes = {"payeeName": TOLD["payee"], "account": int(TOLD["account"]), "newPayee": True}
    return {
        "subject": {
            "phoneNumber": number,
            "location": place,
            "claims": claims,
            "operatorToken": TOLD["operator token"],
        },
        "action": {
            "type": "payment.transfer",
            "amount": {"value": "950.00", "currency": "EUR"},
            "resource": f"iban:{TOLD['iban']}",
            "attributes": attributes,
        },
        "context": {"channel": "voice", "conversationId": TOLD["conversation"]},
        "purpose": "FraudPreventionAndDetection",
    } | more


def checks(on: Watched, number: str) -> None:
    """Over REST: right, wrong and broken."""
    post = on.clients["agent"].post
    key = {"Idempotency-Key": TOLD["idempotency key"] + number[-3:], "x-correlator": TOLD["correlator"]}
    post("/v1/trust-checks", json=question(number), headers=key)
    post("/v1/trust-checks", json=question(number, purpose=TOLD["purpose"]))
    post("/v1/trust-checks", json=question(number, noSuchMember=number))
    post("/v1/trust-checks", json=question(number.replace("+", "00")))
    broken = f'{{"subject": "{TOLD["in broken JSON"]} {number}'.encode()
    post("/v1/trust-checks", content=broken, headers={"content-type": "application/json"})
    post(f"/v1/trust-checks/{TOLD['in a path']}/challenges", json={"method": "sms_otp", "phoneNumber": number})
    on.clients["agent"].get(f"/v1/{number}/{TOLD['in a path']}?q={TOLD['in a query']}&number={number}")
    on.clients["agent"].get("/v1/trust-checks/x", headers={"x-other": TOLD["in a header"], "x-correlator": "a b"})
    for name in ("nobody", "forger"):
        on.clients[name].post("/v1/trust-checks", json=question(number))


def step_up(on: Watched, number: str) -> None:
    """A challenge with a wrong code, a wrong token, and one of nobody."""
    asked = {"subject": {"phoneNumber": number}, "purpose": "FraudPreventionAndDetection"}
    action = question(number)["action"]
    check = on.clients["agent"].post("/v1/trust-checks", json=asked | {"action": action}).json()
    for step in [step for step in check.get("nextSteps", []) if step["type"] == "challenge"]:
        started = on.clients["agent"].post(step["href"], json={"method": step["method"], "phoneNumber": number})
        if started.status_code != 201:
            continue
        if "link" in started.json():
            secret = started.json()["link"].rpartition("/")[2]
            on.bodies.remove(started.content)  # the link is for the caller; it is looked for elsewhere
            on.canaries.add(f"link {secret[:4]}", secret)
            httpx.get(started.json()["link"], trust_env=False)
        for answer in ({"code": TOLD["code"]}, {"operatorToken": TOLD["another operator token"]}):
            on.clients["agent"].post(f"{started.json()['href']}/answer", json=answer)
    if "id" in check:
        path = f"/v1/trust-checks/{check['id']}"
        on.clients["agent"].post(f"{path}/reviews", json={"justification": TOLD["justification"]})
        on.clients["agent"].get(f"{path}/challenges/{TOLD['challenge']}")
        on.clients["desk"].get(f"{path}/explanation")


def facade(on: Watched, number: str) -> None:
    call = on.clients["backend"].post
    call("/camara/sim-swap/v2/check", json={"phoneNumber": number})
    call("/camara/sim-swap/v2/check", json={"phoneNumber": number, "noSuchMember": TOLD["in a query"]})
    call("/camara/kyc-match/v0.4/match", json={"phoneNumber": number, "name": TOLD["name of another alphabet"]})
    call(f"/camara/{TOLD['in a path']}/v1/{number}", json={"phoneNumber": number})


def mcp(on: Watched, number: str) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    for arguments in (question(number), {"subject": {"phoneNumber": number}, "noSuchMember": number}):
        body = call | {"params": {"name": "check_trust", "arguments": arguments}}
        on.clients["agent"].post("/mcp", json=body, headers=headers)


def people(on: Watched, number: str) -> None:
    """What a person says, and what is taken down of it."""
    post = on.clients["officer"].post
    sent = {"phoneNumber": number, "purpose": "FraudPreventionAndDetection", "signals": ["kyc_match"]}
    sent |= {"noticeVersion": "1", "method": "spoken", "channel": "voice", "proof": TOLD["proof of a consent"]}
    post("/v1/consents", json=sent)
    post("/v1/consents", json=sent | {"signals": [number]})
    post("/v1/subjects/pause", json={"phoneNumber": number, "on": False})
    post("/v1/subjects/pause", json={"phoneNumber": number, "reason": TOLD["reviewer's note"]})


def server(on: Watched, number: str) -> None:
    """An error of ours that nobody catches, and figures."""
    on.bodies.append(httpx.get(f"{on.stage.broker.url}/raise?number={number}", trust_env=False).content)
    on.clients["ops"].get("/metrics")
    on.clients["ops"].get("/health/ready")


WAYS: tuple[Callable[[Watched, str], None], ...] = (checks, step_up, facade, mcp, people, server)


def command(on: Watched, number: str) -> str:
    """What a command prints, errors included."""
    asked = ("check", number, "--action", "payment.transfer", "--operator-token", TOLD["operator token"])
    environment = {"TRUST_BROKER_URL": on.stage.broker.url, "TRUST_BROKER_KEY": on.stage.broker.agent_key}
    line = [sys.executable, "-m", "broker", *asked]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode in {0, 1, 2}, done.stderr
    return done.stdout + done.stderr


def go_wrong(on: Watched, kinds: tuple[str, ...], numbers: list[str]) -> None:
    """Every way, once with nothing wrong and once with each fault at the operator."""
    webhook = on.clients["ops"].post("/v1/webhooks", json={"url": on.sink.url})
    assert webhook.status_code == 201, webhook.text
    on.bodies.remove(webhook.content)  # whoever registers an address is told it again, and its secret, once
    on.canaries.add("webhook's secret", webhook.json()["secret"].removeprefix("whsec_"))
    for place, number in enumerate(numbers):
        kind = (None, *kinds)[place % (len(kinds) + 1)]
        for operator in (on.stage.alba, on.stage.borealis):
            operator.control.no_faults()
            if kind is not None:
                operator.control.fault(kind)
        for way in WAYS:
            way(on, number)


def of_sqlite(on: Watched) -> list[bytes]:
    """The bytes of the database and of its journal."""
    return [path.read_bytes() for path in on.stage.broker.folder.glob("broker.db*")]


def hits(on: Watched, *stored: bytes) -> dict[str, set[str]]:
    """Which canaries can be read where."""
    arrivals = [arrival.body for arrival in on.sink.arrivals()]
    seen = {
        "log": on.canaries.hits("\n".join(on.overheard.written)),
        "answers": on.canaries.hits(*on.bodies),
        "events": on.canaries.hits(*arrivals),
        "database": on.canaries.hits(*stored),
    }
    return {place: found for place, found in seen.items() if found}


def test_nothing_planted_is_seen_outside_the_vault(compact: Watched, capfd: pytest.CaptureFixture[str]) -> None:
    go_wrong(compact, FAULTS[:2], [*NUMBERS[:3], "+34600000101"])
    assert len(compact.canaries) >= 50
    assert len(compact.bodies) > 60
    assert compact.sink.arrivals(), "events came"
    assert hits(compact, *of_sqlite(compact)) == {}
    assert compact.canaries.hits(*capfd.readouterr()) == set()


def test_what_is_withheld_was_really_there_to_be_seen(compact: Watched) -> None:
    """The same records as another formatter writes them: had nobody withheld anything, this search would tell."""
    compact.clients["agent"].get(f"/v1/{NUMBERS[0]}")
    httpx.get(f"{compact.stage.broker.url}/raise", trust_env=False)
    seen = compact.canaries.hits("\n".join(compact.overheard.raw))
    assert {"number 0", "raised"} <= seen


@pytest.mark.parametrize("place", ["log", "answers", "database"])
@pytest.mark.parametrize("spell", ["plain", "hex", "base64", "in an answer"])
def test_a_planted_leak_is_found(compact: Watched, place: str, spell: str) -> None:
    number = NUMBERS[1].removeprefix("+").encode()
    spelled = {
        "plain": number,
        "hex": number.hex().encode(),
        "base64": base64.b64encode(b"??" + number + b"??"),
        "in an answer": json.dumps({"detail": f"no such number: {NUMBERS[1]}"}).encode(),
    }[spell]
    leak = b"a row of a table \x00\x01" + spelled + b"\xff"
    on = compact._replace(bodies=[*compact.bodies])
    if place == "log":
        on.overheard.written.append(leak.decode("latin-1"))
    if place == "answers":
        on.bodies.append(leak)
    try:
        found = hits(on, leak) if place == "database" else hits(on)
        assert "number 1" in found[place]
    finally:
        if place == "log":
            on.overheard.written.pop()


def of_postgres(url: str) -> bytes:
    """Every row of every table, with its bytes in hexadecimal, which the search reads as well."""
    named = asyncio.run(execute(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    rows = [asyncio.run(execute(url, f'SELECT t::text FROM "{name}" AS t')) for (name,) in named]
    return "\n".join(str(row) for table in rows for row in table).encode("utf-8", "surrogateescape")


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_nor_is_anything_with_every_fault_a_hostile_operator_and_commands(
    backend: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with database("postgres", tmp_path) as url:
        changes = {f"sqlite:///{tmp_path}/broker.db": url} if backend == "postgres" else {}
        for on in watched(tmp_path, changes, hostile=True):
            go_wrong(on, FAULTS, [*NUMBERS, "+34600000101", "+34600000102", "+34600000103", "+34600000111"])
            printed = [command(on, number) for number in (NUMBERS[0], "+34600000101", NUMBERS[1].replace("+", ""))]
            stored = [of_postgres(url)] if backend == "postgres" else of_sqlite(on)
            assert len(on.canaries) >= 50
            assert len(b"".join(stored)) > 50_000
            assert hits(on, *stored) == {}
            assert on.canaries.hits(*printed, *capfd.readouterr()) == set()
