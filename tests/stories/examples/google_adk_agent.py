from typing import Any

from google.adk.agents import LlmAgent
from till import pay

from broker.client import TrustBroker
from broker.client.guards import Rule, needs_receipt
from broker.client.guards.google_adk import TrustPlugin

rule = Rule("payment.transfer", number=lambda run: run.state["phone"], amount=lambda call: (call["eur"], "EUR"))
trust = TrustPlugin(TrustBroker.from_environment(), {"pay": rule})  # plugins=[trust] of the runner


def agent(model: Any, **more: Any) -> Any:
    return LlmAgent(name="teller", model=model, tools=[needs_receipt(rule)(pay)], **more)
