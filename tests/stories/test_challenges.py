"""Step up: the person proves more, over a channel that is not itself in doubt, and the check settles again."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from adapters.mock.phone import Control, Phone, Way, compare_code, said
from tests.support.clocks import HandClock
from tests.support.loopback import NOBODY
from tests.support.mock_operator import CONTROL_KEY
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
_WITHIN_S = 20
STEADY, SWAPPED_3D, OTHER = "+34600000101", "+34600000103", "+34600000102"
PAYMENT = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}


class Till(NamedTuple):
    """An agent of a tenant, and the stage around it."""

    stage: Stage
    clock: HandClock
    tenant: str
    http: httpx.Client
    more: ExitStack

    def ask(self, number: str = SWAPPED_3D, action: dict[str, Any] | None = None) -> dict[str, Any]:
        asked = {
            "subject": {"phoneNumber": number},
            "action": action or PAYMENT,
            "purpose": "FraudPreventionAndDetection",
        }
        answer = self.http.post("/v1/trust-checks", json=asked)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def start(self, check: dict[str, Any], method: str = "network_auth", number: str = SWAPPED_3D) -> httpx.Response:
        return self.http.post(
            f"/v1/trust-checks/{check['id']}/challenges", json={"method": method, "phoneNumber": number}
        )

    def started(self, check: dict[str, Any], method: str = "network_auth", number: str = SWAPPED_3D) -> dict[str, Any]:
        answer = self.start(check, method, number)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def now(self, check: dict[str, Any]) -> dict[str, Any]:
        return dict(self.http.get(f"/v1/trust-checks/{check['id']}").json())

    def phone(self, number: str, way: Way = Way.CELLULAR) -> Phone:
        phone = Phone(number, way, NOBODY)
        self.more.callback(phone.close)
        return phone


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, HandClock]]:
    clock = HandClock()
    with set_stage(tmp_path_factory.mktemp("challenges"), clock=clock, changes={"hourly = 6": "hourly = 60"}) as stage:
        yield stage, clock


@pytest.fixture
def till(building: tuple[Stage, HandClock]) -> Iterator[Till]:
    stage, clock = building
    tenant = f"bank-{next(_TENANTS)}"
    key = stage.broker.key(tenant, "trust:check", consumer="shop", agent="till")
    with ExitStack() as more, stage.broker.http(key) as http:
        yield Till(stage, clock, tenant, http, more)
    stage.alba.control.reset()  # it sends so many codes to one number, and no more


def test_a_person_proves_their_sim_and_the_check_allows(till: Till) -> None:
    check = till.ask()
    offered = [step.get("method") for step in check["nextSteps"]]
    assert (check["decision"], "network_auth" in offered, "sms_otp" in offered) == ("step_up", True, False)
    assert {step["href"] for step in check["nextSteps"]} == {
        f"/v1/trust-checks/{check['id']}/challenges",
        f"/v1/trust-checks/{check['id']}/reviews",
    }

    assert {one["method"]: one["code"] for one in check["withheld"]} == dict.fromkeys(
        ("sms_otp", "operator_prompt"), "LINE_RISK"
    )
    ends = {
        step["method"]: datetime.fromisoformat(step["expiresAt"]) for step in check["nextSteps"] if "method" in step
    }
    assert all(end - till.clock.now() == timedelta(hours=1) for end in ends.values()), ends

    challenge = till.started(check)
    assert (challenge["status"], till.now(check)["status"]) == ("pending", "pending")
    assert challenge["qr"].startswith("<svg")
    phone = till.phone(SWAPPED_3D)
    page = phone.look(challenge["link"])
    title, text = said(page)
    assert title == "Is this you?"
    assert "till · shop wants to do this for you" in text
    assert "Make a payment 950.00 EUR payment.transfer" in text
    assert compare_code(page) == challenge["compareCode"]
    assert SWAPPED_3D not in page.text

    last = phone.tap(challenge["link"], page)
    assert (last.status_code, said(last)[0]) == (200, "Done")
    assert till.http.get(challenge["href"]).json()["status"] == "met"
    after = till.now(check)
    assert (after["decision"], after["nextSteps"], after["status"]) == ("allow", [], "settled")
    assert after["receipt"] != check["receipt"]
    with till.stage.broker.http(till.stage.broker.key(till.tenant, "policy:read")) as http:
        assert http.post(f"/v1/trust-checks/{check['id']}/replay").json()["identical"]


@pytest.mark.parametrize(
    ("number", "way", "title", "code", "decision"),
    [
        pytest.param(OTHER, Way.THIEF, "Another SIM", "OTHER_SIM", "step_up", id="a thief's phone"),
        pytest.param(SWAPPED_3D, Way.WIFI, "Not over mobile data", "NOT_ON_MOBILE_NETWORK", "step_up", id="Wi-Fi"),
    ],
)
def test_what_was_not_proven_allows_nothing(
    till: Till, number: str, way: Way, title: str, code: str, decision: str
) -> None:
    check = till.ask()
    challenge = till.started(check)
    phone = till.phone(number, way)
    last = phone.tap(challenge["link"], phone.look(challenge["link"]))
    assert (last.status_code, said(last)[0]) == (403, title)
    ended = till.http.get(challenge["href"]).json()
    assert (ended["status"], ended["code"]) == ("failed", code)
    assert till.now(check)["decision"] in {decision, "review", "deny"}


def test_a_link_opens_once_and_looking_costs_nothing(till: Till) -> None:
    challenge = till.started(till.ask())
    first, second = till.phone(SWAPPED_3D), till.phone(SWAPPED_3D)
    pages = [phone.look(challenge["link"]) for phone in (first, second, first)]
    assert all(said(page)[0] == "Is this you?" for page in pages)
    assert first.tap(challenge["link"], pages[0]).status_code == 200
    assert second.tap(challenge["link"], pages[1]).status_code == 410
    assert said(second.look(challenge["link"]))[0] == "This link is over"


def test_two_hundred_taps_open_one_ceremony(till: Till) -> None:
    challenge = till.started(till.ask())

    with ThreadPoolExecutor(16) as pool, httpx.Client(trust_env=False, headers={"sec-fetch-site": "none"}) as http:
        codes = list(pool.map(lambda _: http.post(challenge["link"]).status_code, range(200)))
    assert (codes.count(303), codes.count(410)) == (1, 199)


def carried(till: Till, challenge: dict[str, Any], number: str = SWAPPED_3D) -> tuple[Phone, str]:
    """The phone that went to the operator, and the address that it was sent back to but did not open."""
    phone = till.phone(number)
    tapped = phone.http.post(challenge["link"], headers={"sec-fetch-site": "same-origin"})
    assert tapped.status_code == 303, tapped.text
    back = phone.http.get(tapped.headers["location"], headers={"x-cellular-msisdn": number})
    return phone, str(back.headers["location"])


def test_it_ends_in_the_browser_in_which_it_began(till: Till) -> None:
    check = till.ask()
    challenge = till.started(check)
    _, address = carried(till, challenge)
    stolen = till.phone(OTHER).http.get(address)
    assert (stolen.status_code, said(stolen)[0]) == (403, "Another browser")
    assert till.http.get(challenge["href"]).json()["code"] == "OTHER_BROWSER"
    assert till.now(check)["decision"] == "step_up"


def test_coming_back_twice_counts_once(till: Till) -> None:
    phone, address = carried(till, till.started(till.ask()))
    with ThreadPoolExecutor(8) as pool:
        titles = list(pool.map(lambda _: said(phone.http.get(address))[0], range(8)))
    assert sorted(titles) == ["Done"] + ["This link is over"] * 7


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda address, _: re.sub(r"state=[^&]+", "state=made-up", address), id="a state of nobody"),
        pytest.param(lambda address, _: re.sub(r"code=[^&]+", "code=made-up", address), id="a code of nobody"),
        pytest.param(lambda address, _: re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", address), id="mix-up"),
        pytest.param(lambda address, _: address + "&code=another", id="a member twice"),
        pytest.param(
            lambda address, other: re.sub(r"code=[^&]+", f"code={dict(parse_qsl(other))['code']}", address),
            id="a code of another ceremony",
        ),
    ],
)
def test_what_is_forged_is_believed_by_nobody(till: Till, forge: Any) -> None:
    check = till.ask()
    phone, address = carried(till, till.started(check))
    _, other = carried(till, till.started(till.ask()))
    answer = phone.http.get(forge(address, urlsplit(other).query))
    assert answer.status_code == 403
    assert till.now(check)["decision"] != "allow"


def test_a_ceremony_has_its_time(till: Till) -> None:
    check = till.ask()
    late, opened = till.started(check), None
    till.clock.advance(121)
    assert said(till.phone(SWAPPED_3D).look(late["link"]))[0] == "This link is over"
    opened = till.started(check)
    phone, address = carried(till, opened)
    till.clock.advance(121)
    assert said(phone.http.get(address))[0] == "This link is over"
    assert till.now(check)["decision"] == "step_up"


def test_a_challenge_is_for_its_own_check_person_and_agent(till: Till) -> None:
    check = till.ask()
    challenge = till.started(check)
    assert till.start(check, number=STEADY).status_code == 400, "another number"
    assert till.start(check, "sms_otp").status_code == 409, "a method that is withheld"
    small = {"type": "payment.transfer", "amount": {"value": "5.00", "currency": "EUR"}}
    assert till.start(till.ask(STEADY, small), number=STEADY).status_code == 409, "nothing to step up"
    key = till.stage.broker.key(till.tenant, "trust:check", "trust:explain", consumer="desk")
    elsewhere = till.stage.broker.key(f"{till.tenant}-other", "trust:check", consumer="shop", agent="till")
    for foreign in (key, elsewhere):
        with till.stage.broker.http(foreign) as http:
            assert http.get(challenge["href"]).status_code == 404
            path = f"/v1/trust-checks/{check['id']}/challenges"
            assert http.post(path, json={"method": "network_auth", "phoneNumber": SWAPPED_3D}).status_code == 404


def test_challenges_that_are_started_at_once_take_the_place_of_the_one_before(till: Till) -> None:
    check = till.ask()
    for _ in range(3):
        first = till.started(check)
        with ThreadPoolExecutor(6) as pool:
            codes = list(pool.map(lambda _: till.start(check).status_code, range(6)))
        assert codes == [201] * 6
        assert till.http.get(first["href"]).json()["code"] == "REPLACED"


def test_a_newer_challenge_takes_the_place_of_the_one_before(till: Till) -> None:
    check = till.ask()
    first, second = till.started(check), till.started(check)
    assert till.http.get(first["href"]).json()["code"] == "REPLACED"
    assert said(till.phone(SWAPPED_3D).look(first["link"]))[0] == "This link is over"
    assert said(till.phone(SWAPPED_3D).look(second["link"]))[0] == "Is this you?"


def test_the_page_is_strict_and_speaks_two_languages(till: Till) -> None:
    link = till.started(till.ask())["link"]
    page = till.phone(SWAPPED_3D).look(link, {"accept-language": "es-ES,es;q=0.9"})
    assert (said(page)[0], 'lang="es"' in page.text) == ("¿Eres tú?", True)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert till.stage.alba.url in policy
    assert not re.search(r"<script|src=|href=|https?://", page.text)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_no_number_and_no_secret_lie_in_the_open(till: Till) -> None:
    challenge = till.started(till.ask())
    secret = challenge["link"].rpartition("/")[2]
    rows = till.stage.rows("SELECT * FROM challenges WHERE tenant = ?", till.tenant)
    leaves = till.stage.rows("SELECT body FROM log_leaves WHERE tenant = ?", till.tenant)
    for canary in (SWAPPED_3D, SWAPPED_3D[1:], secret):
        assert canary.encode() not in repr((rows, leaves)).encode()


DEVICE_CHANGED = "+34600000113"
DEAR = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}, "attributes": {"newPayee": True}}


def texted(till: Till, number: str) -> str:
    """The code in the last message that a person got."""
    (*_, last) = till.stage.alba.control.http.get(f"/subscribers/{number}/messages").json()
    found = re.search(r"\d{6}", last["text"])
    assert found is not None, last
    return found[0]


def by_text(till: Till) -> tuple[dict[str, Any], dict[str, Any]]:
    """A check whose line is clean, so that a code by text message may be offered, and the code under way."""
    check = till.ask(STEADY, DEAR)
    assert "sms_otp" in [step.get("method") for step in check["nextSteps"]], check
    return check, till.started(check, "sms_otp", STEADY)


def answered(till: Till, challenge: dict[str, Any], **answer: Any) -> httpx.Response:
    return till.http.post(f"{challenge['href']}/answer", json=answer)


def test_a_code_by_text_message_where_the_line_is_clean(till: Till) -> None:
    check, challenge = by_text(till)
    assert "link" not in challenge
    wrong = answered(till, challenge, code="000000")
    assert (wrong.status_code, wrong.json()["status"], wrong.json()["attemptsLeft"]) == (200, "pending", 2)
    code = texted(till, STEADY)
    assert answered(till, challenge, code=code).json()["status"] == "met"
    assert till.now(check)["decision"] == "allow"
    assert answered(till, challenge, code=code).status_code == 409, "answered once"


def test_a_code_is_not_guessed_in_parallel(till: Till) -> None:
    check, challenge = by_text(till)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: answered(till, challenge, code=f"{n:06}"), range(60)))
    looked_at = [answer for answer in answers if answer.status_code == 200]
    assert len(looked_at) <= 3
    assert {answer.status_code for answer in answers} <= {200, 409}
    while till.http.get(challenge["href"]).json()["status"] == "pending":
        answered(till, challenge, code="999999")
    assert answered(till, challenge, code=texted(till, STEADY)).status_code == 409
    assert till.now(check)["decision"] != "allow"


def test_the_devices_own_token_proves_the_sim(till: Till) -> None:
    check = till.ask()
    challenge = till.started(check, "operator_token")
    token = till.stage.alba.control.operator_token(SWAPPED_3D)
    assert answered(till, challenge, operatorToken=token).json()["status"] == "met"
    assert till.now(check)["decision"] == "allow"

    check = till.ask()
    challenge = till.started(check, "operator_token")
    other = till.stage.alba.control.operator_token(OTHER)
    assert answered(till, challenge, operatorToken=other).json()["code"] == "OTHER_SIM"
    assert till.now(check)["decision"] != "allow"


@pytest.mark.parametrize("answer", [{}, {"code": "1"}, {"code": "1", "met": True}, {"operatorToken": 5}, {"other": 1}])
def test_an_answer_of_another_kind_costs_nothing(till: Till, answer: dict[str, Any]) -> None:
    challenge = till.started(till.ask(), "operator_token")
    assert answered(till, challenge, **answer).status_code == 400
    standing = till.http.get(challenge["href"]).json()
    assert (standing["status"], standing.get("attemptsLeft")) == ("pending", 3), standing


def test_an_agent_does_not_vouch_for_a_factor_of_its_tenant(till: Till) -> None:
    check = till.ask()
    assert till.start(check, "tenant_factor").status_code == 403
    other = till.stage.broker.key(till.tenant, "trust:check", consumer="back-end")
    with till.stage.broker.http(other) as http:
        assert till._replace(http=http).start(check, "tenant_factor").status_code == 404, "another consumer's back end"
    key = till.stage.broker.key(till.tenant, "trust:check", consumer="shop")
    with till.stage.broker.http(key) as http:
        back_end = till._replace(http=http)
        assert back_end.start(check).status_code == 404, "the agent's own methods are the agent's"
        challenge = back_end.started(check, "tenant_factor")
        assert answered(till, challenge, met=True).status_code == 403
        assert answered(back_end, challenge, met=True).json()["status"] == "met"
    assert till.now(check)["decision"] == "allow"


def until(done: Callable[[], bool]) -> None:
    """Wait for those who look every second."""
    give_up_s = time.monotonic() + _WITHIN_S
    while not done():
        assert time.monotonic() < give_up_s, "nobody looked"
        time.sleep(0.05)


class Asked(NamedTuple):
    """A person whose operator asks them on the phone; ``rung`` is how often it has before."""

    till: Till
    rung: int
    check: dict[str, Any]
    challenge: dict[str, Any]
    phone: Phone

    def answer(self, *, approve: bool) -> None:
        self.phone.answer(Control(self.till.stage.alba.url, CONTROL_KEY), approve=approve)
        self.till.clock.advance(2)

    def ended(self) -> tuple[str, str | None]:
        until(lambda: bool(self.now()["status"] != "pending"))
        return self.now()["status"], self.now().get("code")

    def now(self) -> dict[str, Any]:
        return dict(self.till.http.get(self.challenge["href"]).json())


def metered_prompts(till: Till) -> int:
    calls = till.stage.rows("SELECT calls FROM metering WHERE tenant = ?", till.tenant)
    return sum(call["signal"] == "operator_prompt" for (row,) in calls for call in json.loads(row))


def asked_by_operator(till: Till) -> Asked:
    """A check of a clean line, the page tapped, and the person's phone rung."""
    operator = till.stage.alba.control
    rung = len(operator.prompts(STEADY))
    check = till.ask(STEADY, DEAR)
    challenge = till.started(check, "operator_prompt", STEADY)
    phone = till.phone(STEADY)
    page = phone.look(challenge["link"])
    assert (compare_code(page), "Make a payment 950.00 EUR" in said(page)[1]) == ("", True)
    assert len(operator.prompts(STEADY)) == rung, "nothing rings before the person has read what it is about"
    code = f" {challenge['compareCode'][:2].lower()}-{challenge['compareCode'][2:]}"
    assert said(phone.tap(challenge["link"], page, code))[0] == "Look at your phone"
    assert [one["standing"] for one in operator.prompts(STEADY)[rung:]] == ["pending"]
    return Asked(till, rung, check, challenge, phone)


