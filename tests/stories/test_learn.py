"""A month later: what were the signals worth, and has anything changed? Real checks, real outcomes, the command."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.stage import Stage

COMMAND = Path(sys.executable).parent / "trust-broker"
EXIT_DRIFT = 3


def learn(stage: Stage, *options: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"TRUST_BROKER_CONFIG": str(stage.broker.folder / "config")}
    command = [str(COMMAND), "learn", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def ask(stage: Stage, key: str, number: str, outcome: str | None) -> None:
    question: dict[str, Any] = {
        "subject": {"phoneNumber": number},
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
        "purpose": "FraudPreventionAndDetection",
        "maxEvidenceAgeS": 0,
    }
    with stage.broker.http(key) as http:
        check_id = http.post("/v1/trust-checks", json=question).raise_for_status().json()["id"]
        if outcome is not None:
            http.post(f"/v1/trust-checks/{check_id}/outcome", json={"outcome": outcome}).raise_for_status()


def test_what_the_checks_of_a_tenant_taught(stage: Stage) -> None:
    key = stage.broker.key("learner", "trust:check")
    for number, outcome in (
        ("+34600000102", "fraud"),
        ("+34600000102", "genuine"),
        ("+34600000101", "genuine"),
        ("+34600000101", None),
        ("+34600000203", None),
    ):
        ask(stage, key, number, outcome)
    done = learn(stage, "--tenant", "learner", "--json")
    assert done.returncode == 0, done.stderr
    lessons = json.loads(done.stdout)
    assert lessons["checks"] == 5
    assert lessons["outcomes"] == {"fraud": 1, "genuine": 2, "unknown": 2}
    assert lessons["medianDelayS"] >= 0.0
    (sim,) = [one for one in lessons["sources"] if (one["operator"], one["signal"]) == ("alba", "sim_swap")]
    assert (sim["asked"], sim["states"]) == (5, {"24h": 2, "older": 2})
    assert sum(sim["missing"].values()) == 1
    assert sim["precision"] == [0.5, *sim["precision"][1:3], 2]
    assert sim["coverage"] == [0.8, *sim["coverage"][1:3], 5]
    assert 0.0 < sim["latencyP50Ms"] <= sim["latencyP95Ms"]
    assert {currency: float(amount) > 0.0 for currency, amount in sim["cost"].items()} == {"EUR": True}
    rivals = lessons["rivals"]
    assert (rivals["checks"], rivals["fraud"], rivals.get("better")) == (3, 1, None)
    assert rivals["championLoss"] - rivals["challengerLoss"] == pytest.approx(rivals["gain"])
    assert sum(one["labelled"] for one in lessons["classes"].values()) == 3
    # Too few to move anything.
    assert {(one["platt"]["intercept"], one["platt"]["slope"]) for one in lessons["classes"].values()} == {(0.0, 1.0)}
    shown = learn(stage, "--tenant", "learner")
    assert "sim_swap" in shown.stdout
    assert "+3460" not in shown.stdout + done.stdout


def test_an_operator_that_fell_silent_is_named(stage: Stage) -> None:
    """The earlier days' checks are moved back in the database: the one thing that a test cannot wait for."""
    key = stage.broker.key("watcher", "trust:check")
    for _ in range(3):
        ask(stage, key, "+34600000101", None)
    with closing(sqlite3.connect(stage.broker.folder / "broker.db")) as database, database:
        database.execute("UPDATE checks SET settled_ms = settled_ms - 1814400000 WHERE tenant = 'watcher'")
        for (check_id,) in database.execute("SELECT check_id FROM checks WHERE tenant = 'watcher'").fetchall():
            kept = stage.kept(check_id, "watcher")
            earlier = json.loads(kept.record)
            earlier["settled_at"] = (datetime.fromisoformat(earlier["settled_at"]) - timedelta(days=21)).isoformat()
            # In the clear, as they were stored before there was a vault: that is read as well.
            values = (json.dumps(earlier).encode(), check_id)
            database.execute("UPDATE checks SET record = ? WHERE check_id = ?", values)
            database.execute("UPDATE evidence SET payload = ? WHERE check_id = ?", (kept.evidence, check_id))
    for _ in range(20):
        ask(stage, key, "+34600000203", None)
    done = learn(stage, "--tenant", "watcher", "--json")
    assert done.returncode == EXIT_DRIFT, done.stdout
    found = {(one["operator"], one["signal"], one["kind"]) for one in json.loads(done.stdout)["drift"]}
    assert ("alba", "sim_swap", "silent") in found


def test_a_tenant_without_checks_teaches_nothing(stage: Stage) -> None:
    done = learn(stage, "--tenant", "nobody", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["sources"] == []


def test_periods_that_cannot_be_are_refused(stage: Stage) -> None:
    assert learn(stage, "--tenant", "acme", "--days", "7", "--recent-days", "7").returncode == 2
