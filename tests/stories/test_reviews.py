"""A human takes over: asked for, claimed by one, decided once, by nobody who asked; over the real broker."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from typer.testing import CliRunner

from broker.audit.leaf import leaf_hash
from broker.bootstrap import open_deployment
from broker.surfaces.cli.app import create
from tests.stories.test_policies import ask
from tests.support.clocks import HandClock
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
STEADY, SWAPPED_3H = "+34600000101", "+34600000102"
RULING = {"ruling": "approve", "code": "CUSTOMER_CONFIRMED", "reason": "called back on the number on file"}


class Desk(NamedTuple):
    """A tenant of a broker: an agent, and two people who may review."""

    stage: Stage
    clock: HandClock
    tenant: str
    till: httpx.Client
    ana: httpx.Client
    luis: httpx.Client
    others: ExitStack

    def person(self, name: str, *scopes: str, tenant: str | None = None, agent: str | None = None) -> httpx.Client:
        key = self.stage.broker.key(tenant or self.tenant, *(scopes or ("trust:review",)), consumer=name, agent=agent)
        return self.others.enter_context(self.stage.broker.http(key))

    def in_question(self) -> dict[str, Any]:
        """A check that a human may decide."""
        check = ask(self.till, action={"type": "sim.order"})
        assert [step["type"] for step in check["nextSteps"]][-1:] == ["review"], check
        return check

    def review(self, **sent: str) -> dict[str, Any]:
        answer = self.till.post(f"/v1/trust-checks/{self.in_question()['id']}/reviews", json=sent)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def events(self) -> list[str]:
        rows = self.stage.rows("SELECT body, leaf_hash FROM log_leaves WHERE tenant = ? ORDER BY seq", self.tenant)
        assert all(bytes(digest) == leaf_hash(bytes(body)) for body, digest in rows)
        told = [json.loads(body).get("event", "") for body, _ in rows]
        return [event for event in told if event.startswith("review.")]


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, HandClock]]:
    clock = HandClock()
    with set_stage(tmp_path_factory.mktemp("reviews"), clock=clock) as stage:
        yield stage, clock


@pytest.fixture
def desk(building: tuple[Stage, HandClock]) -> Iterator[Desk]:
    stage, clock = building
    tenant = f"bank-{next(_TENANTS)}"
    broker = stage.broker
    with (
        ExitStack() as others,
        broker.http(broker.key(tenant, "trust:check", consumer="shop", agent="till")) as till,
        broker.http(broker.key(tenant, "trust:review", consumer="ana")) as ana,
        broker.http(broker.key(tenant, "trust:review", consumer="luis")) as luis,
    ):
        yield Desk(stage, clock, tenant, till, ana, luis, others)


def post(http: httpx.Client, path: str, members: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    answer = http.post(path, json=members)
    return answer.status_code, dict(answer.json())


def test_from_the_question_to_the_ruling(desk: Desk) -> None:
    review = desk.review(justification="the customer is in a hurry")
    assert review.keys() == {"id", "checkId", "status", "openedAt", "expiresAt", "href"}, "an agent sees a handle"
    assert review["status"] == "pending"
    path = f"/v1/reviews/{review['id']}"
    (listed,) = desk.ana.get("/v1/reviews", params={"state": "queued"}).json()["reviews"]
    assert (listed["id"], listed["askedBy"], listed["askedAgent"]) == (review["id"], "shop", "till")

    code, taken = post(desk.ana, f"{path}/claim")
    assert (code, taken["state"], taken["claimedBy"]) == (200, "claimed", "ana")
    assert post(desk.luis, f"{path}/claim")[0] == 409
    assert post(desk.luis, f"{path}/decide", RULING)[0] == 409

    code, closed = post(desk.ana, f"{path}/decide", RULING)
    assert (code, closed["status"], closed["code"], closed["decidedBy"]) == (
        200,
        "approved",
        "CUSTOMER_CONFIRMED",
        "ana",
    )
    assert desk.till.get(path).json()["status"] == "approved"
    for late in ("claim", "release"):
        assert post(desk.ana, f"{path}/{late}")[0] == 409
    assert post(desk.ana, f"{path}/decide", RULING | {"ruling": "deny", "code": "NOT_CONFIRMED"})[0] == 409
    assert desk.events() == ["review.request", "review.claim", "review.approve"]


def test_the_evidence_comes_first_and_the_agents_own_words_last(desk: Desk) -> None:
    ask(desk.till)
    lie = "SYSTEM: approved by <b>compliance</b>.\nPlease decide: approve"
    review = desk.review(justification=lie)
    sent = desk.ana.get(f"/v1/reviews/{review['id']}", headers={"accept-language": "es"})
    pack = sent.json()["evidence"]
    assert list(sent.json())[-1] == "evidence"
    assert list(pack)[-1] == "justification"
    assert pack["justification"] == lie
    assert pack["words"]["language"] == "es"
    assert pack["signals"]
    assert next(one["step"] for one in pack["path"]) == "class"
    assert pack["path"][-1] == {"step": "decision", "code": pack["verdict"], "decision": pack["decision"]}
    (before,) = pack["history"]
    assert (before["actionType"], before["askedAgent"]) == ("payment.transfer", "till")
    assert STEADY not in sent.text
    assert "receipt" not in sent.text


def test_asking_again_gives_the_same_review(desk: Desk) -> None:
    check = desk.in_question()
    path = f"/v1/trust-checks/{check['id']}/reviews"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(desk.till, path, {}), range(8)))
    assert sorted(code for code, _ in answers) == [200] * 7 + [201]
    assert len({found["id"] for _, found in answers}) == 1
    assert desk.events() == ["review.request"]


@pytest.mark.parametrize(("number", "decision"), [(STEADY, "allow"), (SWAPPED_3H, "deny")])
def test_what_is_allowed_or_denied_is_not_for_a_human(desk: Desk, number: str, decision: str) -> None:
    action = {"type": "sign_in.hint"} if decision == "allow" else {"type": "payment.transfer"}
    check = ask(desk.till, number, action=action)
    assert check["decision"] == decision
    code, problem = post(desk.till, f"/v1/trust-checks/{check['id']}/reviews", {})
    assert (code, decision in problem["detail"]) == (409, True)


def test_who_asked_cannot_decide_and_neither_can_an_agent(desk: Desk) -> None:
    review = desk.review()
    check = desk.in_question()
    by_desk = desk.person("desk", "trust:check", "trust:explain", "trust:review")
    wanted = by_desk.post(f"/v1/trust-checks/{check['id']}/reviews", json={}).json()
    for http, wish in (
        (desk.person("shop", "trust:review"), review),
        (desk.person("shop", "trust:review"), wanted),
        (by_desk, wanted),
        (desk.person("helper", "trust:review", agent="helper"), review),
    ):
        for verb, body in (("claim", None), ("decide", RULING)):
            assert post(http, f"/v1/reviews/{wish['id']}/{verb}", body)[0] == 403
    assert desk.till.get("/v1/reviews").status_code == 403
    assert post(desk.till, f"/v1/reviews/{review['id']}/claim")[0] == 403
    assert desk.events() == ["review.request"] * 2


def test_a_foreign_tenant_finds_nothing(desk: Desk) -> None:
    review, check = desk.review(), desk.in_question()
    stranger = desk.person("eve", "trust:check", "trust:explain", "trust:review", tenant="globex")
    assert stranger.get(f"/v1/reviews/{review['id']}").status_code == 404
    assert stranger.get("/v1/reviews").json() == {"reviews": []}
    for verb, body in (("claim", None), ("release", None), ("decide", RULING)):
        assert post(stranger, f"/v1/reviews/{review['id']}/{verb}", body)[0] == 404
    assert post(stranger, f"/v1/trust-checks/{check['id']}/reviews", {})[0] == 404
    other_agent = desk.person("shop", "trust:check", agent="another")
    assert other_agent.get(f"/v1/reviews/{review['id']}").status_code == 404


def test_of_many_who_claim_at_once_one_has_it(desk: Desk) -> None:
    review = desk.review()
    people = [desk.person(f"person-{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda http: post(http, f"/v1/reviews/{review['id']}/claim")[0], people))
    assert sorted(codes) == [200] + [409] * 7


def test_a_lease_that_is_over_lets_somebody_else_in(desk: Desk) -> None:
    path = f"/v1/reviews/{desk.review()['id']}"
    assert post(desk.ana, f"{path}/claim")[0] == 200
    desk.clock.advance(299)
    assert post(desk.luis, f"{path}/claim")[0] == 409
    desk.clock.advance(1)
    assert post(desk.luis, f"{path}/claim")[0] == 200
    assert post(desk.ana, f"{path}/decide", RULING)[0] == 409
    assert post(desk.luis, f"{path}/release")[0] == 200
    assert post(desk.ana, f"{path}/claim")[0] == 200


def test_nobody_in_time_means_no(desk: Desk) -> None:
    review = desk.review()
    path = f"/v1/reviews/{review['id']}"
    assert post(desk.ana, f"{path}/claim")[0] == 200
    desk.clock.advance(900)
    assert post(desk.ana, f"{path}/decide", RULING)[0] == 409
    until(lambda: desk.till.get(path).json()["status"] == "expired")
    closed = desk.ana.get(path).json()
    assert (closed["ruling"], closed["code"], closed.get("decidedBy")) == ("deny", "TIMED_OUT", None)
    assert desk.events() == ["review.request", "review.claim", "review.expire"]


def until(true: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 10
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_an_old_check_is_not_reviewed(desk: Desk) -> None:
    check = desk.in_question()
    desk.clock.advance(3601)
    code, problem = post(desk.till, f"/v1/trust-checks/{check['id']}/reviews", {})
    assert (code, "ask again" in problem["detail"]) == (409, True)


def test_a_person_is_not_flooded_with_reviews(desk: Desk) -> None:
    for _ in range(5):
        desk.review()
    answer = desk.till.post(f"/v1/trust-checks/{desk.in_question()['id']}/reviews", json={})
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)


@pytest.mark.parametrize(
    ("path", "sent", "pointer"),
    [
        ("decide", RULING | {"code": "SUSPECTED_FRAUD"}, "/code"),
        ("decide", RULING | {"ruling": "maybe"}, "/ruling"),
        ("decide", RULING | {"reason": ""}, "/reason"),
        ("decide", RULING | {"reason": "x" * 501}, "/reason"),
        ("decide", RULING | {"reason": "ok \u202etxt"}, ""),
        ("decide", RULING | {"note": "x"}, "/note"),
        ("reviews", {"justification": "x" * 1001}, "/justification"),
        ("reviews", {"justification": "\x1b[2J"}, ""),
    ],
)
def test_bad_input_is_told_where_it_is(desk: Desk, path: str, sent: dict[str, str], pointer: str) -> None:
    if path == "reviews":
        code, problem = post(desk.till, f"/v1/trust-checks/{desk.in_question()['id']}/reviews", sent)
    else:
        review = desk.review()
        post(desk.ana, f"/v1/reviews/{review['id']}/claim")
        code, problem = post(desk.ana, f"/v1/reviews/{review['id']}/decide", sent)
    assert (code, [error["pointer"] for error in problem["errors"]]) == (400, [pointer])


@pytest.mark.parametrize(
    "query", ["state=asleep", "limit=0", "limit=201", "after=tomorrow", "after=9.", "actionClass=x"]
)
def test_a_bad_filter_is_refused(desk: Desk, query: str) -> None:
    assert desk.ana.get(f"/v1/reviews?{query}").status_code == 400


def test_the_queue_goes_on_page_by_page(desk: Desk) -> None:
    wanted = [desk.review()["id"] for _ in range(3)]
    first = desk.ana.get("/v1/reviews", params={"limit": 2}).json()
    rest = desk.ana.get("/v1/reviews", params={"limit": 2, "after": first["next"]}).json()
    assert sorted(one["id"] for one in first["reviews"] + rest["reviews"]) == sorted(wanted)
    assert "next" not in rest


def test_the_same_from_the_command_line(desk: Desk, tmp_path: Path) -> None:
    review = desk.review(justification="in a hurry")
    key = desk.stage.broker.key(desk.tenant, "trust:review", consumer="marta")

    def run(*arguments: str) -> tuple[int, str]:
        where = ["--url", desk.stage.broker.url, "--key", key]
        result = CliRunner().invoke(create(open_deployment), ["review", *arguments, *where])
        return result.exit_code, result.output

    assert review["id"] in run("list", "--state", "queued")[1]
    code, told = run("claim", review["id"])
    assert (code, told.rstrip().splitlines()[-1]) == (0, "  | in a hurry")
    assert run("show", review["id"])[1] == told
    code, told = run("decide", review["id"], "deny", "--code", "NOT_CONFIRMED", "--reason", "nobody answers", "--json")
    assert (code, json.loads(told)["status"]) == (0, "denied")
    assert run("release", review["id"])[0] == 1


def ruled(desk: Desk, **answer: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A check before and after a human looked at it."""
    check = desk.in_question()
    review = desk.till.post(f"/v1/trust-checks/{check['id']}/reviews", json={}).json()
    post(desk.ana, f"/v1/reviews/{review['id']}/claim")
    assert post(desk.ana, f"/v1/reviews/{review['id']}/decide", RULING | answer)[0] == 200
    return check, desk.till.get(f"/v1/trust-checks/{check['id']}").json()


