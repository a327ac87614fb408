"""The part of the demo in which a person proves their SIM on a pretend phone, and the check settles again."""

import subprocess
import sys
from typing import Any

from rich.console import Console

from broker.client import Answer, TrustBroker

SWAPPED_3D = "+34600000103"
_PHONE_S = 30


def show(agent: TrustBroker, console: Console) -> None:
    """SIM changed three days ago: no code by text message, for that goes to whoever has the new SIM."""
    console.print("\n[bold]A person proves more[/bold]")
    check = agent.check(SWAPPED_3D, "payment.transfer", amount=("950.00", "EUR"), max_evidence_age_s=0)
    methods = [step["method"] for step in check.document["nextSteps"] if "method" in step]
    withheld = "" if "sms_otp" in methods else "; text message withheld"
    _say(console, f"SIM changed 3 d ago, 950 EUR: {check.decision}; offered {', '.join(methods)}{withheld}")
    if "network_auth" not in methods:
        return
    asked = {"method": "network_auth", "phoneNumber": SWAPPED_3D}
    challenge = agent.call("POST", f"/v1/trust-checks/{check.document['id']}/challenges", asked)
    _say(console, f"the person compares {challenge['compareCode']} and taps, on the phone, over mobile data")
    done = _phone(challenge["link"], SWAPPED_3D)
    after = _now(agent, check)
    _say(console, f"the operator says {'yes' if done else 'no'}: {after.decision}, as revision {_revision(after)}")


def _phone(link: str, number: str) -> bool:
    """A process of its own, as a phone is a machine of its own."""
    command = [sys.executable, "-m", "broker", "mock-phone", link, "--number", number]
    return subprocess.run(command, capture_output=True, timeout=_PHONE_S, check=False).returncode == 0  # noqa: S603


def _now(agent: TrustBroker, check: Answer) -> Answer:
    return agent.read(check.document["id"])


def _revision(answer: Answer) -> Any:
    return answer.document.get("revision", 1)


def _say(console: Console, line: str) -> None:
    console.print(f"  {line}", markup=False, highlight=False)
