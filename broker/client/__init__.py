"""The Python client of the trust broker: for agents, platforms, and whoever executes what an agent asks for.

It imports nothing else of ``broker`` and needs ``httpx`` alone, so that an agent carries only this::

    with TrustBroker("http://127.0.0.1:8080", "tb_…") as broker:
        answer = broker.check("+34600000101", "payment.transfer", amount=("950.00", "EUR"))
        if answer.allowed:
            ...

:mod:`broker.client.guards` asks before a tool runs; :mod:`broker.client.receipts` verifies receipts offline;
:mod:`broker.client.oauth` is an agent's own key in the place of a bearer key.
"""

from broker.client._action import Action
from broker.client._allowances import Allowance
from broker.client._answers import Answer, Challenge, Consumed, JourneyStep, NextStep, Outcome, Policy, Reason, Review
from broker.client._client import AsyncTrustBroker, Options, TrustBroker
from broker.client._credentials import ApiKey
from broker.client._disclosures import Disclosed, Grant, Place
from broker.client._errors import AnswerMalformed, BrokerRefused, BrokerUnreachable, ClientError, ReceiptInvalid
from broker.client._exchange import Credential, Retry
from broker.client._operations import DEFAULT_PURPOSE, About, Given, Question

__all__ = [
    "DEFAULT_PURPOSE",
    "About",
    "Action",
    "Allowance",
    "Answer",
    "AnswerMalformed",
    "ApiKey",
    "AsyncTrustBroker",
    "BrokerRefused",
    "BrokerUnreachable",
    "Challenge",
    "ClientError",
    "Consumed",
    "Credential",
    "Disclosed",
    "Given",
    "Grant",
    "JourneyStep",
    "NextStep",
    "Options",
    "Outcome",
    "Place",
    "Policy",
    "Question",
    "Reason",
    "ReceiptInvalid",
    "Retry",
    "Review",
    "TrustBroker",
]