def test_a_person_approves_on_their_phone_what_they_read_on_our_page(till: Till) -> None:
    asked = asked_by_operator(till)
    assert till.now(asked.check)["status"] == "pending"
    asked.answer(approve=True)
    assert asked.ended() == ("met", None)
    until(lambda: bool(till.now(asked.check)["decision"] == "allow"))
    assert len(till.stage.alba.control.prompts(STEADY)) == asked.rung + 1
    assert till.stage.rows("SELECT 1 FROM open_prompts WHERE tenant = ?", till.tenant) == []
    until(lambda: metered_prompts(till) == 1)
    assert said(asked.phone.look(asked.challenge["link"]))[0] == "This link is over"


def test_a_person_who_says_no_is_believed(till: Till) -> None:
    asked = asked_by_operator(till)
    asked.answer(approve=False)
    assert asked.ended() == ("failed", "DENIED")
    until(lambda: bool(till.now(asked.check)["revision"] == 1))
    after = till.now(asked.check)
    assert (after["decision"], {"method": "operator_prompt", "code": "POSSESSION_RISK"} in after["withheld"]) == (
        "step_up",
        True,
    )


def test_nobody_is_asked_two_things_at_once(till: Till) -> None:
    asked = asked_by_operator(till)
    other = till.ask(STEADY, DEAR)
    second = till.start(other, "operator_prompt", STEADY)
    assert (second.status_code, int(second.headers["retry-after"]) > 0) == (409, True)
    assert till.start(other, "network_auth", STEADY).status_code == 201
    assert till.http.post(f"{asked.challenge['href']}/cancel").is_success
    assert till.start(other, "operator_prompt", STEADY).status_code == 409, "it is on their screen still"
    asked.answer(approve=True)
    assert till.now(asked.check)["decision"] == "step_up", "a yes to what was given up"
    till.clock.advance(241)
    assert till.start(till.ask(STEADY, DEAR), "operator_prompt", STEADY).status_code == 201


