"""How challenges end when several things happen at once: one end, and the check says the same as the challenge."""

import itertools
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from adapters.mock.phone import said
from tests.stories.test_challenges import DEAR, STEADY, Till, answered, by_text, carried, texted
from tests.support.broker import running_broker, share_secrets
from tests.support.clocks import HandClock
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
_WITHIN_S = 20


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, HandClock]]:
    clock = HandClock()
    with set_stage(tmp_path_factory.mktemp("ends"), clock=clock) as stage:
        yield stage, clock


@pytest.fixture
def till(floor: tuple[Stage, HandClock]) -> Iterator[Till]:
    stage, clock = floor
    tenant = f"ends-{next(_TENANTS)}"
    key = stage.broker.key(tenant, "trust:check", consumer="shop", agent="till")
    with ExitStack() as more, stage.broker.http(key) as http:
        yield Till(stage, clock, tenant, http, more)


@contextmanager
def slow(till: Till) -> Iterator[None]:
    """The operator takes its time, so that other things can happen while it is asked."""
    till.stage.alba.control.fault("latency", name="slow", delayMs=250)
    try:
        yield
    finally:
        till.stage.alba.control.no_faults()


def until_taken(till: Till, challenge: dict[str, Any], left: int) -> None:
    """Wait until an answer is being looked at."""
    give_up_s = time.monotonic() + _WITHIN_S
    query = "SELECT attempts_left FROM challenges WHERE challenge_id = ?"
    while till.stage.rows(query, challenge["id"]) != [(left,)]:
        assert time.monotonic() < give_up_s, "nobody looked at the answer"
        time.sleep(0.01)


def test_what_was_given_up_while_it_was_looked_at_proves_nothing(till: Till) -> None:
    check = till.ask()
    challenge = till.started(check)
    phone, address = carried(till, challenge)
    with slow(till), ThreadPoolExecutor(1) as pool:
        coming = pool.submit(phone.http.get, address)
        until_taken(till, challenge, 0)
        given_up = till.http.post(f"{challenge['href']}/cancel")
        assert (given_up.status_code, given_up.json()["code"]) == (200, "WITHDRAWN")
        assert said(coming.result())[0] == "This link is over"
    assert till.http.get(challenge["href"]).json()["status"] == "cancelled"
    assert till.now(check)["decision"] == "step_up"
    assert till.http.post(f"{challenge['href']}/cancel").status_code == 409


def test_a_right_code_counts_beside_a_wrong_one(till: Till) -> None:
    check, challenge = by_text(till)
    code = texted(till, STEADY)
    with slow(till), ThreadPoolExecutor(2) as pool:
        right = pool.submit(answered, till, challenge, code=code)
        until_taken(till, challenge, 2)
        wrong = pool.submit(answered, till, challenge, code="000000" if code != "000000" else "000001")
        assert right.result().json()["status"] == "met"
        wrong.result()
    assert till.http.get(challenge["href"]).json()["status"] == "met"
    assert till.now(check)["decision"] == "allow"


def test_a_proof_counts_for_what_was_asked_and_for_nothing_that_came_since(till: Till) -> None:
    check = till.ask()
    challenge = till.started(check)
    phone, address = carried(till, challenge)
    review = till.http.post(f"/v1/trust-checks/{check['id']}/reviews", json={"justification": ""}).json()
    key = till.stage.broker.key(till.tenant, "trust:check", "trust:review", consumer="rosa")
    with till.stage.broker.http(key) as rosa:
        assert rosa.post(f"/v1/reviews/{review['id']}/claim").is_success
        ruling = {"ruling": "deny", "code": "SUSPECTED_FRAUD", "reason": "They asked for the code by phone."}
        assert rosa.post(f"/v1/reviews/{review['id']}/decide", json=ruling).is_success
    assert till.now(check)["decision"] == "deny"
    phone.http.get(address)
    after = till.now(check)
    assert (after["decision"], after["status"]) == ("deny", "settled")


def test_a_message_is_sent_only_while_the_line_is_known_to_be_clean(till: Till) -> None:
    check = till.ask(STEADY, DEAR)
    till.clock.advance(301)
    late = till.start(check, "sms_otp", STEADY)
    assert (late.status_code, "ask again" in late.json()["detail"]) == (409, True)
    assert till.start(check, "network_auth", STEADY).status_code == 201