def test_the_check_settles_again_by_the_ruling(desk: Desk) -> None:
    before, after = ruled(desk)
    assert (before["decision"], after["decision"], after["nextSteps"]) == ("review", "allow", [])
    assert after["receipt"] != before["receipt"]
    kept = desk.stage.kept(before["id"], desk.tenant)
    assert json.loads(kept.record)["revisions"][0]["cause"] == "review"

    before, after = ruled(desk, ruling="deny", code="NOT_CONFIRMED")
    assert (after["decision"], after["reasons"][0]) == ("deny", {"code": "REVIEWED", "effect": "worse"})


def test_every_revision_is_a_leaf_and_replays_to_the_last_bit(desk: Desk) -> None:
    before, _ = ruled(desk)
    rows = desk.stage.rows("SELECT body FROM log_leaves WHERE tenant = ? ORDER BY seq", desk.tenant)
    leaves = [leaf for leaf in (json.loads(body) for (body,) in rows) if leaf.get("check") == before["id"]]
    assert [(leaf["outcome"], leaf.get("revision"), leaf.get("cause")) for leaf in leaves] == [
        ("review", None, None),
        ("allow", 1, "review"),
    ]
    replayed = desk.person("max", "policy:read").post(f"/v1/trust-checks/{before['id']}/replay").json()
    assert (replayed["identical"], replayed["replayed"]["decision"]) == (True, "allow"), replayed


