from typing import Any

from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.toolsets import FunctionToolset
from till import pay

from broker.client import TrustBroker
from broker.client.guards import Rule
from broker.client.guards.pydantic_ai import TrustToolset

rule = Rule("payment.transfer", number=lambda run: run.deps["phone"], amount=lambda call: (call["eur"], "EUR"))
broker = TrustBroker.from_environment()
tools = TrustToolset(FunctionToolset([pay]), broker, {"pay": rule})


def agent(model: Any) -> Any:
    return Agent(model, toolsets=[tools], deps_type=dict, output_type=[str, DeferredToolRequests])