def test_the_message_says_what_it_is_for(till: Till) -> None:
    by_text(till)
    (*_, last) = till.stage.alba.control.http.get(f"/subscribers/{STEADY}/messages").json()
    assert "payment.transfer 950.00 EUR" in last["text"]


def test_a_code_is_sent_again_after_a_while_and_not_for_ever(till: Till) -> None:
    _, challenge = by_text(till)
    first = texted(till, STEADY)
    soon = till.http.post(f"{challenge['href']}/resend")
    assert (soon.status_code, soon.headers["retry-after"]) == (409, "30")
    for _ in range(2):
        till.clock.advance(30)
        assert till.http.post(f"{challenge['href']}/resend").status_code == 200
    till.clock.advance(30)
    assert till.http.post(f"{challenge['href']}/resend").status_code == 409
    newest = texted(till, STEADY)
    if first != newest:
        assert answered(till, challenge, code=first).json()["attemptsLeft"] == 2
    assert answered(till, challenge, code=newest).json()["status"] == "met"
    assert till.http.post(f"{challenge['href']}/resend").status_code == 409


def test_nothing_is_sent_again_for_a_link(till: Till) -> None:
    challenge = till.started(till.ask())
    assert till.http.post(f"{challenge['href']}/resend").status_code == 409


def test_a_person_is_not_flooded(till: Till) -> None:
    check = till.ask()
    assert [till.start(check).status_code for _ in range(7)] == [201] * 6 + [429]
    last = till.start(check)
    assert int(last.headers["retry-after"]) > 0
    till.clock.advance(3601)
    assert till.start(till.ask()).status_code == 201


def test_an_answer_on_the_way_back_of_another_operator_is_a_mix_up(till: Till) -> None:
    check = till.ask()
    challenge = till.started(check)
    phone, address = carried(till, challenge)
    assert phone.http.get(address.replace("/callback?", "/callback/borealis?")).status_code == 403
    assert till.http.get(challenge["href"]).json()["code"] == "FORGED"
    phone, address = carried(till, challenge := till.started(check))
    assert said(phone.http.get(re.sub(r"/callback\?", "/callback/alba?", address)))[0] == "Done"
    assert till.now(check)["decision"] == "allow"


@pytest.fixture
def poorer(floor: tuple[Stage, HandClock], tmp_path: Path) -> Iterator[httpx.Client]:
    """A second node, started after the contract about proving SIMs with that operator had ended."""
    stage, clock = floor
    share_secrets(tmp_path)
    home = stage.broker.folder
    urls = {name: getattr(stage, name).url for name in ("alba", "borealis", "cadenza")}
    shared = {
        f"sqlite:///{tmp_path}/broker.db": f"sqlite:///{home}/broker.db",
        f'directory = "{tmp_path}/keys"': f'directory = "{home}/keys"',
    }
    ended = {
        "operators/alba.toml": {
            'adapter = "mock"\n': 'adapter = "mock"\nnot_ordered = ["number-verification"]\n',
            'number-verification = "0.04", ': "",
            ", number-verification = 150": "",
        }
    }
    with running_broker(tmp_path, urls, clock=clock, changes=shared, edits=ended) as node, node.http() as http:
        yield http


def test_a_link_whose_operator_does_it_no_more_is_over(till: Till, poorer: httpx.Client) -> None:
    check = till.ask()
    challenge = till.started(check)
    path = urlsplit(challenge["link"]).path
    assert "alba" not in poorer.get(path).text
    tapped = poorer.post(path, headers={"sec-fetch-site": "same-origin"})
    assert (tapped.status_code, said(tapped)[0]) == (410, "This link is over")
    assert till.http.get(challenge["href"]).json()["code"] == "OPERATOR_UNAVAILABLE"
    phone, address = carried(till, till.started(check))
    back = urlsplit(address)
    poorer.cookies.update(phone.http.cookies)
    assert poorer.get(f"{back.path}?{back.query}").status_code >= 400
    assert till.now(check)["decision"] == "step_up"
