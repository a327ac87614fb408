"""Guards: no tool of an agent runs before the broker has allowed it, for the person it is about and these arguments.

::

    rule = Rule("payment.transfer", number=number_of_session, amount=lambda call: (call["eur"], "EUR"))

    @requires_trust(broker, rule)
    def pay(iban: str, eur: str) -> str: ...

One module for each agent framework lies beside this one; each imports its framework, and nothing here does. A guard
that does not hear an allow says no: broker down, too slow, an answer that is none, a mistake in a rule.
"""

from broker.client.guards._functions import needs_receipt, requires_trust
from broker.client.guards._guard import Call, Guard, GuardOptions, held_receipt
from broker.client.guards._rule import ModelWritten, Rule
from broker.client.guards._verdict import Code, Prompt, TrustRefused, Verdict

__all__ = [
    "Call",
    "Code",
    "Guard",
    "GuardOptions",
    "ModelWritten",
    "Prompt",
    "Rule",
    "TrustRefused",
    "Verdict",
    "held_receipt",
    "needs_receipt",
    "requires_trust",
]
