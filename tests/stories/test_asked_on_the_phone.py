"""An operator that has to ask the person first: the check does not wait, and a later one hears what they said.

The adapter is the one for Telefónica as it is shipped, with its addresses turned to a pretend operator.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.mock.operator.authorization.clients import register
from adapters.mock.operator.profile import (
    CibaTerms,
    ClientAuthentication,
    ClientTerms,
    Grant,
    Legs,
    OfferedApi,
    Profile,
    SubjectForm,
    load_profile,
)
from tests.support.broker import SECRET, RunningBroker, running_broker, share_secrets
from tests.support.databases import execute
from tests.support.mock_operator import RunningOperator, running_operator

SILENT, SAYS_NO, SWAPPED = "+34600000109", "+34600000152", "+34600000103"
_PAYMENT = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}
_HEARD_WITHIN_S = 20.0
_OPERATOR = """
adapter = "telefonica"
base_url = "{url}"
token_url = "{url}/oauth2/token"
backchannel_url = "{url}/oauth2/bc-authorize"
redirect_uri = "https://broker.example/callback"
client_id = "trust-broker"
client_secret = {{ env = "A_SECRET_OF_THE_STAGE" }}
attempt_timeout_ms = 5000
token_timeout_ms = 5000
"""


def by_phone() -> Profile:
    """Alba as an operator that holds clients to CIBA and a shared secret, one second between two polls."""
    terms = ClientTerms(
        id="trust-broker", authentication=frozenset({ClientAuthentication.BASIC}), grants=frozenset({Grant.CIBA})
    )
    offered = OfferedApi(name="sim-swap", version="1.0.0", legs=frozenset({Legs.THREE}))
    ciba = CibaTerms(subject_forms=frozenset({SubjectForm.TEL}), interval_s=1)
    return load_profile("alba").model_copy(update={"clients": (terms,), "apis": (offered,), "ciba": ciba})


@pytest.fixture
def operator() -> Iterator[RunningOperator]:
    profile = by_phone()
    with running_operator(profile, clients=[register(profile.clients[0], secret=SECRET)]) as standing:
        yield standing


@pytest.fixture
def broker(operator: RunningOperator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBroker]:
    monkeypatch.setenv("A_SECRET_OF_THE_STAGE", SECRET)
    share_secrets(tmp_path)
    files = {"../operators/alba.toml": _OPERATOR.format(url=operator.url)}
    with running_broker(tmp_path, {}, files=files) as standing:
        yield standing


def swap_of(broker: RunningBroker, number: str) -> dict[str, Any]:
    """The signal, as an analyst sees it."""
    body = {
        "subject": {"phoneNumber": number},
        "action": _PAYMENT,
        "purpose": "FraudPreventionAndDetection",
        "deadlineMs": 4000,
    }
    with broker.http(broker.analyst_key) as http:
        document = http.post("/v1/trust-checks", json=body).raise_for_status().json()
    found: dict[str, Any] = next(signal for signal in document["signals"] if signal["name"] == "sim_swap")
    return found


def pending(broker: RunningBroker) -> list[tuple[Any, ...]]:
    return asyncio.run(execute(f"sqlite:///{broker.folder}/broker.db", "SELECT tenant FROM pending_authentications"))


def test_a_person_is_asked_once_and_their_yes_serves_the_next_check(
    operator: RunningOperator, broker: RunningBroker
) -> None:
    for _ in range(3):
        signal = swap_of(broker, SILENT)
        assert (signal["state"], signal["reason"], signal["code"]) == ("unavailable", "late", "PERSON_ASKED")
    assert pending(broker) == [("acme",)]
    operator.control.answer(SILENT, approve=True)
    give_up_s = time.monotonic() + _HEARD_WITHIN_S
    while (signal := swap_of(broker, SILENT))["state"] != "observed":
        assert (signal["code"], time.monotonic() < give_up_s) == ("PERSON_ASKED", True)
        time.sleep(0.1)
    assert signal["source"] == {
        "operator": "alba",
        "api": "sim-swap",
        "version": "1.0.0",
        "cached": False,
        "hedged": False,
        "downgraded": False,
    }
    assert len(operator.control.prompts(SILENT)) == 1
    assert pending(broker) == []


def test_a_person_who_says_no_is_not_clean_and_not_asked_again(
    operator: RunningOperator, broker: RunningBroker
) -> None:
    for _ in range(2):
        signal = swap_of(broker, SAYS_NO)
        assert (signal["state"], signal["reason"], signal["code"]) == ("unavailable", "not_permitted", "access_denied")
    assert len(operator.control.prompts(SAYS_NO)) == 1


_MANIFEST = """
name = "pretend_ciba"
title = "Alba over CIBA"

