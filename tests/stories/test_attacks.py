"""Attacks on the ways in which people prove more: none yields an allow, and each is on record."""

import itertools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from adapters.mock.phone import Way
from tests.stories.test_challenges import DEAR, OTHER, STEADY, SWAPPED_3D, Till, answered, by_text, carried, until
from tests.support.clocks import HandClock
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
Attack = Callable[[Till], dict[str, Any]]
SMALL = {"type": "payment.transfer", "amount": {"value": "5.00", "currency": "EUR"}}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, HandClock]]:
    clock = HandClock()
    with set_stage(tmp_path_factory.mktemp("attacks"), clock=clock) as stage:
        yield stage, clock


@pytest.fixture
def till(ground: tuple[Stage, HandClock]) -> Iterator[Till]:
    stage, clock = ground
    tenant = f"attacked-{next(_TENANTS)}"
    key = stage.broker.key(tenant, "trust:check", consumer="shop", agent="till")
    with ExitStack() as more, stage.broker.http(key) as http:
        yield Till(stage, clock, tenant, http, more)


def mix_up(till: Till) -> dict[str, Any]:
    check = till.ask()
    phone, address = carried(till, till.started(check))
    assert phone.http.get(address.replace("/callback?", "/callback/borealis?")).status_code == 403
    return check


def stolen_link(till: Till) -> dict[str, Any]:
    check = till.ask()
    challenge = till.started(check)
    thief = till.phone(OTHER, Way.THIEF)
    assert thief.tap(challenge["link"], thief.look(challenge["link"])).status_code == 403
    return check


def carried_off(till: Till) -> dict[str, Any]:
    check = till.ask()
    _, address = carried(till, till.started(check))
    assert till.phone(SWAPPED_3D).http.get(address).status_code == 403
    return check


def forged_callback(till: Till) -> dict[str, Any]:
    check = till.ask()
    phone, address = carried(till, till.started(check))
    assert phone.http.get(re.sub(r"state=[^&]+", "state=made-up", address)).status_code == 403
    return check


def repeated_callback(till: Till) -> dict[str, Any]:
    check = till.ask()
    phone, address = carried(till, till.started(check))
    assert till.phone(OTHER).http.get(address).status_code == 403
    assert phone.http.get(address).status_code == 403, "used up, even for the right browser"
    return check


def state_of_another_check(till: Till) -> dict[str, Any]:
    check = till.ask()
    phone, address = carried(till, till.started(check))
    _, other = carried(till, till.started(till.ask()))
    foreign = dict(parse_qsl(urlsplit(other).query))["state"]
    assert phone.http.get(re.sub(r"state=[^&]+", f"state={foreign}", address)).status_code == 403
    return check


def code_of_another_subject(till: Till) -> dict[str, Any]:
    check = till.ask()
    phone, address = carried(till, till.started(check))
    _, other = carried(till, till.started(till.ask(STEADY, DEAR), number=STEADY), STEADY)
    foreign = dict(parse_qsl(urlsplit(other).query))["code"]
    assert phone.http.get(re.sub(r"code=[^&]+", f"code={foreign}", address)).status_code == 403
    return check


def guessed_code(till: Till) -> dict[str, Any]:
    check, challenge = by_text(till)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: answered(till, challenge, code=f"{n:06}"), range(24)))
    return check


def reviewed(till: Till, check: dict[str, Any], *, decide: bool) -> Any:
    """Two reviewers claim the same review; the ruling of the one who has it."""
    review = till.http.post(f"/v1/trust-checks/{check['id']}/reviews", json={"justification": ""}).json()
    keys = [till.stage.broker.key(till.tenant, "trust:review", consumer=name) for name in ("rosa", "luis")]
    with till.stage.broker.http(keys[0]) as rosa, till.stage.broker.http(keys[1]) as luis:
        assert rosa.post(f"/v1/reviews/{review['id']}/claim").is_success
        if not decide:
            assert luis.post(f"/v1/reviews/{review['id']}/claim").status_code == 409
            return None
        ruling = {"ruling": "approve", "code": "CUSTOMER_CONFIRMED", "reason": "They called back."}
        return rosa.post(f"/v1/reviews/{review['id']}/decide", json=ruling).raise_for_status()


def review_claimed_twice(till: Till) -> dict[str, Any]:
    check = till.ask()
    reviewed(till, check, decide=False)
    return check


def approval_of_another_action(till: Till) -> dict[str, Any]:
    approved = till.ask()
    reviewed(till, approved, decide=True)
    receipt = till.now(approved)["receipt"]
    dearer = {"type": "payment.transfer", "amount": {"value": "950.01", "currency": "EUR"}}
    used = till.http.post("/v1/receipts/consume", json={"receipt": receipt, "action": dearer})
    assert (used.status_code, used.json()["code"]) == (409, "RECEIPT_OTHER_ACTION")
    return till.ask(action=dearer)


