"""A client that can open links lets the person meet what the check asks, within one call of one tool."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Literal

import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext, ElicitationFnT
from mcp.client.streamable_http import streamable_http_client

from adapters.mock.phone import Phone, Way, compare_code
from tests.support.loopback import NOBODY
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
SWAPPED_3D = "+34600000103"
QUESTION = {
    "subject": {"phoneNumber": SWAPPED_3D},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("elicitation"), changes={"hourly = 6": "hourly = 60"}) as standing:
        yield standing


@asynccontextmanager
async def client(
    stage: Stage, asked: ElicitationFnT | None, mode: Literal["auto", "legacy"] = "auto"
) -> AsyncIterator[Client]:
    key = stage.broker.key(f"bank-{next(_TENANTS)}", "trust:check", consumer="shop", agent="till")
    async with httpx2.AsyncClient(
        headers={"authorization": f"Bearer {key}"}, trust_env=False, timeout=60, follow_redirects=False
    ) as http:
        transport = streamable_http_client(f"{stage.broker.url}/mcp", http_client=http)
        async with Client(transport, mode=mode, elicitation_callback=asked) as session:
            yield session


def person(way: Way, links: list[str]) -> ElicitationFnT:
    """A client whose user agrees, and opens the link on a phone."""

    async def asked(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestURLParams)
        links.append(params.url)
        await asyncio.to_thread(open_on_phone, params, way)
        return types.ElicitResult(action="accept")

    return asked


def open_on_phone(params: types.ElicitRequestURLParams, way: Way) -> None:
    phone = Phone(SWAPPED_3D, way, NOBODY)
    try:
        page = phone.look(params.url)
        assert compare_code(page) in params.message, "the code to compare is in what the client shows"
        phone.tap(params.url, page)
    finally:
        phone.close()


async def test_one_call_from_the_question_to_the_proof(stage: Stage) -> None:
    links: list[str] = []
    async with client(stage, person(Way.CELLULAR, links)) as session:
        answer = (await session.call_tool("check_trust", QUESTION)).structured_content
    assert (answer["decision"], answer["revision"]) == ("allow", 1)
    assert len(links) == 1
    assert SWAPPED_3D[1:] not in links[0]


async def test_an_accept_alone_proves_nothing(stage: Stage) -> None:
    async with client(stage, person(Way.WIFI, [])) as session:
        answer = (await session.call_tool("check_trust", QUESTION)).structured_content
    assert answer["decision"] != "allow"


async def test_who_declines_gets_the_check_as_it_is(stage: Stage) -> None:
    async def declines(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="decline")

    async with client(stage, declines) as session:
        answer = (await session.call_tool("check_trust", QUESTION)).structured_content
    assert (answer["decision"], answer["status"]) == ("step_up", "pending")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_cannot_open_links_is_not_asked_to(stage: Stage, mode: Literal["auto", "legacy"]) -> None:
    async with client(stage, None, mode) as session:
        answer = (await session.call_tool("check_trust", QUESTION)).structured_content
    assert (answer["decision"], answer["status"]) == ("step_up", "settled")


async def test_what_comes_back_opens_nobody_elses_check(stage: Stage) -> None:
    with stage.broker.http() as acme:
        foreign = acme.post("/v1/trust-checks", json=QUESTION).json()["id"]
    async with client(stage, None) as session:
        for state in (foreign, f"{foreign}.{'A' * 43}", "x" * 65, "", "."):
            result = await session.session.call_tool("check_trust", QUESTION, request_state=state)
            assert result.is_error, state


async def test_a_state_answers_the_question_that_it_was_given_for_and_no_other(stage: Stage) -> None:
    async with client(stage, person(Way.CELLULAR, [])) as session:
        asked = await session.session.call_tool("check_trust", QUESTION, allow_input_required=True)
        assert isinstance(asked, types.InputRequiredResult)
        state = asked.request_state
        assert state is not None
        dearer = {**QUESTION, "action": {"type": "payment.transfer", "amount": {"value": "951.00", "currency": "EUR"}}}
        other = {**QUESTION, "subject": {"phoneNumber": "+34600000102"}}
        for arguments in (dearer, other, {**QUESTION, "context": {"channel": "voice"}}, {"x": 10**40}):
            refused = await session.session.call_tool("check_trust", arguments, request_state=state)
            assert refused.is_error
            told = refused.model_dump_json()
            assert ("send those of the first call" in told, "do not act" in told) == (True, True)
        for forged in (state.replace("chk_", "chk_0"), state[:-1] + ("A" if state[-1] != "A" else "E"), state + "\n"):
            assert (await session.session.call_tool("check_trust", QUESTION, request_state=forged)).is_error
        # The order of members says nothing.
        same = dict(reversed(QUESTION.items()))
        answer = (await session.session.call_tool("check_trust", same, request_state=state)).structured_content
        assert (answer["id"], answer["decision"]) == (state.partition(".")[0], "step_up")
