"""The wall clock is set wrong and right again under load (threat T17, fault R13): nothing expires wrongly."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from broker.audit import note
from broker.clock import SystemClock
from broker.surfaces.cli import audit
from tests.support.stage import MADRID, Stage, set_stage

HOUR_S, DAY_S = 3600.0, 86_400.0
_PLACE = dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))
QUESTION: dict[str, Any] = {
    "subject": {"phoneNumber": "+34600000101", "location": _PLACE, "boundSince": "2024-05-01"},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
    "deadlineMs": 4000,
}
HINT = QUESTION | {"action": {"type": "sign_in.hint"}}


class JumpingClock(SystemClock):
    """Time that passes, on a wall clock that can be set."""

    def __init__(self) -> None:
        self.off_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.off_s)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, JumpingClock]]:
    clock = JumpingClock()
    with set_stage(tmp_path_factory.mktemp("jumps"), clock=clock) as stage:
        yield stage, clock


def test_under_load_no_age_is_negative_and_the_log_stays_in_order(
    ground: tuple[Stage, JumpingClock], tmp_path: Path
) -> None:
    stage, clock = ground
    told: list[tuple[int, dict[str, Any]]] = []
    over = threading.Event()

    def load() -> None:
        with stage.broker.http(stage.broker.analyst_key) as http:
            while not over.is_set():
                answer = http.post("/v1/trust-checks", json=QUESTION)
                told.append((answer.status_code, answer.json()))

    def asked() -> dict[str, float]:
        """Of a check of which the clock stood still: how old its answers were."""
        answer = http.post("/v1/trust-checks", json=QUESTION).raise_for_status().json()
        return {signal["name"]: signal["ageS"] for signal in answer["signals"] if "ageS" in signal}

    with ExitStack() as stack:
        http = stack.enter_context(stage.broker.http(stage.broker.analyst_key))
        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            stack.callback(thread.join)
            thread.start()
        stack.callback(over.set)
        for off_s in (HOUR_S, 0.0, -HOUR_S, 0.0, DAY_S, 0.0, -DAY_S, 0.0):
            clock.off_s = off_s
            ages = [asked() for _ in range(2)]
            assert all(ages)
            assert all(age < HOUR_S for told_of in ages for age in told_of.values()), (off_s, ages)
    assert {status for status, _ in told} == {200}
    checks = [check for _, check in told]
    assert all(signal.get("ageS", 0.0) >= 0.0 for check in checks for signal in check["signals"])
    assert len({check["id"] for check in checks}) == len(checks)
    assert verified(stage, tmp_path / "log.jsonl") >= len(checks), "every check has its leaf, in one chain"


def test_a_receipt_is_good_at_its_own_time_alone(ground: tuple[Stage, JumpingClock]) -> None:
    stage, clock = ground
    with stage.broker.http() as http:
        for off_s in (HOUR_S, -HOUR_S):
            receipt = http.post("/v1/trust-checks", json=HINT).json()["receipt"]
            clock.off_s = off_s
            assert http.post("/v1/receipts/consume", json={"receipt": receipt}).status_code == 409
            clock.off_s = 0.0
            assert http.post("/v1/receipts/consume", json={"receipt": receipt}).status_code == 200


def verified(stage: Stage, target: Path) -> int:
    """How many entries of an export of the log are what was signed, all of them."""
    commands, run = audit.create(lambda _config: stage.broker.deployment), CliRunner()
    key = run.invoke(commands, ["key"]).output.strip()
    with stage.broker.http(stage.broker.key("acme", "audit:read")) as http:
        waiting = stage.rows("SELECT count(*) FROM log_leaves")[0][0]
        until_s = time.monotonic() + 15
        while note.read_checkpoint(note.read_note(http.get("/v1/audit/checkpoint").text).text).size < waiting:
            assert time.monotonic() < until_s
            time.sleep(0.05)
    assert run.invoke(commands, ["export", str(target)]).exit_code == 0
    done = run.invoke(commands, ["verify", str(target), "--key", key])
    assert done.exit_code == 0, done.output
    return int(done.output.split(": ")[1].split()[0])