def settled_check(till: Till) -> dict[str, Any]:
    check = till.ask()
    review = till.http.post(f"/v1/trust-checks/{check['id']}/reviews", json={"justification": ""}).json()
    key = till.stage.broker.key(till.tenant, "trust:review", consumer="rosa")
    with till.stage.broker.http(key) as rosa:
        rosa.post(f"/v1/reviews/{review['id']}/claim")
        ruling = {"ruling": "deny", "code": "SUSPECTED_FRAUD", "reason": "No."}
        assert rosa.post(f"/v1/reviews/{review['id']}/decide", json=ruling).is_success
    assert till.start(check).status_code == 409
    return check


def foreign_check(till: Till) -> dict[str, Any]:
    key = till.stage.broker.key(f"{till.tenant}-other", "trust:check", consumer="shop", agent="till")
    with till.stage.broker.http(key) as http:
        check = till._replace(http=http).ask()
        assert till.start(check).status_code == 404
        return dict(http.get(f"/v1/trust-checks/{check['id']}").json())


def flood(till: Till) -> dict[str, Any]:
    check = till.ask()
    assert [till.start(check).status_code for _ in range(9)] == [201] * 6 + [429] * 3
    return check


@pytest.mark.parametrize(
    ("attack", "recorded"),
    [
        pytest.param(mix_up, "challenge.failed FORGED", id="mix-up between two operators"),
        pytest.param(stolen_link, "challenge.failed OTHER_SIM", id="stolen link opened elsewhere"),
        pytest.param(carried_off, "challenge.failed OTHER_BROWSER", id="link finished elsewhere"),
        pytest.param(forged_callback, "proof.refused CALLBACK_OF_NOTHING", id="callback forged"),
        pytest.param(repeated_callback, "proof.refused CALLBACK_OF_NOTHING", id="callback repeated"),
        pytest.param(state_of_another_check, "challenge.failed OTHER_BROWSER", id="state from another check"),
        pytest.param(code_of_another_subject, "challenge.failed", id="code for another subject"),
        pytest.param(guessed_code, "challenge.failed CODE_WRONG", id="code guessed in parallel"),
        pytest.param(review_claimed_twice, "proof.refused REVIEW_TAKEN", id="review claimed twice"),
        pytest.param(approval_of_another_action, "proof.refused RECEIPT_REFUSED", id="approval for another action"),
        pytest.param(settled_check, "proof.refused NOT_OFFERED", id="challenge for a settled check"),
        pytest.param(foreign_check, "proof.refused FOREIGN_CHECK", id="challenge for a foreign check"),
        pytest.param(flood, "proof.refused FLOODED", id="flooding a person"),
    ],
)
def test_it_allows_nothing_and_is_on_record(till: Till, attack: Attack, recorded: str) -> None:
    event, _, code = recorded.partition(" ")
    before = counted(till, code)
    check = attack(till)
    now = till.now(check) if attack is not foreign_check else check
    assert now["decision"] != "allow", now
    assert any(name == event and about.endswith(code) for name, about in leaves(till)), leaves(till)
    if event == "proof.refused":
        until(lambda: counted(till, code) > before)
    about = " ".join(words for name, words in leaves(till) if name.startswith(("challenge.", "proof.", "review.")))
    assert all(re.fullmatch(r"[a-z]{3}_\w{26}|[a-z_]+|[A-Z_]+|-", word) for word in about.split()), "ids and codes only"


def leaves(till: Till) -> list[tuple[str, str]]:
    """What the log says of the tenant and of nobody: events, and what they are about."""
    found = till.stage.rows(
        "SELECT json_extract(body, '$.event'), json_extract(body, '$.about') FROM log_leaves"
        " WHERE tenant IN (?, '') AND json_extract(body, '$.event') IS NOT NULL",
        till.tenant,
    )
    return [(str(event), str(about)) for event, about in found]


def counted(till: Till, code: str) -> int:
    """How often it was refused to the tenant, or to nobody knows whom."""
    query = "SELECT coalesce(sum(times), 0) FROM refusals WHERE tenant IN (?, '') AND code = ?"
    return int(till.stage.rows(query, till.tenant, code)[0][0])


def test_what_is_repeated_is_counted_and_takes_no_room(till: Till) -> None:
    check = till.ask()
    for _ in range(30):
        assert till.start(check, number=OTHER).status_code == 400
    until(lambda: counted(till, "OTHER_NUMBER") == 30)
    assert till.stage.rows("SELECT count(*) FROM refusals WHERE tenant = ?", till.tenant) == [(1,)]
    refused = [about for event, about in leaves(till) if event == "proof.refused" and "OTHER_NUMBER" in about]
    assert len(refused) == 1
