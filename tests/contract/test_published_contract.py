"""The published contract: generated from the code, committed, and true of what the broker answers."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from broker.surfaces.cli.openapi import TARGET, document
from tests.support.stage import MADRID, Stage, set_stage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def contract() -> Any:
    return yaml.safe_load(document())


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with set_stage(tmp_path_factory.mktemp("stage")) as standing:
        yield standing


def test_the_committed_document_is_the_generated_one() -> None:
    assert (ROOT / TARGET).read_text("utf-8") == document(), "run `make openapi`"


# What is no JSON, because a standard or a stream says so.
OTHER_MEDIA = {
    "/v1/audit/checkpoint": "text/plain",
    "/v1/audit/export": "application/jsonl",
    "/v1/trust-checks/{check_id}/events": "text/event-stream",
    "/v1/trust-checks/{check_id}/vcon": "application/vcon+json",
}


def test_every_reference_leads_somewhere(contract: Any) -> None:
    for reference in set(re.findall(r"#/components/schemas/(\w+)", json.dumps(contract))):
        assert reference in contract["components"]["schemas"]


def test_every_operation_has_a_name_a_summary_and_its_refusals(contract: Any) -> None:
    names = []
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert operation["summary"], (path, method)
            if path.startswith("/v1/"):
                assert "401" in operation["responses"], (path, method)
                for status, response in operation["responses"].items():
                    good = OTHER_MEDIA.get(path, "application/json")
                    expected = good if status in {"200", "201"} else "application/problem+json"
                    assert list(response["content"]) == [expected]
    assert len(names) == len(set(names))


def check(contract: Any, name: str, instance: Any) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": contract["components"]}
    jsonschema.Draft202012Validator(schema).validate(instance)


QUESTION: dict[str, Any] = {
    "subject": {
        "phoneNumber": "+34600000102",
        "location": dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True)),
    },
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


def test_answers_and_problems_are_as_published(contract: Any, stage: Stage) -> None:
    check(contract, "CheckIn", QUESTION)
    for key, name in ((stage.broker.agent_key, "CheckView"), (stage.broker.analyst_key, "ExplainedCheckView")):
        for number in ("+34600000101", "+34600000102", "+34600000203", "+34600000404", "+15005550006"):
            with stage.broker.http(key) as http:
                question = QUESTION | {"subject": QUESTION["subject"] | {"phoneNumber": number}}
                answer = http.post("/v1/trust-checks", json=question).raise_for_status().json()
            check(contract, name, answer)
            assert set(answer) <= set(contract["components"]["schemas"][name]["properties"])
    with stage.broker.http() as http:
        check(contract, "Problem", http.post("/v1/trust-checks", json={}).json())


@pytest.mark.parametrize(
    "question",
    [
        QUESTION | {"x": 1},
        QUESTION | {"action": {"type": "payment.transfer\n"}},
        QUESTION | {"action": {"type": "p", "amount": {"value": 9, "currency": "EUR"}}},
        QUESTION | {"deadlineMs": "soon"},
        {"subject": QUESTION["subject"]},
    ],
    ids=["unknown member", "trailing newline", "number for decimal", "wrong type", "missing member"],
)
def test_the_schema_refuses_what_the_broker_refuses(contract: Any, question: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check(contract, "CheckIn", question)


def test_the_documentation_page_loads_everything_from_here(stage: Stage) -> None:
    with stage.broker.http() as http:
        page = http.get("/schema").raise_for_status()
        assert page.headers["content-type"].startswith("text/html")
        links = re.findall(r"(?:src|href)=[\"']([^\"']+)", page.text)
        assert len(links) >= 3
        for link in links:
            assert link.startswith("/"), link
            assert http.get(link).status_code == 200
        assert http.get("/schema/openapi.json").json()["info"]["title"] == "Trust broker"
