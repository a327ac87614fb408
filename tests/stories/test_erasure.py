"""Somebody asks to be forgotten: two nodes over one database, through the API and the command."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import RunningBroker, running_broker, share_secrets
from tests.support.stage import Stage

ANA = "+34600000101"
QUESTION: dict[str, Any] = {
    "subject": {"phoneNumber": ANA},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
    "context": {"channel": "voice", "conversationId": "c-123"},
}
EVERYWHERE_S = 5.0


@pytest.fixture
def other(stage: Stage, tmp_path: Path) -> Iterator[RunningBroker]:
    """A second node: the same database, the same keys, memory of its own."""
    share_secrets(tmp_path)
    home = stage.broker.folder
    urls = {name: getattr(stage, name).url for name in ("alba", "borealis", "cadenza")}
    shared = {
        f"sqlite:///{tmp_path}/broker.db": f"sqlite:///{home}/broker.db",
        f'directory = "{tmp_path}/keys"': f'directory = "{home}/keys"',
    }
    with running_broker(tmp_path, urls, changes=shared) as node:
        yield node


def test_an_erased_person_is_gone_from_every_node_and_may_come_back(stage: Stage, other: RunningBroker) -> None:
    here = stage.broker
    officer = here.key("acme", "privacy:read", "privacy:write", "policy:read", consumer="officer")
    with here.http() as till, here.http(officer) as office, other.http(here.agent_key) as elsewhere:
        headers = {"idempotency-key": "once"}
        first = till.post("/v1/trust-checks", json=QUESTION, headers=headers).raise_for_status().json()
        where = f"/v1/trust-checks/{first['id']}"
        assert elsewhere.get(where).json()["id"] == first["id"], "its key is in memory there, too"
        done = office.post("/v1/subjects/erase", json={"phoneNumber": ANA}).raise_for_status().json()
        assert done["cleared"]
        assert (till.get(where).status_code, till.get(where).json()["code"]) == (410, "ERASED")
        until_s = time.monotonic() + EVERYWHERE_S
        while elsewhere.get(where).status_code != 410:
            assert time.monotonic() < until_s, "another node still reads it"
            time.sleep(0.05)
        assert office.post(f"{where}/replay").status_code == 410
        again = till.post("/v1/trust-checks", json=QUESTION, headers=headers).raise_for_status()
        assert "idempotency-replayed" not in again.headers
        assert till.get(f"/v1/trust-checks/{again.json()['id']}").status_code == 200
        listed = office.get("/v1/subjects/erasures").json()["erasures"]
        assert [one["id"] for one in listed] == [done["id"]]
        assert ANA not in office.get("/v1/subjects/erasures").text
    journal = (here.folder / "keys" / "erasures.jsonl").read_text("utf-8")
    assert done["id"] in journal
    assert ANA not in journal


@pytest.mark.parametrize("sent", ["0034600000101", "+34 600 000 101", ""])
def test_a_number_that_is_none_is_refused_with_its_place(stage: Stage, sent: str) -> None:
    with stage.broker.http(stage.broker.key("acme", "privacy:write")) as office:
        refused = office.post("/v1/subjects/erase", json={"phoneNumber": sent})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/phoneNumber")


def test_neither_an_agent_nor_another_scope_erases(stage: Stage) -> None:
    broker = stage.broker
    for key in (
        broker.agent_key,
        broker.key("acme", "privacy:read"),
        broker.key("acme", "privacy:write", agent="till"),
    ):
        with broker.http(key) as http:
            assert http.post("/v1/subjects/erase", json={"phoneNumber": ANA}).status_code == 403


def test_retention_is_shown_by_api_and_command(stage: Stage) -> None:
    with stage.broker.http(stage.broker.key("acme", "privacy:read")) as office:
        found = {one["category"]: one for one in office.get("/v1/retention").raise_for_status().json()["categories"]}
    assert {name: one["days"] for name, one in found.items()} == {
        "evidence": 200,
        "records": 400,
        "proofs": 400,
        "requests": 1095,
    }
    environment = os.environ | {"TRUST_BROKER_CONFIG": str(stage.broker.folder / "config")}
    command = [str(Path(sys.executable).parent / "trust-broker"), "privacy", "retention", "--tenant", "acme"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "evidence: 200 days, nothing older than" in shown
