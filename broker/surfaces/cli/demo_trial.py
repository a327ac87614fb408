"""The part of the demo in which a looser policy is tried and decides nothing: beside live checks, and on the record."""

import time
from pathlib import Path
from typing import Any

from rich.console import Console

from broker.client import TrustBroker
from broker.surfaces.cli.govern import told

_WAIT_S = 10.0
_AGE = "{sim_swap: 3h, number_verification: not_applicable, location: inside}\n    class: medium\n    decision: "


class Trial:
    """A candidate beside the policy of payments: a human looks where a SIM changed today, instead of a plain no."""

    def __init__(self, analyst: TrustBroker, policies: Path) -> None:
        self._analyst = analyst
        self._document = _looser((policies / "payment.yaml").read_text("utf-8"))
        self._id = ""

    def start(self) -> None:
        """Run it beside live checks from now on."""
        sent = {"document": self._document}
        self._id = self._analyst.call("POST", "/v1/policies/payment/shadows", sent)["id"]

    def show(self, console: Console) -> None:
        """End it, and say what it would have changed; the record says the same."""
        recorded = self._analyst.call("POST", "/v1/policies:backtest", {"document": self._document})
        console.print("[bold]A looser policy, tried without deciding[/bold] (SIM changed today: review, not deny)")
        for title, trial in (("beside live checks", self._counted(recorded["checks"])), ("on the record", recorded)):
            console.print(f"  {title}")
            for line in told(trial):
                console.print(f"    {line}", markup=False, highlight=False)

    def _counted(self, checks: int) -> dict[str, Any]:
        """The counts once they are complete: a shadow counts after the answer."""
        until_s = time.monotonic() + _WAIT_S
        path = f"/v1/policies/shadows/{self._id}"
        while time.monotonic() < until_s and self._analyst.call("GET", path)["trial"]["checks"] < checks:
            time.sleep(0.1)
        trial: dict[str, Any] = self._analyst.call("POST", f"{path}/end")["trial"]
        return trial


def _looser(text: str) -> str:
    for old, new in (
        ("version: 1\n", "version: 2\n"),
        ("SIM_CHANGED_24H: {medium: deny}", "SIM_CHANGED_24H: {medium: review}"),
        (f"{_AGE}deny", f"{_AGE}review"),
    ):
        text = text.replace(old, new, 1)
    return text
