import os

from mcp import Client

from broker.client import AsyncTrustBroker
from broker.client.guards import Guard, Rule
from broker.client.guards.mcp import GuardedClient

broker = AsyncTrustBroker(os.environ["TRUST_BROKER_URL"], os.environ["TRUST_BROKER_KEY"])
rule = Rule("payment.transfer", number=lambda session: session["phone"], amount=lambda call: (call["eur"], "EUR"))


def guarded(shop: Client, session: dict[str, str]) -> GuardedClient:
    return GuardedClient(shop, Guard(broker, {"pay": rule}, unguarded=("balance",)), context=session)