def test_a_yes_that_comes_too_late_is_none(till: Till) -> None:
    asked = asked_by_operator(till)
    till.clock.advance(121)
    assert asked.ended() == ("expired", "TIMED_OUT")
    till.stage.alba.control.answer(STEADY, approve=True)
    assert till.now(asked.check)["decision"] == "step_up"


def test_whoever_has_the_link_alone_has_no_phone_ring(till: Till) -> None:
    """A link is carried off, or looked at by a program; the code that came with it was told to the person."""
    operator = till.stage.alba.control
    rung, check = len(operator.prompts(STEADY)), till.ask(STEADY, DEAR)
    challenge = till.started(check, "operator_prompt", STEADY)
    thief = till.phone(OTHER)
    page = thief.look(challenge["link"])
    assert challenge["compareCode"] not in page.text
    wrong = [thief.tap(challenge["link"], page, code) for code in ("", "AAAA", "\u202e<script>")]
    assert [one.status_code for one in wrong] == [422, 422, 410]
    assert 'role="alert"' in wrong[0].text
    assert till.http.get(challenge["href"]).json()["code"] == "CODE_WRONG"
    owner = till.phone(STEADY)
    assert owner.http.post(challenge["link"], data={"code": challenge["compareCode"]}).status_code == 410
    assert len(operator.prompts(STEADY)) == rung
    assert till.now(check)["decision"] == "step_up"
    assert till.start(check, "operator_prompt", STEADY).status_code == 201, "and nothing is before the person"


