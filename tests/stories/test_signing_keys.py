"""Keys are rotated under load, and revoked in a drill: nothing else fails, and the stolen key is worth nothing."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from broker.audit import receipts
from broker.surfaces.cli import signing
from tests.support.stage import Stage, set_stage

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
    keys = published.json()
    assert published.headers["cache-control"] == "public, max-age=60", "verifiers hear of a revocation within a minute"
    assert faults == []
    assert {receipts.kid(token) for token in tokens} <= {key["kid"] for key in keys["keys"]}
    for token in tokens:
        receipts.verify(token, keys, now=datetime.now(UTC))
    assert "signing" in run(stage, "list")[1]


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
