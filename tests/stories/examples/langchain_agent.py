from typing import Any

from langchain.agents import create_agent
from till import pay

from broker.client import TrustBroker
from broker.client.guards import Rule
from broker.client.guards.langchain import TrustMiddleware

rule = Rule("payment.transfer", number=lambda run: run.context["phone"], amount=lambda call: (call["eur"], "EUR"))
trust = TrustMiddleware(TrustBroker.from_environment(), {"pay": rule})


def agent(model: Any, checkpointer: Any) -> Any:
    return create_agent(model, [pay], middleware=[trust], checkpointer=checkpointer, context_schema=dict)
