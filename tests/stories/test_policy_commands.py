"""The life of a policy from the command line, each person with a key of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from broker.bootstrap import open_deployment
from broker.surfaces.cli.app import create
from tests.stories.test_policies import SCOPES, looser
from tests.support.stage import Stage

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(stage: Stage) -> Run:
    keys = {name: stage.broker.key("acme", *SCOPES, consumer=name) for name in ("ana", "luis")}

    def command(who: str, *arguments: str) -> tuple[int, Any]:
        where = ["--url", stage.broker.url, "--key", keys[who], "--json"]
        result = CliRunner().invoke(create(open_deployment), ["policy", *arguments, *where])
        return result.exit_code, json.loads(result.stdout) if result.stdout else result.stderr

    return command


def test_from_publication_to_rollback(run: Run, stage: Stage, tmp_path: Path) -> None:
    candidate = tmp_path / "payment.yaml"
    candidate.write_text(looser(2), "utf-8")
    with stage.broker.client() as agent:
        check = agent.check("+34600000102", "payment.transfer", amount=("950.00", "EUR"))
    assert check.decision == "deny"

    code, tried = run("ana", "backtest", str(candidate))
    assert (code, tried["moves"]) == (0, {"deny -> review": 1})
    code, replayed = run("ana", "replay", check.document["id"])
    assert (code, replayed["identical"]) == (0, True)

    code, change = run("ana", "publish", str(candidate))
    assert (code, change["state"]) == (0, "pending")
    code, refusal = run("ana", "approve", change["id"])
    assert (code, "second person" in refusal) == (1, True)
    code, approved = run("luis", "approve", change["id"])
    assert (code, approved["state"]) == (0, "approved")
    assert run("ana", "changes")[1]["changes"][0]["id"] == change["id"]
    assert {one["id"]: one["inForce"] for one in run("ana", "list")[1]["policies"]}["payment"] == 1, (
        "not before its hour"
    )
    code, refusal = run("ana", "rollback", "payment", "1")
    assert (code, "in force" in refusal) == (1, True)
    code, back = run("ana", "rollback", "payment", "2")
    assert (code, back["state"], back["kind"], back["direction"]) == (0, "pending", "rollback", "looser")
    assert run("ana", "withdraw", back["id"])[1]["state"] == "withdrawn"


def test_a_stop_and_its_end(run: Run, stage: Stage) -> None:
    code, stop = run("ana", "stop", "agent", "till", "--reason", "a strange night")
    assert (code, stop["kind"], stop["value"]) == (0, "agent", "till")
    with stage.broker.client() as agent:
        assert agent.check("+34600000101", "sign_in.hint").decision == "deny"
        assert run("ana", "resume", stop["id"])[0] == 1
        assert run("luis", "resume", stop["id"])[1]["resumedBy"] == "luis"
        assert agent.check("+34600000101", "sign_in.hint").decision == "allow"
    assert run("ana", "stops")[1]["stops"][0]["id"] == stop["id"]


def test_a_shadow_from_the_command_line(run: Run, tmp_path: Path) -> None:
    candidate = tmp_path / "payment.yaml"
    candidate.write_text(looser(9), "utf-8")
    code, shadow = run("ana", "shadow", "payment", str(candidate))
    assert (code, shadow["policy"]) == (0, "payment")
    code, report = run("ana", "shadow-report", shadow["id"], "--end")
    assert (code, report["shadow"]["id"]) == (0, shadow["id"])
    assert "endedAt" in report["shadow"]
