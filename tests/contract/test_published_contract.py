"""The published contract: generated from the code, committed, and true of what the broker answers."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jsonschema
import pytest
import yaml

from broker.consumers import authorize
from broker.surfaces.cli.openapi import TARGET, document
from tests.support.stage import MADRID, Stage, set_stage

ROOT = Path(__file__).parents[2]
JSON = "application/json"


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
            assert operation["description"], (path, method)
            assert set(operation["tags"]) <= {tag["name"] for tag in contract["tags"]}
            if path.startswith("/v1/"):
                assert "401" in operation["responses"], (path, method)
                for status, response in operation["responses"].items():
                    good = OTHER_MEDIA.get(path, "application/json")
                    expected = good if status in {"200", "201"} else "application/problem+json"
                    assert list(said(contract, response)["content"]) == [expected]
    assert len(names) == len(set(names))


def said(contract: Any, response: Any) -> Any:
    """A response, also where it is only referred to."""
    name = response.get("$ref", "").rpartition("/")[2]
    return contract["components"]["responses"][name] if name else response


class Operation(NamedTuple):
    """An operation, the scopes that it says it wants, the parameters that it cannot do without, and its example."""

    method: str
    path: str
    scopes: tuple[str, ...]
    parameters: dict[str, str]
    body: Any

    def send(self, http: httpx.Client) -> httpx.Response:
        """With the example, and an id that nothing has in each place of the path."""
        place = re.sub(r"\{(\w+)\}", lambda found: "1" if found[1] == "version" else "chk_00000000", self.path)
        return http.request(self.method, place, params=self.parameters, json=self.body)


def operations(contract: Any) -> Iterator[Operation]:
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            scopes = {scope for one in operation.get("security", []) for held in one.values() for scope in held}
            wanted = [
                one["name"] for one in operation.get("parameters", []) if one["in"] == "query" and one["required"]
            ]
            content = operation.get("requestBody", {"content": {}})["content"]
            yield Operation(
                method.upper(), path, tuple(scopes), dict.fromkeys(wanted, "1"), content.get(JSON, {}).get("example")
            )


def test_every_body_is_shown_by_an_example_that_fits(contract: Any) -> None:
    shown = 0
    for path, methods in contract["paths"].items():
        for method, operation in methods.items():
            for media in operation.get("requestBody", {"content": {}})["content"].values():
                assert "example" in media, (method, path)
                jsonschema.Draft202012Validator(media["schema"] | {"components": contract["components"]}).validate(
                    media["example"]
                )
                shown += 1
    assert shown > 40
    check(
        contract,
        "CheckView",
        contract["paths"]["/v1/trust-checks"]["post"]["responses"]["200"]["content"][JSON]["example"],
    )


# Answers with one decision for each evaluation; what is not permitted is said inside.
SAID_INSIDE = {"/access/v1/evaluations"}


def test_each_operation_wants_the_scope_that_it_says(contract: Any, stage: Stage) -> None:
    guarded = [one for one in operations(contract) if one.scopes and one.path not in SAID_INSIDE]
    assert len(guarded) > 80
    keys = stage.broker.keys("globex", {scope: (scope,) for scope in authorize.SCOPES})
    with ExitStack() as open_:
        callers = {scope: open_.enter_context(stage.broker.http(key)) for scope, key in keys.items()}
        for one in guarded:
            (scope,) = one.scopes
            refused = one.send(callers[authorize.METRICS if scope != authorize.METRICS else authorize.EVENTS])
            assert refused.status_code == 403, (one, refused.text)
            assert f'scope="{scope}"' in refused.headers["www-authenticate"], one
            assert "insufficient_scope" not in one.send(callers[scope]).headers.get("www-authenticate", ""), one


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
