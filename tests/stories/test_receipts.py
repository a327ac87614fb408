"""``trust-broker receipt verify`` as whoever executes an action runs it: the exit code is the answer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.stage import Stage

ACTION: dict[str, Any] = {"type": "sign_in.hint", "resource": "account:77", "attributes": {"device": "new"}}


class Held(NamedTuple):
    """A receipt for :data:`ACTION`, the decision in it, and where the broker's keys and actions lie."""

    token: str
    decision: str
    issuer: str
    folder: Path

    def verify(self, *options: str, action: Any = None) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "broker", "receipt", "verify", "--jwks", str(self.folder / "jwks.json")]
        if action is not None:
            (self.folder / "action.json").write_text(json.dumps(action), "utf-8")
            options = (*options, "--action", str(self.folder / "action.json"))
        return subprocess.run([*command, *options, self.token], capture_output=True, text=True, check=False)


def _held(stage: Stage, folder: Path, number: str) -> Held:
    question = {"subject": {"phoneNumber": number}, "action": ACTION, "purpose": "FraudPreventionAndDetection"}
    with stage.broker.http() as http:
        (folder / "jwks.json").write_text(http.get("/.well-known/jwks.json").text, "utf-8")
        answer = http.post("/v1/trust-checks", json=question).raise_for_status().json()
    return Held(answer["receipt"], answer["decision"], stage.broker.url, folder)


@pytest.fixture(scope="module")
def allowed(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Held:
    held = _held(stage, tmp_path_factory.mktemp("allowed"), "+34600000101")
    assert held.decision == "allow"
    return held


@pytest.fixture(scope="module")
def refused(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Held:
    held = _held(stage, tmp_path_factory.mktemp("refused"), "+34600000102")
    assert held.decision != "allow"
    return held


def test_an_allow_for_this_action_from_this_broker_for_this_tenant_is_0(allowed: Held) -> None:
    done = allowed.verify("--issuer", allowed.issuer, "--audience", "acme", action=ACTION)
    assert (done.returncode, json.loads(done.stdout)["decision"]) == (0, "allow")
    whole = {"subject": {"phoneNumber": "+34600000101"}, "action": ACTION}
    assert allowed.verify(action=whole).returncode == 0


def test_anything_but_an_allow_is_3_unless_another_decision_is_wanted(refused: Held) -> None:
    done = refused.verify()
    assert (done.returncode, done.stdout) == (3, "")
    assert refused.decision in done.stderr
    assert refused.verify("--require-decision", refused.decision).returncode == 0
    assert refused.verify("--require-decision", "any").returncode == 0


@pytest.mark.parametrize(
    "change",
    [{"resource": "account:78"}, {"attributes": {}}, {"amount": {"value": "1", "currency": "EUR"}}],
    ids=["resource", "attributes", "amount"],
)
def test_another_action_is_4(allowed: Held, change: dict[str, Any]) -> None:
    done = allowed.verify(action=ACTION | change)
    assert (done.returncode, done.stdout) == (4, "")
    assert "another action" in done.stderr


@pytest.mark.parametrize("options", [("--issuer", "http://other.example"), ("--audience", "globex")], ids=str)
def test_another_issuer_or_audience_is_1(allowed: Held, options: tuple[str, str]) -> None:
    done = allowed.verify(*options)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("action", ["nothing", {"type": "x", "attributes": {"a": 1.5}}, {"amount": 3}], ids=str)
def test_a_file_that_holds_no_action_is_2(allowed: Held, action: Any) -> None:
    assert allowed.verify(action=action).returncode == 2