def test_a_phone_that_was_answered_with_a_no_is_left_in_peace(till: Till) -> None:
    asked = asked_by_operator(till)
    asked.answer(approve=False)
    assert asked.ended() == ("failed", "DENIED")
    until(lambda: bool(till.now(asked.check)["revision"] == 1))
    again = till.ask(STEADY, DEAR)
    refused = till.start(again, "operator_prompt", STEADY)
    assert (refused.status_code, int(refused.headers["retry-after"])) == (429, 3600)
    assert till.start(again, "network_auth", STEADY).status_code == 201
    assert till.stage.rows("SELECT code FROM refusals WHERE tenant = ?", till.tenant) == [("FLOODED",)]


def test_a_phone_rings_three_times_an_hour_at_most(till: Till) -> None:
    for status in (201, 201, 201, 429):
        started = till.start(till.ask(STEADY, DEAR), "operator_prompt", STEADY)
        assert started.status_code == status
        if started.is_success:
            assert till.http.post(f"{started.json()['href']}/cancel").is_success


def test_two_links_in_one_browser_do_not_disturb_each_other(till: Till) -> None:
    phone, checks = till.phone(SWAPPED_3D), [till.ask(), till.ask()]
    links = [till.started(check)["link"] for check in checks]
    taps = [phone.http.post(link, headers={"sec-fetch-site": "same-origin"}) for link in links]
    for tap in taps:
        back = phone.http.get(tap.headers["location"], headers={"x-cellular-msisdn": SWAPPED_3D})
        assert said(phone.http.get(back.headers["location"]))[0] == "Done"
    assert phone.http.cookies.jar.__len__() == 0, "and none is left behind"


