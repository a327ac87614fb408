"""What becomes of a review when processes die, and what a thousand cost who wait for one."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from broker.audit.leaf import leaf_hash
from broker.bootstrap import open_deployment
from broker.domain.check import Principal
from broker.domain.review import Review, ReviewAnswer, Ruling, RulingCode
from broker.reviews import rules
from broker.storage.policy_store import Entry
from broker.usecases.consumers.manage_keys import NewKey
from tests.stories.test_processes import process
from tests.stories.test_reviews import RULING, until
from tests.stories.test_webhooks import QUICKLY
from tests.support.broker import configure, free_socket
from tests.support.databases import BACKENDS, database, storing
from tests.support.mock_operator import running_operator
from tests.support.sinks import Sink, running_sink

CHANGES = QUICKLY | {
    "\ntimeout_s = 10\n": "\ntimeout_s = 1\n",
    "held_per_consumer_max = 500": "held_per_consumer_max = 2000",
}


class Scene(NamedTuple):
    """A configured folder, the port to serve on, an agent and a reviewer, and where events arrive."""

    folder: Path
    port: int
    keys: dict[str, str]
    sink: Sink
    database: str

    def http(self, who: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.keys[who]}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, trust_env=False, timeout=20)


@pytest.fixture(params=BACKENDS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with set_scene(request.param, tmp_path) as standing:
        yield standing


@contextmanager
def set_scene(backend: str, tmp_path: Path) -> Iterator[Scene]:
    """Configure everything; the processes are for whoever tells the story."""
    with free_socket() as bound:
        port: int = bound.getsockname()[1]
    with running_operator("alba") as operator, running_sink() as sink, database(backend, tmp_path) as url:
        changes = CHANGES | {f"sqlite:///{tmp_path}/broker.db": url}
        configure(tmp_path, {"alba": operator.url}, port, changes=changes)
        for name in ("borealis", "cadenza"):
            (tmp_path / "config" / "operators" / f"{name}.toml").unlink()
        (tmp_path / "config" / "routing" / "prefixes.toml").write_text('[prefixes]\n"+34600" = "alba"\n', "utf-8")
        scopes = {"shop": "trust:check", "ana": "trust:review", "ops": "events:manage"}
        yield Scene(tmp_path, port, asyncio.run(made_keys(tmp_path / "config", scopes)), sink, url)


async def made_keys(config: Path, scopes: dict[str, str]) -> dict[str, str]:
    async with open_deployment(config).key_ring() as ring:
        return {
            consumer: await ring.create(NewKey("acme", consumer, None, (scope,), None))
            for consumer, scope in scopes.items()
        }


def in_question(shop: httpx.Client) -> tuple[dict[str, Any], dict[str, Any]]:
    question = {
        "subject": {"phoneNumber": "+34600000101"},
        "action": {"type": "sim.order"},
        "purpose": "FraudPreventionAndDetection",
    }
    check = shop.post("/v1/trust-checks", json=question).raise_for_status().json()
    review = shop.post(f"/v1/trust-checks/{check['id']}/reviews", json={}).raise_for_status().json()
    return check, review


@pytest.mark.proof
def test_a_review_outlives_processes_that_are_killed_and_all_of_it_is_told(scene: Scene) -> None:
    """Killed while claimed; killed between the ruling and its check; at the end everything has happened once."""
    with ExitStack() as stack:
        shop, ana, ops = (stack.enter_context(scene.http(who)) for who in ("shop", "ana", "ops"))
        with process(scene.folder, scene.port) as running:
            ops.post("/v1/webhooks", json={"url": scene.sink.url}).raise_for_status()
            check, review = in_question(shop)
            path = f"/v1/reviews/{review['id']}"
            ana.post(f"{path}/claim").raise_for_status()
            os.kill(running.pid, signal.SIGKILL)
        died_between_ruling_and_check(scene.database, review["id"])
        with process(scene.folder, scene.port):
            assert ana.post(f"{path}/decide", json=RULING).status_code == 409, "it was decided before the process died"
            until(lambda: shop.get(f"/v1/trust-checks/{check['id']}").json()["status"] == "settled")
            after = shop.get(f"/v1/trust-checks/{check['id']}").json()
            assert (check["decision"], after["decision"], after["revision"]) == ("review", "allow", 1)
            until(lambda: "check.revised" in told(scene.sink))
    assert list(dict.fromkeys(told(scene.sink))) == [
        "check.settled",
        "review.requested",
        "review.claimed",
        "check.revised",
    ], "in order; what was on its way when the process died may have come twice"


def told(sink: Sink) -> list[str]:
    return [one.event["type"].removeprefix("trust-broker.").removesuffix(".v1") for one in sink.arrivals()]


def died_between_ruling_and_check(url: str, review_id: str) -> None:
    """Do what a node does up to the ruling, and nothing of what it does then."""

    async def rule() -> None:
        async with storing(url) as store:
            review = await store.reviews.find("acme", review_id)
            assert review is not None
            assert await store.reviews.move(decided(review), Entry("rev_last", b"{}", leaf_hash(b"{}")))

    asyncio.run(rule())


def decided(review: Review) -> Review:
    ana = Principal("acme", "ana", None, frozenset({"trust:review"}), "k")
    answer = ReviewAnswer(Ruling.APPROVE, RulingCode.CUSTOMER_CONFIRMED, "called back")
    now_ms = (review.claimed_until_ms or 0) - 1
    return msgspec.structs.replace(rules.decide(review, ana, answer, now_ms, 0), due_ms=0)


HELD = 1000
HELD_BYTES_MAX = 50_000_000


@pytest.mark.proof
@pytest.mark.parametrize("scene", ["sqlite"], indirect=True)
def test_a_thousand_who_wait_cost_less_than_fifty_megabytes_and_all_hear_of_it(scene: Scene) -> None:
    grown, answers = held(scene)
    assert all(b'"decision":"allow"' in answer for answer in answers)
    assert 0 < grown < HELD_BYTES_MAX, grown


def held(scene: Scene) -> tuple[int, list[bytes]]:
    """By how many bytes a process grows that holds :data:`HELD` calls, and what they heard in the end."""
    with scene.http("shop") as shop, scene.http("ana") as ana, process(scene.folder, scene.port) as running:
        check, review = in_question(shop)
        before = resident_bytes(running.pid)

        async def wait_and_decide() -> tuple[int, list[bytes]]:
            request = (
                f"GET /v1/trust-checks/{check['id']}?waitMs=25000 HTTP/1.1\r\nhost: 127.0.0.1\r\n"
                f"authorization: Bearer {scene.keys['shop']}\r\nconnection: close\r\n\r\n"
            )
            waiting = []
            for _ in range(HELD):
                reader, writer = await asyncio.open_connection("127.0.0.1", scene.port)
                writer.write(request.encode("ascii"))
                waiting.append((reader, writer))
            # One more that asks and is answered: those before it have been read, for they came first.
            await asyncio.to_thread(lambda: shop.get(f"/v1/trust-checks/{check['id']}?waitMs=2000").raise_for_status())
            grown = resident_bytes(running.pid) - before
            await asyncio.to_thread(decide, ana, review["id"])
            answers = await asyncio.gather(*(reader.read() for reader, _ in waiting))
            for _, writer in waiting:
                writer.close()
            return grown, answers

        return asyncio.run(wait_and_decide())


def decide(http: httpx.Client, review_id: str) -> None:
    http.post(f"/v1/reviews/{review_id}/claim").raise_for_status()
    http.post(f"/v1/reviews/{review_id}/decide", json=RULING).raise_for_status()


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
