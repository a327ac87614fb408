"""Keys are rotated under load, and revoked in a drill: nothing else fails, and the stolen key is worth nothing."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from broker.audit import receipts
from broker.surfaces.cli import audit, keys, signing
from tests.support.stage import Stage, set_stage
from tests.support.transit import TransitService, transit

QUESTION: dict[str, Any] = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "sign_in.hint"},
    "purpose": "FraudPreventionAndDetection",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("stage")) as standing:
        yield standing


def run(stage: Stage, *arguments: str) -> tuple[int, str]:
    commands = signing.create(lambda _config: stage.broker.deployment)
    done = CliRunner().invoke(commands, list(arguments))
    return done.exit_code, done.output


def test_a_rotation_under_load_fails_no_request_and_every_receipt_verifies(stage: Stage) -> None:
    tokens: list[str] = []
    faults: list[int] = []
    over = threading.Event()

    def load() -> None:
        with stage.broker.http() as http:
            while not over.is_set():
                answer = http.post("/v1/trust-checks", json=QUESTION)
                if answer.status_code != 200:
                    faults.append(answer.status_code)
                    continue
                tokens.append(answer.json()["receipt"])

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        code, said = run(stage, "rotate", "--after", "0")
        assert code == 0, said
        new = said.split()[0]
        with stage.broker.http() as http:
            while not any(receipts.kid(token) == new for token in list(tokens)):
                http.get("/health/live").raise_for_status()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    with stage.broker.http() as http:
        published = http.get("/.well-known/jwks.json")
    ring = published.json()
    assert published.headers["cache-control"] == "public, max-age=60", "verifiers hear of a revocation within a minute"
    assert faults == []
    assert {receipts.kid(token) for token in tokens} <= {key["kid"] for key in ring["keys"]}
    for token in tokens:
        receipts.verify(token, ring, now=datetime.now(UTC))
    assert "signing" in run(stage, "list")[1]


@contextmanager
def asked_all_the_time(stage: Stage, ask: Callable[[httpx.Client], int]) -> Iterator[list[int]]:
    """Two callers who never stop while the block lasts; the statuses that they heard."""
    heard: list[int] = []
    over = threading.Event()

    def load() -> None:
        with stage.broker.http() as http:
            while not over.is_set():
                heard.append(ask(http))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield heard
        enough = len(heard) + 10
        while len(heard) < enough:
            time.sleep(0.01)
    finally:
        over.set()
        for thread in threads:
            thread.join()


def somebody(http: httpx.Client) -> int:
    """A check of one of many people, most of whom need a key of their own."""
    number = f"+34600000{random.randrange(101, 130)}"
    return http.post("/v1/trust-checks", json=QUESTION | {"subject": {"phoneNumber": number}}).status_code


@pytest.fixture
def in_a_service(tmp_path: Path) -> Iterator[tuple[Stage, TransitService]]:
    """A stage whose root keys are in a key management service."""
    with transit() as service:
        token = tmp_path / "token"
        token.touch(mode=0o600)
        token.write_text(service.token)
        there = {
            'vault = "file"': 'vault = "transit"',
            'transit_url = ""': f'transit_url = "{service.url}"\ntransit_token = "{token}"',
        }
        with set_stage(tmp_path, changes=there) as stage:
            yield stage, service


def rotated_root(stage: Stage) -> str:
    done = CliRunner().invoke(keys.create(lambda _config: stage.broker.deployment), ["rotate-root"])
    assert done.exit_code == 0, done.output
    return str(done.output)


def test_root_and_tenant_keys_change_under_load_and_nobody_notices(
    in_a_service: tuple[Stage, TransitService],
) -> None:
    """Every tenant gets a new key and every person's is wrapped anew, while more people come."""
    stage, service = in_a_service
    with stage.broker.http() as http:
        before = http.post("/v1/trust-checks", json=QUESTION).json()
    with asked_all_the_time(stage, somebody) as heard:
        told = [rotated_root(stage) for _ in range(3)]
    assert set(heard) == {200}
    # Nodes go on with the key of a tenant that they know for a minute; running it again wraps what they sealed, and
    # makes another root key only where nothing was left to wrap.
    versions = [int(one.partition("root key transit/trust-broker:v")[2].partition(":")[0]) for one in told]
    assert versions[0] == 2, told
    assert all(after - before in {0, 1} for before, after in itertools.pairwise(versions)), told
    assert not (stage.broker.folder / "keys" / "vault.keys").exists(), "no root key of ours"
    assert any(call.startswith("POST /v1/transit/decrypt/") for call in service.asked)
    service.sealed = True
    with stage.broker.http() as http, asked_all_the_time(stage, somebody) as heard:
        assert http.get(f"/v1/trust-checks/{before['id']}").json()["decision"] == before["decision"]
    assert set(heard) == {200}, "who is known needs no service"
    stranger = stage.broker.key("newcomer", "trust:check", consumer="shop", agent="till")
    with stage.broker.http(stranger) as http:
        assert http.post("/v1/trust-checks", json=QUESTION).status_code == 503, "and a new tenant waits"
        service.sealed = False
        assert http.post("/v1/trust-checks", json=QUESTION).status_code == 200


def test_the_logs_key_changes_under_load_and_what_a_thief_signs_with_the_old_one_is_refused(
    stage: Stage, tmp_path: Path
) -> None:
    """Threat T28 for the log: the drill, while people ask; then an export, for whoever holds the new key."""
    commands = audit.create(lambda _config: stage.broker.deployment)

    def told(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(commands, list(arguments))
        return done.exit_code, done.output

    first = told("key")[1].strip()
    assert told("drill")[0] == 2, "only with --yes"
    with asked_all_the_time(stage, somebody) as heard:
        drilled = CliRunner().invoke(commands, ["drill", "--yes"])
    code, said = drilled.exit_code, drilled.output
    assert code == 0, (said, drilled.exception)
    assert set(heard) == {200}
    assert "what the thief appended and signed: refused" in said
    second, before = told("key", "--all")[1].split()
    assert (before, second == first) == (first, False)
    with stage.broker.http() as http:
        assert http.get("/.well-known/log.vkey").text.strip() == second
        assert http.get("/health/ready").text == "ready"
    (tmp_path / "keys").write_text(f"{second}\n{before}\n")
    for target in (tmp_path / "log", tmp_path / "log.jsonl"):
        assert told("export", str(target))[0] == 0
        code, said = told("verify", str(target), "--key", str(tmp_path / "keys"))
        assert code == 0, said
        assert told("verify", str(target), "--key", before, "--key", second)[0] == 1, "the old key vouches for nothing"


def test_in_a_drill_the_old_receipt_is_refused_and_a_new_one_is_good(stage: Stage) -> None:
    with stage.broker.http() as http:
        out = http.post("/v1/trust-checks", json=QUESTION).json()["receipt"]
        drill = ("drill", "+34600000101", "--url", stage.broker.url, "--key", stage.broker.agent_key)
        assert run(stage, *drill)[0] == 2, "only with --yes"
        code, said = run(stage, *drill, "--yes")
        assert code == 0, said
        assert "refused" in said
        assert "a new receipt: good" in said
        refused = http.post("/v1/receipts/consume", json={"receipt": out})
        assert (refused.status_code, refused.json()["code"]) == (409, "RECEIPT_FORGED")
    assert "revoked" in run(stage, "list")[1]
