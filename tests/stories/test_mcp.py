"""The MCP surface, driven by the official client over real HTTP, in both protocol eras."""

import json
import re
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx
import httpx2
import jsonschema
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, ReadResourceResult, TextContent, TextResourceContents

from broker.surfaces.cli.openapi import TOOLS, tools_document
from tests.support.stage import Stage

ROOT = Path(__file__).parents[2]
Mode = Literal["auto", "legacy"]
QUESTION: dict[str, Any] = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


def told(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def text_of(result: ReadResourceResult) -> str:
    (content,) = result.contents
    assert isinstance(content, TextResourceContents)
    return content.text


class Session:
    """The official client against the stage's broker, entered as a context manager."""

    def __init__(self, stage: Stage, mode: Mode, key: str | None = None) -> None:
        headers = {"authorization": f"Bearer {key or stage.broker.agent_key}"}
        self._http = httpx2.AsyncClient(headers=headers, trust_env=False)
        self._client = Client(streamable_http_client(f"{stage.broker.url}/mcp", http_client=self._http), mode=mode)

    async def __aenter__(self) -> Client:
        return await self._client.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)
        await self._http.aclose()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_every_tool_says_what_goes_in_and_what_comes_out(stage: Stage, mode: Mode) -> None:
    async with Session(stage, mode, stage.broker.analyst_key) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == [
        "check_trust",
        "start_challenge",
        "request_review",
        "await_check",
        "report_outcome",
        "explain_decision",
    ]
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.destructive_hint is False
        assert tool.annotations.open_world_hint is (tool.name in {"check_trust", "start_challenge"})
        assert tool.output_schema is not None
        for schema in (tool.input_schema, tool.output_schema):
            assert schema["type"] == "object"
            jsonschema.Draft202012Validator.check_schema(schema)


async def test_a_tool_that_the_caller_may_not_use_is_neither_listed_nor_carried_out(stage: Stage) -> None:
    async with Session(stage, "auto") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        check = (await client.call_tool("check_trust", QUESTION)).structured_content
        result = await client.call_tool("explain_decision", {"id": check["id"]})
    assert "explain_decision" not in names
    assert result.is_error
    assert "trust:explain" in told(result)


def test_the_published_texts_are_those_of_the_code() -> None:
    assert (ROOT / TOOLS).read_text("utf-8") == tools_document(), "run `make openapi`; a new wording, a new VERSION"


async def test_from_a_check_to_its_explanation_its_review_and_its_outcome(stage: Stage) -> None:
    async with Session(stage, "auto", stage.broker.analyst_key) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        check = (
            await client.call_tool("check_trust", QUESTION | {"subject": {"phoneNumber": "+34600000103"}})
        ).structured_content
        assert check["decision"] == "step_up"
        asked = {"id": check["id"]}
        answers = {
            "explain_decision": await client.call_tool("explain_decision", asked | {"language": "es"}),
            "request_review": await client.call_tool("request_review", asked | {"justification": "A known customer."}),
            "report_outcome": await client.call_tool("report_outcome", asked | {"outcome": "genuine"}),
        }
        again = await client.call_tool("request_review", asked)
    for name, result in answers.items():
        assert not result.is_error, told(result)
        jsonschema.validate(result.structured_content, tools[name].output_schema or False)
        assert json.loads(told(result)) == result.structured_content
    assert answers["explain_decision"].structured_content["words"]["language"] == "es"
    assert answers["request_review"].structured_content["status"] == "pending"
    assert again.structured_content == answers["request_review"].structured_content


@pytest.mark.parametrize(
    ("tool", "arguments", "where"),
    [
        ("explain_decision", {"id": "chk_nobody"}, "NOT_FOUND"),
        ("explain_decision", {"id": "chk_nobody", "langauge": "es"}, "/langauge"),
        ("report_outcome", {"id": "chk_nobody", "outcome": "maybe"}, "/outcome"),
        ("request_review", {"justification": "x"}, "/id"),
    ],
)
async def test_what_a_tool_cannot_do_it_says_in_words(
    stage: Stage, tool: str, arguments: dict[str, Any], where: str
) -> None:
    async with Session(stage, "auto", stage.broker.analyst_key) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert where in told(result)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_reason_codes_mean_can_be_read(stage: Stage, mode: Mode) -> None:
    async with Session(stage, mode) as client:
        assert [one.name for one in (await client.list_resources()).resources] == ["reason-codes"]
        safe = json.loads(text_of(await client.read_resource("trust://reason-codes")))
    async with Session(stage, mode, stage.broker.analyst_key) as client:
        full = json.loads(text_of(await client.read_resource("trust://reason-codes")))
    assert "SIM_CHANGED_24H" not in {one["code"] for one in safe}
    assert "SIM_CHANGED_24H" in {one["code"] for one in full}
    assert all(set(one["meaning"]) == {"en", "es"} for one in [*safe, *full])


