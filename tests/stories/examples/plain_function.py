import os

from broker.client import TrustBroker
from broker.client.guards import Rule, requires_trust

broker = TrustBroker(os.environ["TRUST_BROKER_URL"], os.environ["TRUST_BROKER_KEY"])
rule = Rule("payment.transfer", number=lambda session: session["phone"], amount=lambda call: (call["eur"], "EUR"))


@requires_trust(broker, rule, context="session")
def pay(session: dict[str, str], iban: str, eur: str) -> str:
    return f"paid {eur} EUR to {iban} for {session['name']}"
