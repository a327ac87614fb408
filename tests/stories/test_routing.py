"""Numbers that moved, networks out of reach, several ways to one network: over real HTTP, with the pretend finder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stage import MADRID, Stage, set_stage

_FINDER = {'finder = ""': 'finder = "finder.toml"'}
PORTED, LONG_PORTED, MVNO, NO_PART = (f"+3460000014{last}" for last in "1234")
PAYMENT = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("routing"), changes=_FINDER) as standing:
        yield standing


def check(stage: Stage, number: str, **more: Any) -> dict[str, Any]:
    with stage.broker.http(stage.broker.analyst_key) as http:
        return told(http, number, **more)


def told(http: httpx.Client, number: str, **more: Any) -> dict[str, Any]:
    subject = {"phoneNumber": number, "location": dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))}
    body = {"subject": subject, "action": PAYMENT, "purpose": "FraudPreventionAndDetection"} | more
    document: dict[str, Any] = http.post("/v1/trust-checks", json=body).raise_for_status().json()
    return document


def signal(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(signal for signal in document["signals"] if signal["name"] == name)
    return found


def calls(stage: Stage, path: str) -> int:
    return sum(path in call["path"] for one in (stage.alba, stage.borealis) for call in one.control.requests())


def forget(stage: Stage) -> None:
    for one in (stage.alba, stage.borealis):
        one.control.forget_requests()


def test_a_number_in_its_own_range_costs_no_search(stage: Stage) -> None:
    forget(stage)
    document = check(stage, "+34600000101")
    assert document["routing"] == {
        "by": "override",
        "network": "alba",
        "country": "ES",
        "sources": ["alba"],
        "code": None,
    }
    assert calls(stage, "telco-finder") == 0


def test_a_ported_number_is_found_once_by_each_tenant_and_its_new_operator_remembered(stage: Stage) -> None:
    forget(stage)
    document = check(stage, PORTED)
    found = signal(document, "sim_swap")
    assert (found["state"], found["source"]["operator"]) == ("observed", "borealis"), found
    assert (document["routing"]["by"], document["routing"]["sources"]) == ("finder_deep", ["borealis"])
    assert calls(stage, "telco-finder") == 1
    alba = len(stage.alba.control.requests())
    again = check(stage, PORTED, maxEvidenceAgeS=0)
    assert again["routing"]["remembered"] is True
    assert signal(again, "sim_swap")["source"]["operator"] == "borealis"
    assert len(stage.alba.control.requests()) == alba  # nobody asks its old operator again
    with stage.broker.http(stage.broker.key("globex", "trust:check", "trust:explain")) as http:
        assert signal(told(http, PORTED), "sim_swap")["state"] == "observed"
    assert calls(stage, "telco-finder") == 2


@pytest.mark.parametrize("number", [MVNO, NO_PART])
def test_a_network_out_of_reach_is_unsupported_and_no_unknown_number(stage: Stage, number: str) -> None:
    document = check(stage, number)
    found = signal(document, "sim_swap")
    assert (found["reason"], found["code"]) == ("unsupported", "NETWORK_NOT_SERVED")
    assert "UNKNOWN_NUMBER" not in document["gates"]
    assert document["decision"] != "allow"


def test_a_number_that_nobody_has_stays_unknown(stage: Stage) -> None:
    document = check(stage, "+34600009999")
    assert signal(document, "sim_swap")["reason"] == "unknown_subscriber"
    assert "UNKNOWN_NUMBER" in document["gates"]


def test_a_finder_that_hangs_costs_no_more_than_the_check_has(tmp_path: Path) -> None:
    with set_stage(tmp_path, changes=_FINDER) as stage:
        stage.alba.control.fault("hang", {"type": "api", "api": "telco-finder"})
        document = check(stage, "+5511987654321", deadlineMs=600)
        assert signal(document, "sim_swap")["code"] == "NETWORK_NOT_SERVED"
        assert document["routing"]["by"] == "range"
        assert calls(stage, "telco-finder") <= 1


def test_where_a_range_is_a_guess_the_finder_is_asked_first(tmp_path: Path) -> None:
    with guessing(tmp_path) as stage:
        document = check(stage, LONG_PORTED)
        assert (document["routing"]["by"], document["routing"]["network"]) == ("finder", "borealis")
        assert signal(document, "sim_swap")["source"]["operator"] == "borealis"
        assert not [call for call in stage.alba.control.requests() if "sim-swap" in call["path"]]


def test_a_finder_that_is_down_leaves_the_guess(tmp_path: Path) -> None:
    with guessing(tmp_path) as stage:
        stage.alba.control.fault("status", {"type": "api", "api": "telco-finder"}, status=503)
        document = check(stage, "+34600000101", deadlineMs=4000)
        assert (document["routing"]["by"], document["routing"]["sources"]) == ("range", ["alba"])
        assert signal(document, "sim_swap")["state"] == "observed"


def test_a_network_with_two_sources_is_asked_through_the_other_when_the_first_is_down(tmp_path: Path) -> None:
    networks = '[networks.together]\ncountry = "ES"\nsources = ["borealis", "alba"]\n'
    prefixes = '[prefixes]\n"+34600" = "together"\n'
    with set_stage(tmp_path, files={"networks.toml": networks, "prefixes.toml": prefixes}) as stage:
        stage.borealis.control.fault("status", status=503)
        document = check(stage, "+34600000101")
        assert document["routing"]["sources"] == ["borealis", "alba"]
        source = signal(document, "sim_swap")["source"]
        assert (source["operator"], source["hedged"]) == ("alba", True)


def guessing(folder: Path) -> Any:
    """Without overrides: alba is who the range was given to, and numbers move in that country."""
    networks = '[networks.alba]\ncountry = "ES"\nholders = ["Vodafone"]\nfinder_ids = ["alba"]\nsources = ["alba"]\n'
    return set_stage(folder, changes=_FINDER, files={"networks.toml": networks, "prefixes.toml": "[prefixes]\n"})
