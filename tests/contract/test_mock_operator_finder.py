"""The pretend operator's Telco Finder: who may search, what a search must look like, what it says."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.mock_operator import RunningOperator, running_operator

SCOPE = "telco-finder:search"


@pytest.fixture(scope="module")
def alba() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


def search(operator: RunningOperator, body: Any, token: str | None = None) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {token or operator.client.token(SCOPE)}", "x-correlator": "c-1"}
    response = operator.client.http.post("/telco-finder/v1/search", json=body, headers=headers)
    assert response.headers["x-correlator"] == "c-1"
    return response.status_code, response.json()


def about(number: str, **more: Any) -> dict[str, Any]:
    return {"target": {"phoneNumber": number}, **more}


@pytest.mark.parametrize(
    ("number", "shallow", "deep"),
    [
        ("+34600000101", "alba", "alba"),
        ("+447700000101", "borealis", "borealis"),
        ("+34600000141", "alba", "borealis"),
        ("+34600000142", "borealis", "borealis"),
        ("+34600000143", "alba", "cetus-mvno"),
        ("+34600000144", "alba", "SERVICE_NOT_APPLICABLE"),
        ("+34911111111", "IDENTIFIER_NOT_FOUND", "IDENTIFIER_NOT_FOUND"),
    ],
)
def test_it_says_who_has_a_number_quickly_or_truly(alba: RunningOperator, number: str, shallow: str, deep: str) -> None:
    for mode, said in (("SHALLOW", shallow), ("DEEP", deep)):
        _, answer = search(alba, about(number, portabilitySearchMode=mode))
        assert answer.get("operatorId", answer.get("code")) == said
    assert search(alba, about(number)) == search(alba, about(number, portabilitySearchMode="SHALLOW"))


@pytest.mark.parametrize(
    "body",
    [{}, {"target": {}}, about("34600000101"), about("+34600000101", portabilitySearchMode="deep"), about("+34", x=1)],
)
def test_a_search_that_does_not_fit_is_refused(alba: RunningOperator, body: Any) -> None:
    status, answer = search(alba, body)
    assert (status, answer["code"]) == (400, "INVALID_ARGUMENT")


def test_it_wants_its_own_scope(alba: RunningOperator) -> None:
    assert search(alba, about("+34600000101"), token="made-up")[0] == 401
    assert search(alba, about("+34600000101"), token=alba.client.token("sim-swap:check"))[0] == 403


def test_faults_act_on_it_as_on_an_api(alba: RunningOperator) -> None:
    alba.control.fault("status", {"type": "api", "api": "telco-finder"}, status=503, count=1)
    assert search(alba, about("+34600000101"))[0] == 503
    assert search(alba, about("+34600000101"))[0] == 200


def test_who_keeps_no_finder_offers_neither_scope_nor_path() -> None:
    with running_operator("borealis") as borealis:
        assert borealis.client.http.post("/telco-finder/v1/search", json={}).status_code == 404
        metadata = borealis.client.http.get("/.well-known/openid-configuration").json()
        assert SCOPE not in metadata["scopes_supported"]
        assert borealis.control.subscriber("+34600000141")["phoneNumber"] == "+34600000141"