async def test_policies_can_be_read_by_who_may_read_policies(stage: Stage) -> None:
    async with Session(stage, "auto", stage.broker.key("acme", "trust:check", "policy:read")) as client:
        assert {one.name for one in (await client.list_resources()).resources} == {"reason-codes", "policies"}
        assert [one.name for one in (await client.list_resource_templates()).resource_templates] == ["policy"]
        overview = json.loads(text_of(await client.read_resource("trust://policies")))
        assert "payment" in {one["id"] for one in overview["policies"]}
        assert text_of(await client.read_resource("trust://policies/payment/1")).startswith("# Payments")
    async with Session(stage, "auto") as client:
        assert (await client.list_resource_templates()).resource_templates == []
        for uri in ("trust://policies", "trust://policies/payment/1", "trust://nothing", "file:///etc/passwd"):
            with pytest.raises(MCPError) as refused:
                await client.read_resource(uri)
            assert refused.value.code == INVALID_PARAMS


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_who_wants_to_hear_of_progress_does(stage: Stage, mode: Mode) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with Session(stage, mode) as client:
        result = await client.call_tool("check_trust", QUESTION, progress_callback=hear)
    assert not result.is_error
    assert heard == [0, 1]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_check_over_mcp_is_the_check_over_rest(stage: Stage, mode: Mode) -> None:
    async with Session(stage, mode) as client:
        tool = (await client.list_tools()).tools[0]
        result = await client.call_tool("check_trust", QUESTION)
    assert not result.is_error
    answer = result.structured_content
    assert tool.output_schema is not None
    jsonschema.validate(answer, tool.output_schema)
    assert json.loads(told(result)) == answer
    with stage.broker.http() as http:
        assert http.get(f"/v1/trust-checks/{answer['id']}").json() == answer
        assert http.post("/v1/trust-checks", json=QUESTION).json()["decision"] == answer["decision"]


async def test_a_bad_argument_is_an_error_that_says_what_to_send_and_not_to_act(stage: Stage) -> None:
    async with Session(stage, "auto") as client:
        result = await client.call_tool("check_trust", QUESTION | {"subject": {"phoneNumber": "0034600000101"}})
    assert result.is_error
    assert "/subject/phoneNumber" in told(result)
    assert "do not act" in told(result)
    assert result.structured_content is None


async def test_an_unknown_tool_is_an_error(stage: Stage) -> None:
    async with Session(stage, "auto") as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("allow_everything", {})
    assert refused.value.code == INVALID_PARAMS


async def test_an_agent_without_the_scope_gets_no_decision(stage: Stage) -> None:
    async with Session(stage, "auto", stage.broker.key("acme", "trust:explain")) as client:
        result = await client.call_tool("check_trust", QUESTION)
    assert result.is_error
    assert "NOT_PERMITTED" in told(result)


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer tb_wrong"}], ids=["none", "wrong"])
def test_without_a_good_key_nothing_is_served(stage: Stage, header: dict[str, str]) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    response = httpx.post(f"{stage.broker.url}/mcp", json=body, headers=header, trust_env=False)
    assert response.status_code == 401
    assert response.headers["x-correlator"]
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith("Bearer")
    assert 'scope="trust:check"' in challenge
    (metadata,) = re.findall(r'resource_metadata="([^"]+)"', challenge)
    document = httpx.get(metadata, trust_env=False).raise_for_status().json()
    assert document["resource"] == f"{stage.broker.url}/mcp"
    assert "trust:check" in document["scopes_supported"]


@pytest.mark.parametrize(
    ("header", "status"),
    [({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403)],
    ids=["host", "origin"],
)
def test_a_page_that_rebinds_its_name_to_us_is_turned_away(stage: Stage, header: dict[str, str], status: int) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {
        "authorization": f"Bearer {stage.broker.agent_key}",
        "accept": "application/json, text/event-stream",
        **header,
    }
    response = httpx.post(f"{stage.broker.url}/mcp", json=body, headers=headers, trust_env=False)
    assert response.status_code == status


@pytest.mark.parametrize(
    "arguments",
    ['"purpose": "a", "purpose": "b"', '"action": {"type": "x", "attributes": {"a": NaN}}', '"a": 1e999'],
    ids=["member twice", "not a number", "beyond all numbers"],
)
def test_what_rest_refuses_to_read_is_refused_here_too(stage: Stage, arguments: str) -> None:
    call = '"name": "check_trust", "arguments": {' + arguments + "}"
    body = '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {' + call + "}}"
    headers = {
        "authorization": f"Bearer {stage.broker.agent_key}",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
    }
    response = httpx.post(f"{stage.broker.url}/mcp", content=body, headers=headers, trust_env=False)
    assert (response.status_code, response.json()["error"]["code"]) == (400, -32700)


async def test_a_challenge_that_a_check_offers_can_be_started(stage: Stage) -> None:
    number = "+34600000103"
    async with Session(stage, "auto") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        check = (
            await client.call_tool("check_trust", QUESTION | {"subject": {"phoneNumber": number}})
        ).structured_content
        (first, *_) = check["nextSteps"]
        wanted = {"id": check["id"], "method": first["method"], "phoneNumber": number}
        started = await client.call_tool("start_challenge", wanted)
        another = await client.call_tool("start_challenge", wanted | {"phoneNumber": "+34600000101"})
        malformed = await client.call_tool("start_challenge", wanted | {"phoneNumber": "12"})
    assert not started.is_error, told(started)
    jsonschema.validate(started.structured_content, tools["start_challenge"].output_schema or False)
    assert started.structured_content["status"] == "pending"
    assert another.is_error
    assert malformed.is_error
    assert "/phoneNumber" in told(malformed)
    assert number not in told(started)
