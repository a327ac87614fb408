"""The part of the demo in which a person decides: an agent asks for a human, and one with a key of their own looks."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.console import Console

from broker.client import TrustBroker
from broker.domain.review import Ruling, RulingCode

REVIEWER_SCOPES = ("trust:review",)
_NUMBER = "+34600000101"
_MADRID = (40.4168, -3.7038, 5000.0)
_WAIT_MS = 20_000
_REASON = "called back on the number on file, and the customer confirmed"


def show(url: str, agent_key: str, reviewer_key: str, console: Console) -> None:
    """An agent wants to order a SIM, hears *review*, asks for a human and waits; a reviewer looks, and approves."""
    with TrustBroker(url, agent_key, timeout_s=60) as agent, TrustBroker(url, reviewer_key) as reviewer:
        console.print("\n[bold]A human decides[/bold] (the agent waits meanwhile)")
        check = agent.check(_NUMBER, "sim.order", location=_MADRID)
        _tell(console, f"the agent asks to order a SIM: {check.decision}")
        path = f"/v1/trust-checks/{check.document['id']}"
        asked = agent.call("POST", f"{path}/reviews", {"justification": "The customer lost the old one."})
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(agent.call, "GET", f"{path}?waitMs={_WAIT_MS}")
            for line in _decided(reviewer, asked["id"]):
                _tell(console, line)
            heard = waiting.result()
        _tell(console, f"the agent, which waited, hears: {heard['decision']} (revision {heard['revision']})")


def _decided(reviewer: TrustBroker, review_id: str) -> list[str]:
    review: dict[str, Any] = reviewer.call("POST", f"/v1/reviews/{review_id}/claim")
    evidence = review["evidence"]
    path = " -> ".join(step["code"] for step in evidence["path"])
    ruling = {"ruling": Ruling.APPROVE.value, "code": RulingCode.CUSTOMER_CONFIRMED.value, "reason": _REASON}
    closed = reviewer.call("POST", f"/v1/reviews/{review_id}/decide", ruling)
    return [
        f"a reviewer claims it and sees {len(evidence['signals'])} signals, and the path {path}",
        f"last of all, what the agent says for itself: {evidence['justification']}",
        f"the reviewer decides: {closed['ruling']} {closed['code']}",
    ]


def _tell(console: Console, line: str) -> None:
    console.print(f"  {line}", markup=False, highlight=False)
