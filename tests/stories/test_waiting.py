"""Waiting for a human: held calls, streams and tools that hear of the ruling, on this node and on another."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import pytest

from broker.domain.check import Principal
from tests.stories.test_mcp import Session
from tests.stories.test_policies import ask
from tests.stories.test_reviews import RULING
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
WAIT = {"waitMs": 20_000}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    changes = {"look_ms = 1000": "look_ms = 50", "held_per_consumer_max = 500": "held_per_consumer_max = 3"}
    with set_stage(tmp_path_factory.mktemp("waiting"), changes=changes) as standing:
        yield standing


class Pair(NamedTuple):
    """A tenant with an agent, and a person who reviews."""

    stage: Stage
    tenant: str
    till: httpx.Client
    ana: httpx.Client
    till_key: str

    def pending(self) -> tuple[str, str]:
        """A check that waits for a human, and its review."""
        check = ask(self.till, action={"type": "sim.order"})
        review = self.till.post(f"/v1/trust-checks/{check['id']}/reviews", json={}).json()
        return check["id"], review["id"]

    def decide(self, review_id: str) -> None:
        self.ana.post(f"/v1/reviews/{review_id}/claim").raise_for_status()
        self.ana.post(f"/v1/reviews/{review_id}/decide", json=RULING).raise_for_status()

    def read(self, check_id: str, **query: Any) -> httpx.Response:
        with self.stage.broker.http(self.till_key) as http:
            return http.get(f"/v1/trust-checks/{check_id}", params=query, timeout=30)


@pytest.fixture
def pair(stage: Stage) -> Iterator[Pair]:
    tenant, broker = f"bank-{next(_TENANTS)}", stage.broker
    till_key = broker.key(tenant, "trust:check", consumer="shop", agent="till")
    with (
        broker.http(till_key) as till,
        broker.http(broker.key(tenant, "trust:review", consumer="ana")) as ana,
    ):
        yield Pair(stage, tenant, till, ana, till_key)


def stood(answer: httpx.Response) -> tuple[str, str, int]:
    document = answer.json()
    return document["status"], document["decision"], document.get("revision", 0)


def test_a_held_call_hears_of_the_ruling(pair: Pair) -> None:
    check_id, review_id = pair.pending()
    assert stood(pair.read(check_id)) == ("pending", "review", 0)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(pair.read, check_id, **WAIT)
        pair.decide(review_id)
        assert stood(held.result()) == ("settled", "allow", 1)
    assert stood(pair.read(check_id, **WAIT)) == ("settled", "allow", 1), "nothing is pending, nothing is waited for"


def test_a_call_that_hears_nothing_gets_the_check_as_it_is(pair: Pair) -> None:
    check_id, _ = pair.pending()
    assert stood(pair.read(check_id, waitMs=120)) == ("pending", "review", 0)


@pytest.mark.parametrize("wait", ["-1", "25001", "soon", "1.5"])
def test_a_bad_wait_is_refused(pair: Pair, wait: str) -> None:
    assert pair.till.get("/v1/trust-checks/chk_1", params={"waitMs": wait}).status_code == 400


def test_nobody_waits_for_what_is_not_theirs(pair: Pair) -> None:
    check_id, _ = pair.pending()
    with pair.stage.broker.http(pair.stage.broker.key("globex", "trust:check", consumer="eve")) as eve:
        for path in (f"/v1/trust-checks/{check_id}", f"/v1/trust-checks/{check_id}/events"):
            assert eve.get(path, params=WAIT).status_code == 404


async def test_what_another_node_settled_is_heard_of_here(pair: Pair) -> None:
    check_id, review_id = await asyncio.to_thread(pair.pending)
    waiting = Principal(pair.tenant, "shop", "till", frozenset({"trust:check"}), "k")
    async with pair.stage.broker.deployment.services() as other_node:
        held = asyncio.create_task(other_node.await_check(waiting, check_id, None, 20.0))
        await asyncio.to_thread(pair.decide, review_id)
        shown = await held
    assert (shown.status, shown.decision, shown.revision) == ("settled", "allow", 1)


def events_of(response: httpx.Response) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, id and data of each event."""
    members: dict[str, str] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            members[name] = value
        elif not line and "data" in members:
            yield members["event"], members["id"], json.loads(members["data"])
            members = {}


def test_a_stream_tells_each_change_and_ends_with_the_last(pair: Pair) -> None:
    check_id, review_id = pair.pending()
    with pair.till.stream("GET", f"/v1/trust-checks/{check_id}/events", timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        told = events_of(response)
        name, number, first = next(told)
        assert (name, number, first["status"]) == ("check", "0", "pending")
        pair.decide(review_id)
        assert [(number, shown["decision"], shown["status"]) for _, number, shown in told][-1] == (
            "1",
            "allow",
            "settled",
        )


def test_one_consumer_cannot_hold_more_than_its_share(pair: Pair) -> None:
    check_id, review_id = pair.pending()
    streams = []
    with ExitStack() as stack:
        for _ in range(3):
            http = stack.enter_context(pair.stage.broker.http(pair.till_key))
            stream = stack.enter_context(http.stream("GET", f"/v1/trust-checks/{check_id}/events", timeout=30))
            streams.append(events_of(stream))
            next(streams[-1])
        for path in (f"/v1/trust-checks/{check_id}", f"/v1/trust-checks/{check_id}/events"):
            refused = pair.till.get(path, params=WAIT)
            assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
        assert stood(pair.read(check_id)) == ("pending", "review", 0), "who does not wait is served"
        pair.decide(review_id)
    assert stood(pair.read(check_id)) == ("settled", "allow", 1)


async def test_an_agent_waits_with_a_tool(pair: Pair) -> None:
    async with Session(pair.stage, "auto", pair.till_key) as client:
        check = (
            await client.call_tool(
                "check_trust",
                {
                    "subject": {"phoneNumber": "+34600000101"},
                    "action": {"type": "sim.order"},
                    "purpose": "FraudPreventionAndDetection",
                },
            )
        ).structured_content
        review = (await client.call_tool("request_review", {"id": check["id"]})).structured_content
        still = (await client.call_tool("await_check", {"id": check["id"], "waitMs": 50})).structured_content
        assert (still["status"], still["decision"]) == ("pending", "review")
        held = asyncio.create_task(client.call_tool("await_check", {"id": check["id"]}))
        await asyncio.to_thread(pair.decide, review["id"])
        told = (await held).structured_content
    assert (told["status"], told["decision"]) == ("settled", "allow")
    assert told["receipt"] != check["receipt"]
