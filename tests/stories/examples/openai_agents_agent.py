from typing import Any

from agents import Agent, function_tool
from till import pay, show

from broker.client import TrustBroker
from broker.client.guards import Rule
from broker.client.guards.openai_agents import guarded_tool

rule = Rule("payment.transfer", number=lambda run: run.context["phone"], amount=lambda call: (call["eur"], "EUR"))
broker = TrustBroker.from_environment()
tool = guarded_tool(function_tool(pay), broker, rule, show=show)


def agent(model: Any) -> Any:
    return Agent(name="teller", model=model, tools=[tool])
