"""Guards as an agent's builder meets them: the examples, run against the broker on evidence fetched over HTTP."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

from broker.client import AsyncTrustBroker, BrokerRefused, TrustBroker
from broker.client.guards import (
    Call,
    Code,
    Guard,
    ModelWritten,
    Prompt,
    Rule,
    TrustRefused,
    held_receipt,
    requires_trust,
)
from broker.client.guards.mcp import RECEIPT, GuardedClient
from broker.client.receipts import ReceiptVerifier
from tests.support.stage import Stage

EXAMPLES = Path(__file__).parent / "examples"
LINES_MAX = 15
STEADY, SWAPPED, RECENT = "+34600000101", "+34600000102", "+34600000103"
EUR = Rule("payment.transfer", number=ModelWritten("phone"), amount=lambda call: (call["eur"], "EUR"))
GUARDS = Path(__file__).parents[2] / "broker" / "client" / "guards"


def example(name: str, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TRUST_BROKER_URL", stage.broker.url)
    monkeypatch.setenv("TRUST_BROKER_KEY", stage.broker.agent_key)
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def session(phone: str) -> dict[str, str]:
    return {"phone": phone, "name": "Ana"}


SHOWN = sorted(path for path in EXAMPLES.glob("*.py") if path.stem != "till")


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) <= LINES_MAX


def test_a_guarded_function(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("plain_function", stage, monkeypatch)
    pay = module.pay
    assert pay(session(STEADY), "ES1", "950.00") == "paid 950.00 EUR to ES1 for Ana"
    for phone, code in ((SWAPPED, Code.DENIED), (RECENT, Code.STEP_UP)):
        with pytest.raises(TrustRefused) as caught:
            pay(session(phone), "ES1", "950.00")
        assert caught.value.verdict.code is code
    module.broker.close()


def test_the_receipt_that_the_tool_holds_is_believed_for_its_arguments_alone(stage: Stage) -> None:
    receipts: list[str | None] = []
    with stage.broker.client() as broker:

        @requires_trust(broker, EUR)
        def pay(phone: str, eur: str) -> None:
            receipts.append(held_receipt())

        pay(STEADY, "950.00")
        verifier = ReceiptVerifier(broker.keys, audience="acme", issuer=stage.broker.url)
        (receipt,) = receipts
        assert receipt
        claims = verifier.verify(receipt, action=EUR.action_of({"phone": STEADY, "eur": "950.00"}))
        assert broker.read(claims.check_id).decision == "allow"
        with pytest.raises(Exception, match="another action"):
            verifier.verify(receipt, action=EUR.action_of({"phone": STEADY, "eur": "950.01"}))


def test_the_broker_itself_refuses_a_call_s_id_with_other_arguments(stage: Stage) -> None:
    with stage.broker.client() as broker:
        guard = Guard(broker, {"pay": EUR})
        call = Call("pay", {"phone": RECENT, "eur": "950.00"}, id="call_1", run="thread_1")
        first, again = guard.ask(call), guard.ask(call)
        assert first.code is again.code is Code.STEP_UP
        assert first.check_id == again.check_id
        changed = Call("pay", {"phone": RECENT, "eur": "20.00"}, id="call_1", run="thread_1")
        assert guard.ask(changed).code is Code.CHANGED


async def test_the_person_is_shown_the_steps_that_the_broker_offers(stage: Stage) -> None:
    shown: list[Prompt] = []
    async with AsyncTrustBroker(stage.broker.url, stage.broker.agent_key) as broker:
        verdict = await Guard(broker, {"pay": EUR}, show=shown.append).aask(
            Call("pay", {"phone": RECENT, "eur": "950"})
        )
    assert verdict.wants_person
    assert [step.type for step in shown[0].steps]


def test_a_key_that_may_not_ask_runs_nothing(stage: Stage) -> None:
    with TrustBroker(stage.broker.url, stage.broker.key("acme", "trust:explain")) as broker:
        with pytest.raises(BrokerRefused, match="NOT_PERMITTED"):
            broker.check(STEADY, "sign_in.hint")
        assert Guard(broker, {"pay": EUR}).ask(Call("pay", {"phone": STEADY, "eur": "1"})).code is Code.UNAVAILABLE


class Shop:
    """Somebody's MCP server, which knows nothing of the broker; it keeps what it was told to do."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, str]] = []
        self.receipts: list[Any] = []
        self.server = MCPServer("shop")
        self.server.tool()(self.pay)
        self.server.tool()(self.balance)
        self.server.tool()(self.refund)

    def pay(self, iban: str, eur: str, context: Context[Any]) -> str:
        self.paid.append((iban, eur))
        meta = context.request_context.meta
        self.receipts.append((meta or {}).get(RECEIPT) if isinstance(meta, Mapping) else meta)
        return "paid"

    def balance(self) -> str:
        return "12.00"

    def refund(self) -> str:
        return "refunded"


async def test_tools_over_mcp(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("mcp_client", stage, monkeypatch)
    guarded, shop = module.guarded, Shop()
    async with Client(shop.server) as client:
        steady = guarded(client, session(STEADY))
        assert not (await steady.call_tool("pay", {"iban": "ES1", "eur": "950.00"})).is_error
        assert not (await steady.call_tool("balance")).is_error
        assert (await steady.call_tool("refund")).is_error
        for phone, code in ((SWAPPED, Code.DENIED), (RECENT, Code.STEP_UP)):
            result = await guarded(client, session(phone)).call_tool("pay", {"iban": "ES1", "eur": "950.00"})
            assert result.is_error
            assert code in result.content[0].text
    await module.broker.aclose()
    assert shop.paid == [("ES1", "950.00")]
    with stage.broker.client() as broker:
        verifier = ReceiptVerifier(broker.keys, audience="acme", issuer=stage.broker.url)
        rule = Rule("payment.transfer", number=str, amount=lambda call: (call["eur"], "EUR"))
        verifier.verify(shop.receipts[0], action=rule.action_of({"iban": "ES1", "eur": "950.00"}))


async def test_arguments_that_change_on_the_way_are_not_sent(stage: Stage) -> None:
    shop, arguments = Shop(), {"iban": "ES1", "eur": "950.00"}

    def tampering(request: httpx.Request) -> None:
        arguments["iban"] = "ES666"

    async with AsyncTrustBroker(stage.broker.url, stage.broker.agent_key) as broker, Client(shop.server) as client:
        broker._http.event_hooks["request"] = [_awaited(tampering)]
        rule = Rule("payment.transfer", number=lambda: STEADY, amount=lambda call: (call["eur"], "EUR"))
        await GuardedClient(client, Guard(broker, {"pay": rule})).call_tool("pay", arguments)
    assert arguments["iban"] == "ES666"
    assert shop.paid == [("ES1", "950.00")]


def _awaited(hook: Any) -> Any:
    async def run(request: httpx.Request) -> None:
        hook(request)

    return run


async def test_a_broker_that_is_down_runs_nothing_over_mcp() -> None:
    shop = Shop()
    async with AsyncTrustBroker("http://127.0.0.1:9", "tb_key", timeout_s=1) as broker, Client(shop.server) as client:
        guarded = GuardedClient(client, Guard(broker, {"pay": EUR}))
        result = await guarded.call_tool("pay", {"iban": "ES1", "eur": "1", "phone": STEADY})
    assert result.is_error
    assert not shop.paid
