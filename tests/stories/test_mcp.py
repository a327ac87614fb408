"""The MCP surface, driven by the official client over real HTTP, in both protocol eras."""

import json
from types import TracebackType
from typing import Any, Literal

import httpx
import httpx2
import jsonschema
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.stage import Stage

Mode = Literal["auto", "legacy"]
QUESTION: dict[str, Any] = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


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
async def test_the_one_tool_says_what_goes_in_and_what_comes_out(stage: Stage, mode: Mode) -> None:
    async with Session(stage, mode) as client:
        (tool,) = (await client.list_tools()).tools
    assert tool.name == "check_trust"
    assert tool.annotations is not None
    assert tool.annotations.open_world_hint is True
    assert tool.output_schema is not None
    for schema in (tool.input_schema, tool.output_schema):
        assert schema["type"] == "object"
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_check_over_mcp_is_the_check_over_rest(stage: Stage, mode: Mode) -> None:
    async with Session(stage, mode) as client:
        (tool,) = (await client.list_tools()).tools
        result = await client.call_tool("check_trust", QUESTION)
    assert not result.is_error
    answer = result.structured_content
    assert tool.output_schema is not None
    jsonschema.validate(answer, tool.output_schema)
    assert json.loads(result.content[0].text) == answer  # type: ignore[union-attr]
    with stage.broker.http() as http:
        assert http.get(f"/v1/trust-checks/{answer['id']}").json() == answer
        assert http.post("/v1/trust-checks", json=QUESTION).json()["decision"] == answer["decision"]


async def test_a_bad_argument_is_an_error_that_says_what_to_send_and_not_to_act(stage: Stage) -> None:
    async with Session(stage, "auto") as client:
        result = await client.call_tool("check_trust", QUESTION | {"subject": {"phoneNumber": "0034600000101"}})
    assert result.is_error
    text = result.content[0].text  # type: ignore[union-attr]
    assert "/subject/phoneNumber" in text
    assert "do not act" in text
    assert result.structured_content is None


async def test_an_unknown_tool_is_an_error(stage: Stage) -> None:
    async with Session(stage, "auto") as client:
        result = await client.call_tool("allow_everything", {})
    assert result.is_error


async def test_an_agent_without_the_scope_gets_no_decision(stage: Stage) -> None:
    async with Session(stage, "auto", stage.broker.key("acme", "trust:explain")) as client:
        result = await client.call_tool("check_trust", QUESTION)
    assert result.is_error
    assert "NOT_PERMITTED" in result.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer tb_wrong"}], ids=["none", "wrong"])
def test_without_a_good_key_nothing_is_served(stage: Stage, header: dict[str, str]) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    response = httpx.post(f"{stage.broker.url}/mcp", json=body, headers=header, trust_env=False)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.headers["x-correlator"]


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
