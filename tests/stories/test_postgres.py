"""The same stories on PostgreSQL: the database is a URL and nothing else changes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.databases import database, execute
from tests.support.stage import MADRID, set_stage


def test_checks_are_decided_recorded_and_replayed_on_postgresql(tmp_path: Path) -> None:
    with (
        database("postgres", tmp_path) as url,
        set_stage(tmp_path, changes={f"sqlite:///{tmp_path}/broker.db": url}) as stage,
        stage.broker.client() as agent,
    ):

        def ask(number: int) -> str:
            key = f"key-{number % 10}"
            answer = agent.check(
                "+34600000101", "payment.transfer", amount=("950.00", "EUR"), location=MADRID, idempotency_key=key
            )
            assert answer.decision == "allow"
            return str(answer.document["id"])

        first = [ask(number) for number in range(10)]
        with ThreadPoolExecutor(8) as pool:
            again = list(pool.map(ask, range(40)))
        assert set(again) == set(first)
        ((checks, leaves, intents),) = asyncio.run(
            execute(
                url,
                "select (select count(*) from checks), (select count(*) from log_leaves where check_id like 'chk_%'),"
                " (select count(*) from intents)",
            )
        )
        assert (checks, leaves, intents) == (10, 10, 0)
        assert agent.check("+34600000102", "payment.transfer", amount=("950.00", "EUR")).decision == "deny"