[oauth]
client_auth = "basic"

[[capabilities]]
api = "sim-swap"
version = "2.1.0"
flow = "client_credentials"

[[capabilities]]
api = "number-verification"
version = "2.1.0"
flow = "ciba"
"""


@pytest.fixture
def by_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RunningOperator, RunningBroker]]:
    """An adapter in a package of its own, for an operator that takes the device's token over CIBA."""
    package, about = tmp_path / "site" / "pretend_ciba", tmp_path / "site" / "pretend_ciba-1.dist-info"
    for folder in (package, about):
        folder.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "manifest.toml").write_text(_MANIFEST, "utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pretend-ciba\nVersion: 1\n", "utf-8")
    (about / "entry_points.txt").write_text("[broker.adapters]\npretend_ciba = pretend_ciba\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("A_SECRET_OF_THE_STAGE", SECRET)
    terms = ClientTerms(
        id="trust-broker",
        authentication=frozenset({ClientAuthentication.BASIC}),
        grants=frozenset({Grant.CIBA, Grant.CLIENT_CREDENTIALS}),
    )
    ciba = CibaTerms(subject_forms=frozenset({SubjectForm.OPERATOR_TOKEN}), interval_s=1)
    profile = load_profile("alba").model_copy(update={"clients": (terms,), "ciba": ciba})
    with running_operator(profile, clients=[register(terms, secret=SECRET)]) as operator:
        share_secrets(tmp_path)
        written = _OPERATOR.format(url=operator.url).replace('"telefonica"', '"pretend_ciba"')
        written = "\n".join(line for line in written.splitlines() if not line.startswith("redirect_uri"))
        with running_broker(tmp_path, {}, files={"../operators/alba.toml": written}) as broker:
            yield operator, broker


def test_a_devices_token_is_waited_for_while_its_operator_asks_the_person(
    by_token: tuple[RunningOperator, RunningBroker],
) -> None:
    operator, broker = by_token
    operator.control.event(SWAPPED, {"type": "consent", "granted": False, "api": "number-verification"})
    asked = {"subject": {"phoneNumber": SWAPPED}, "action": _PAYMENT, "purpose": "FraudPreventionAndDetection"}
    with broker.http() as http:
        check = http.post("/v1/trust-checks", json=asked | {"deadlineMs": 4000}).raise_for_status().json()
        wanted = {"method": "operator_token", "phoneNumber": SWAPPED}
        started = http.post(f"/v1/trust-checks/{check['id']}/challenges", json=wanted)
        assert started.is_success, (check, started.text)
        href = started.json()["href"]
        token = operator.control.operator_token(SWAPPED)
        answer = http.post(f"{href}/answer", json={"operatorToken": token}).raise_for_status().json()
        assert answer["status"] == "pending", "the operator asks the person first"
        assert [one["standing"] for one in operator.control.prompts(SWAPPED)] == ["pending"]
        operator.control.answer(SWAPPED, approve=True)
        give_up_s = time.monotonic() + _HEARD_WITHIN_S
        while (now := http.get(f"/v1/trust-checks/{check['id']}").json())["decision"] == "step_up":
            assert time.monotonic() < give_up_s, now
            time.sleep(0.1)
        assert (now["decision"], http.get(href).json()["status"]) == ("allow", "met")
