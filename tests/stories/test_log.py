"""The transparency log over HTTP: what a stranger can verify, and what another tenant cannot see."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from broker.audit import export, merkle, note
from broker.audit.leaf import from_b64url
from broker.audit.note import read_note, read_vkey
from broker.audit.verify_export import Verified, verify
from broker.surfaces.cli import audit
from broker.surfaces.cli.check import KEY_VARIABLE
from tests.support.databases import tamper
from tests.support.stage import Stage, set_stage

QUICK = {"checkpoint_ms = 1000": "checkpoint_ms = 20"}
QUESTION: dict[str, Any] = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "sign_in.hint"},
    "purpose": "FraudPreventionAndDetection",
}
_WAIT_S = 10


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("stage"), changes=QUICK) as standing:
        yield standing


@pytest.fixture(scope="module")
def http(stage: Stage) -> Iterator[httpx.Client]:
    with stage.broker.http(stage.broker.key("acme", "trust:check", "audit:read")) as http:
        yield http


def ask(http: httpx.Client) -> dict[str, Any]:
    answer: dict[str, Any] = http.post("/v1/trust-checks", json=QUESTION).raise_for_status().json()
    return answer


def inclusion(http: httpx.Client, entry: str) -> dict[str, Any]:
    until_s = time.monotonic() + _WAIT_S
    while (answer := http.get("/v1/audit/proofs/inclusion", params={"entry": entry})).status_code == 409:
        assert answer.headers["retry-after"]
        assert time.monotonic() < until_s
        time.sleep(0.02)
    proof: dict[str, Any] = answer.raise_for_status().json()
    return proof


def key_of(http: httpx.Client) -> note.NoteKey:
    return read_vkey(http.get("/.well-known/log.vkey").raise_for_status().text)


def test_a_receipts_leaf_is_proven_to_be_in_what_the_log_signed(http: httpx.Client) -> None:
    answer = ask(http)
    proof = inclusion(http, answer["id"])
    checkpoint = note.open_checkpoint(read_note(proof["checkpoint"]), [key_of(http)])
    claims = json.loads(from_b64url(answer["receipt"].split(".")[1]))
    assert claims["leaf"] == proof["leafHash"]
    leaf, hashes = from_b64url(proof["leafHash"]), [from_b64url(each) for each in proof["hashes"]]
    assert checkpoint.size == proof["size"]
    assert merkle.verify_inclusion(proof["index"], proof["size"], leaf, hashes, checkpoint.root)


def test_the_log_only_grows(http: httpx.Client) -> None:
    older = note.read_checkpoint(read_note(inclusion(http, ask(http)["id"])["checkpoint"]).text)
    newer = note.read_checkpoint(read_note(inclusion(http, ask(http)["id"])["checkpoint"]).text)
    assert older.size < newer.size
    sizes = {"first": older.size, "second": newer.size}
    proof = http.get("/v1/audit/proofs/consistency", params=sizes).raise_for_status().json()
    hashes = [from_b64url(each) for each in proof["hashes"]]
    assert merkle.verify_consistency(older.size, newer.size, older.root, newer.root, hashes)
    assert (from_b64url(proof["firstRoot"]), from_b64url(proof["secondRoot"])) == (older.root, newer.root)
    newest = note.open_checkpoint(read_note(http.get("/v1/audit/checkpoint").text), [key_of(http)])
    assert newest.size >= newer.size


@pytest.mark.parametrize("sizes", [{"first": 0}, {"first": 10**9}, {"first": 2, "second": 1}], ids=str)
def test_between_sizes_that_are_none_there_is_no_proof(http: httpx.Client, sizes: dict[str, int]) -> None:
    refused = http.get("/v1/audit/proofs/consistency", params=sizes)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/first")


def test_an_export_is_verified_and_shows_texts_to_their_tenant_alone(stage: Stage, http: httpx.Client) -> None:
    ours = ask(http)["id"]
    with stage.broker.http(stage.broker.key("globex", "trust:check", "audit:read")) as globex:
        theirs = ask(globex)["id"]
        inclusion(globex, theirs)
        for reader, seen, hidden in ((http, ours, theirs), (globex, theirs, ours)):
            exported = reader.get("/v1/audit/export").raise_for_status()
            assert seen in exported.text
            assert hidden not in exported.text
            lines = exported.content.splitlines()
            verified = verify(export.read(lines), [key_of(http)])
            assert isinstance(verified, Verified), verified
            assert 0 < verified.texts < verified.checkpoint.size
        later = http.get("/v1/audit/export", params={"from": 3}).raise_for_status().content.splitlines()
        assert isinstance(verify(export.read(later), [key_of(http)]), Verified)
        assert globex.get("/v1/audit/proofs/inclusion", params={"entry": ours}).status_code == 404


def test_an_export_is_verified_straight_from_the_broker(stage: Stage, http: httpx.Client) -> None:
    inclusion(http, ask(http)["id"])
    commands = audit.create(lambda _config: stage.broker.deployment)
    arguments = ["verify", f"{stage.broker.url}/v1/audit/export", "--key", key_of(http).vkey()]
    reader = {KEY_VARIABLE: stage.broker.key("acme", "audit:read")}
    verified = CliRunner().invoke(commands, arguments, env=reader)
    assert verified.exit_code == 0, verified.output
    assert "entries are what was signed" in verified.output
    refused = CliRunner().invoke(commands, arguments, env={KEY_VARIABLE: stage.broker.agent_key})
    assert refused.exit_code == 2, refused.output


def test_what_the_log_does_not_tell(stage: Stage, http: httpx.Client) -> None:
    assert http.get("/v1/audit/export", params={"from": 10**9}).status_code == 400
    assert http.get("/v1/audit/proofs/inclusion", params={"entry": "chk_nothing"}).status_code == 404
    with stage.broker.http() as agent:
        assert agent.get("/v1/audit/export").status_code == 403
    with httpx.Client(base_url=stage.broker.url, trust_env=False) as stranger:
        for path in ("checkpoint", "export", "proofs/inclusion?entry=x", "proofs/consistency?first=1"):
            assert stranger.get(f"/v1/audit/{path}").status_code == 401


def test_a_log_that_does_not_add_up_is_an_alarm_for_whoever_runs_the_broker(tmp_path: Path) -> None:
    """Somebody who owns the database changes an entry that waits for the tree: its hash, computed anew, differs."""
    with set_stage(tmp_path, changes={"checkpoint_ms = 1000": "checkpoint_ms = 50"}) as stage:
        ops = stage.broker.key("acme", "metrics:read", consumer="ops")
        with stage.broker.http() as agent, stage.broker.http(ops) as figures:
            assert agent.get("/health/ready").text == "ready"
            ask(agent)
            forge = "UPDATE log_leaves SET body = leaf_hash WHERE seq = (SELECT max(seq) FROM log_leaves)"
            path = f"sqlite:///{stage.broker.folder}/broker.db"
            until_s = time.monotonic() + _WAIT_S
            while (ready := agent.get("/health/ready")).status_code == 200:
                ask(agent)
                asyncio.run(tamper(path, forge))
                assert time.monotonic() < until_s
            assert (ready.status_code, "does not add up" in ready.text) == (503, True)
            assert "trust_broker_log_damaged 1.0" in figures.get("/metrics").text
