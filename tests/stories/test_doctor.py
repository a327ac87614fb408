"""What is wrong with a set-up, said before it is started: each fault is made, found, and told with its remedy."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from broker.bootstrap import Deployment, open_deployment
from broker.settings import load
from broker.storage.migrate import HEAD_REVISION
from broker.surfaces.cli.app import create
from broker.usecases.findings import Finding, State
from tests.support.clocks import HandClock
from tests.support.stage import Stage

Change = Callable[[Path], None]


def examine(stage: Stage, **settings: Any) -> dict[str, Finding]:
    config = stage.broker.folder / "config"
    deployment = Deployment(config, load(config), settings.get("clock", stage.broker.deployment._clock))
    return {one.about: one for one in asyncio.run(deployment.examine(lambda _: None))}


def test_a_set_up_that_runs_is_well(stage: Stage) -> None:
    with stage.broker.http() as http:
        http.get("/health/ready").raise_for_status()
    found = examine(stage)
    assert {one.state for one in found.values()} == {State.WELL}, found
    assert {"settings", "policies", "keys", "disk", "database", "root key", "policies in force"} <= found.keys()
    for name in ("alba", "borealis", "cadenza"):
        assert found[f"operator {name}"].state is State.WELL


def _write(path: str, before: str, after: str) -> Change:
    def change(folder: Path) -> None:
        file = folder / path
        text = file.read_text("utf-8")
        assert before in text
        file.write_text(text.replace(before, after, 1), "utf-8")

    return change


def _open_to_others(folder: Path) -> None:
    (folder / "keys" / "root.key").chmod(0o644)


def _other_root_key(folder: Path) -> None:
    (folder / "keys" / "root.key").write_bytes(bytes(32))


def _older_schema(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "broker.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")


FAULTS: dict[str, tuple[Change, str, State, str]] = {
    "keys open": (_open_to_others, "keys", State.WRONG, "chmod"),
    "another root key": (_other_root_key, "root key", State.WRONG, "backup"),
    "an older schema": (_older_schema, "database", State.DOUBTFUL, "next start"),
    "a policy that is none": (
        _write("config/policies/payment.yaml", "id: payment", "idd: payment"),
        "policies",
        State.WRONG,
        "idd",
    ),
    "a policy that is not in force": (
        _write("config/policies/payment.yaml", "# Payments", "# Payments, looked over,"),
        "policies of acme",
        State.DOUBTFUL,
        "publish",
    ),
    "a secret that the operator does not know": (
        _write("keys/borealis-client.secret", "a secret", "another secret"),
        "operator borealis",
        State.WRONG,
        "client_id",
    ),
    "a key that no start has made yet": (
        lambda folder: (folder / "keys" / "alba-client.pem").unlink(),
        "operator alba",
        State.DOUBTFUL,
        "first start",
    ),
    "a secret that nobody has put there": (
        lambda folder: (folder / "keys" / "borealis-client.secret").unlink(),
        "operator borealis",
        State.WRONG,
        "put the secret there",
    ),
    "an operator that is not there": (
        _write("config/operators/alba.toml", 'base_url = "http://127.0.0.1:', 'base_url = "http://127.0.0.2:'),
        "operator alba",
        State.WRONG,
        "base_url",
    ),
    "an address without TLS": (
        _write("config/broker.toml", 'public_url = "http://127.0.0.1:', 'public_url = "http://broker.example:'),
        "server.public_url",
        State.DOUBTFUL,
        "https",
    ),
}


@pytest.mark.parametrize(("change", "about", "state", "remedy"), FAULTS.values(), ids=FAULTS.keys())
def test_every_fault_is_found_and_told_with_its_remedy(
    stage: Stage, change: Change, about: str, state: State, remedy: str
) -> None:
    with stage.broker.http() as http:  # the tenant is governed by something
        http.post("/v1/trust-checks", json=QUESTION).raise_for_status()
    kept = {path: (path.read_bytes(), path.stat().st_mode) for path in _files(stage.broker.folder)}
    change(stage.broker.folder)
    try:
        found = examine(stage)[about]
    finally:
        for path, (content, mode) in kept.items():
            path.write_bytes(content)
            path.chmod(mode)
        with closing(sqlite3.connect(stage.broker.folder / "broker.db")) as database, database:
            database.execute("UPDATE alembic_version SET version_num = ?", (HEAD_REVISION,))
    assert found.state is state
    assert remedy in found.do + found.seen
    assert found.do


QUESTION = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "sign_in.hint"},
    "purpose": "FraudPreventionAndDetection",
}


def _files(folder: Path) -> list[Path]:
    return [
        *(path for path in (folder / "config").rglob("*") if path.is_file()),
        *(path for path in (folder / "keys").iterdir() if path.is_file()),
    ]


def test_a_clock_that_is_wrong_is_noticed(stage: Stage) -> None:
    clock = HandClock(stage.broker.deployment._clock.now() + timedelta(minutes=2))
    assert "NTP" in examine(stage, clock=clock)["operator cadenza"].do


def test_the_command_tells_machines_and_ends_with_what_it_found(stage: Stage, tmp_path: Path) -> None:
    command = create(open_deployment)
    config = str(stage.broker.folder / "config")
    well = CliRunner().invoke(command, ["doctor", "--config", config, "--json"])
    assert well.exit_code == 0, well.output
    assert {one["state"] for one in json.loads(well.stdout)} == {"well"}
    (tmp_path / "broker.toml").write_text("[server]\nprot = 1\n", "utf-8")
    wrong = CliRunner().invoke(command, ["doctor", "--config", str(tmp_path)])
    assert wrong.exit_code == 1
    assert "prot" in wrong.output