@pytest.mark.parametrize("way", ["HEAD", "GET", "OPTIONS"])
def test_a_messenger_that_looks_at_a_link_first_does_not_use_it_up(till: Till, way: str) -> None:
    challenge = till.started(till.ask())
    looking = {"user-agent": "WhatsApp/2.23", "purpose": "prefetch", "sec-purpose": "prefetch"}
    for _ in range(3):
        assert till.phone(OTHER).http.request(way, challenge["link"], headers=looking).status_code < 500
    phone = till.phone(SWAPPED_3D)
    assert said(phone.tap(challenge["link"], phone.look(challenge["link"])))[0] == "Done"


def test_a_browser_that_keeps_no_cookies_proves_nothing_and_is_told_why(till: Till) -> None:
    challenge = till.started(till.ask())
    phone, address = carried(till, challenge)
    phone.http.cookies.clear()
    last = phone.http.get(address)
    assert (last.status_code, said(last)[0], "cookies" in said(last)[1]) == (403, "Another browser", True)


@pytest.mark.parametrize(
    ("header", "title"),
    [
        ("es", "¿Eres tú?"),
        ("en;q=0.4, es-MX;q=0.8", "¿Eres tú?"),
        ("de, es;q=0, en;q=0.1", "Is this you?"),
        ("*", "Is this you?"),
        ("ÿ;q=x" * 400, "Is this you?"),
    ],
)
def test_each_page_speaks_the_language_that_is_wanted_most(till: Till, header: str, title: str) -> None:
    link = till.started(till.ask())["link"]
    asking = [(b"accept-language", header.encode("latin-1"))]
    with httpx.Client(trust_env=False) as http:
        assert said(http.get(link, headers=asking))[0] == title
        over = http.get(f"{till.stage.broker.url}/v1/step-up/callback?state=x", headers=asking)
    assert said(over)[0] == {"¿Eres tú?": "Este enlace ya no sirve"}.get(title, "This link is over")


@pytest.mark.parametrize("code", ["", "12 34", "１２３４５６", "123456\n", "12345678901"])
def test_what_cannot_be_a_code_costs_no_attempt(till: Till, code: str) -> None:
    check = till.ask(STEADY, DEAR)
    challenge = till.started(check, "sms_otp", STEADY)
    answer = till.http.post(f"{challenge['href']}/answer", json={"code": code})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/code")
    standing = till.http.get(challenge["href"]).json()
    assert (standing["status"], standing.get("attemptsLeft")) == ("pending", 3), standing
