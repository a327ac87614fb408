"""The Python client of the trust broker. Imports nothing else of ``broker``, so that an agent carries only this.

::

    with TrustBroker("http://127.0.0.1:8080", key="tb_…") as broker:
        answer = broker.check("+34600000101", "payment.transfer", amount=("950.00", "EUR"))
        if answer.allowed:
            ...
"""

from broker.client._client import Answer, BrokerRefused, BrokerUnreachable, ClientError, TrustBroker

__all__ = ["Answer", "BrokerRefused", "BrokerUnreachable", "ClientError", "TrustBroker"]