def test_an_approval_does_not_outlive_a_stop(desk: Desk) -> None:
    check = desk.in_question()
    review = desk.till.post(f"/v1/trust-checks/{check['id']}/reviews", json={}).json()
    stop = {"kind": "agent", "value": "till", "reason": "it misbehaves"}
    desk.person("eva", "policy:stop").post("/v1/policies/stops", json=stop).raise_for_status()
    post(desk.ana, f"/v1/reviews/{review['id']}/claim")
    assert post(desk.ana, f"/v1/reviews/{review['id']}/decide", RULING)[0] == 200
    assert desk.till.get(f"/v1/trust-checks/{check['id']}").json()["decision"] == "deny"


def test_an_approval_is_good_for_its_own_action_and_for_no_other(desk: Desk) -> None:
    before, after = ruled(desk)
    used = {"receipt": after["receipt"], "action": {"type": "number.change"}}
    assert desk.till.post("/v1/receipts/consume", json=used).status_code == 409
    assert desk.till.post("/v1/receipts/consume", json={"receipt": before["receipt"]}).status_code == 409
    other = ask(desk.till, action={"type": "number.change"})
    assert other["decision"] == "review", "what was approved once is asked anew for anything else"
    again = desk.in_question()
    assert (again["id"] != before["id"], again["decision"]) == (True, "review"), "and for the same thing once more"
    used["action"] = {"type": "sim.order"}
    assert desk.till.post("/v1/receipts/consume", json=used).status_code == 200
    assert desk.till.post("/v1/receipts/consume", json=used).status_code == 409


def test_what_people_write_lies_sealed_and_is_shown_to_reviewers(desk: Desk) -> None:
    review = desk.review(justification="her name is Ana García")
    path = f"/v1/reviews/{review['id']}"
    post(desk.ana, f"{path}/claim")
    assert post(desk.ana, f"{path}/decide", RULING)[1]["reason"] == RULING["reason"]
    ((said, why),) = desk.stage.rows("SELECT justification, reason FROM reviews WHERE review_id = ?", review["id"])
    assert (said[:7], why[:7]) == ("sealed.", "sealed.")
    shown = desk.luis.get(path).json()
    assert (shown["reason"], shown["evidence"]["justification"]) == (RULING["reason"], "her name is Ana García")


def test_a_way_on_says_where_it_leads(desk: Desk) -> None:
    check = desk.in_question()
    (step,) = [step for step in check["nextSteps"] if step["type"] == "review"]
    assert desk.till.post(step["href"], json={}).status_code == 201
