from contextvars import ContextVar
from typing import Any

from crewai import Agent
from crewai.tools import tool
from till import pay, show

from broker.client import TrustBroker
from broker.client.guards import Rule, needs_receipt
from broker.client.guards.crewai import guard_crews

session: ContextVar[str] = ContextVar("session")
rule = Rule("payment.transfer", number=lambda _run: session.get(), amount=lambda call: (call["eur"], "EUR"))
unguard = guard_crews(TrustBroker.from_environment(), {"pay": rule}, show=show)


def agent(llm: Any) -> Any:
    return Agent(role="teller", goal="pay", backstory="-", llm=llm, tools=[tool("pay")(needs_receipt(rule)(pay))])
