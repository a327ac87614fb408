"""What every framework's guard has to show. Runs inside the framework's own environment, with the client alone.

``python scenes.py FRAMEWORK`` prints one JSON object: the outcome of each scene. Where the broker is, and where brokers
that are broken in one way each, comes by the environment; so does whom to tell that the person has confirmed.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import httpx
import till

from broker.client import TrustBroker
from broker.client.receipts import ReceiptVerifier

STEADY, SWAPPED, RECENT = "+34600000101", "+34600000102", "+34600000103"
ASKED, MORE = "950.00", "9999.00"
BROKEN = ("down", "slow", "failing", "overloaded", "html", "empty", "bare-allow", "mistake")


class Ended(NamedTuple):
    """How a run of the agent ended, or where it paused.

    ``told`` is what the model was told of its tool call, ``shown`` what there is for the person. ``resume`` goes on,
    with another amount where one is given.
    """

    told: str
    shown: dict[str, Any] | None
    resume: Callable[[str | None], "Ended"]


class Driver(Protocol):
    """One framework with its own fake model, which calls the tool once, and then says that it is done."""

    EXAMPLE: str

    def run(self, example: ModuleType, phone: str, eur: str) -> Ended:
        """Run the example's agent for whoever has this phone."""
        ...

    def run_tampered(self, example: ModuleType, phone: str, eur: str) -> None:
        """As ``run``, while something between the guard and the tool writes another amount."""
        ...


def load(name: str, url: str) -> ModuleType:
    """The example, anew, against the broker at this address."""
    os.environ["TRUST_BROKER_URL"] = url
    before = sys.modules.pop(name, None)
    unguard = getattr(before, "unguard", None)
    if unguard:
        unguard()
    for kept in (till.paid, till.receipts, till.shown):
        kept.clear()
    return importlib.import_module(name)


class Scenes:
    """The scenes; each raises ``AssertionError`` where it does not go as it must."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.url = os.environ["TRUST_BROKER_URL"]
        self.broken_url = os.environ["BROKEN_BROKERS_URL"]
        self.person_url = os.environ["PERSON_URL"]

    def allow(self) -> None:
        """An allow runs the tool once, under a receipt that anybody can verify for exactly these arguments."""
        example = load(self.driver.EXAMPLE, self.url)
        self.driver.run(example, STEADY, ASKED)
        assert till.paid == [("ES1", ASKED)], till.paid
        (receipt,) = till.receipts
        assert receipt, "the tool holds no receipt"
        with TrustBroker(self.url, os.environ["TRUST_BROKER_KEY"]) as broker:
            verifier = ReceiptVerifier(broker.keys, audience="acme", issuer=self.url, now=lambda: datetime.now(UTC))
            verifier.verify(receipt, action=example.rule.action_of({"iban": "ES1", "eur": ASKED}))

    def deny(self) -> None:
        """A deny runs nothing, and the model hears so."""
        ended = self.driver.run(load(self.driver.EXAMPLE, self.url), SWAPPED, ASKED)
        assert till.paid == []
        assert "DENIED" in ended.told, ended.told

    def step_up(self) -> None:
        """The person is shown how to go on; going on before they have runs nothing; after it the tool runs."""
        ended = self.driver.run(load(self.driver.EXAMPLE, self.url), RECENT, ASKED)
        assert till.paid == []
        assert ended.shown, "nothing to show to the person"
        assert ended.shown["steps"], ended.shown
        paused = self.driver.run(load(self.driver.EXAMPLE, self.url), RECENT, ASKED)
        paused.resume(None)
        assert till.paid == [], "an approval by itself ran the tool"
        paused = self.driver.run(load(self.driver.EXAMPLE, self.url), RECENT, ASKED)
        assert paused.shown
        self._confirm(paused.shown)
        paused.resume(None)
        assert till.paid == [("ES1", ASKED)], till.paid

    def fail_closed(self) -> None:
        """Whatever is broken, the tool does not run."""
        for way in BROKEN:
            example = load(self.driver.EXAMPLE, "http://127.0.0.1:9" if way == "down" else f"{self.broken_url}/{way}")
            phone = {} if way == "mistake" else STEADY  # a number that is none makes the rule itself fail
            try:
                self.driver.run(example, phone, ASKED)  # type: ignore[arg-type]
            except Exception as error:  # noqa: BLE001 - stopping the run is closed, too
                sys.stderr.write(f"{way}: {type(error).__name__}\n")
            assert till.paid == [], way

    def tampered(self) -> None:
        """Other arguments after the decision run nothing, be they changed in a pause or behind the guard."""
        paused = self.driver.run(load(self.driver.EXAMPLE, self.url), RECENT, ASKED)
        assert paused.shown
        self._confirm(paused.shown)
        try:
            paused.resume(MORE)
        except Exception as error:  # noqa: BLE001 - stopping the run is closed, too
            sys.stderr.write(f"changed in the pause: {type(error).__name__}\n")
        assert till.paid == [], "changed in the pause"
        try:
            self.driver.run_tampered(load(self.driver.EXAMPLE, self.url), STEADY, ASKED)
        except Exception as error:  # noqa: BLE001 - stopping the run is closed, too
            sys.stderr.write(f"changed behind the guard: {type(error).__name__}\n")
        assert till.paid == [], "changed behind the guard"

    def _confirm(self, shown: dict[str, Any]) -> None:
        """The person gets the link that was to be shown to them, and proves on their phone that it is theirs."""
        told = {"phone": RECENT, "link": shown["challenge"]["link"]}
        httpx.post(self.person_url, json=told, timeout=20, trust_env=False).raise_for_status()


def main(name: str) -> None:
    """Play all scenes with one framework."""
    driver: Driver = importlib.import_module(f"with_{name}").Played()
    scenes = Scenes(driver)
    outcomes: dict[str, str] = {}
    for scene in (scenes.allow, scenes.deny, scenes.step_up, scenes.fail_closed, scenes.tampered):
        try:
            scene()
        except Exception as error:  # noqa: BLE001 - told to whoever reads the table
            traceback.print_exc()
            outcomes[scene.__name__] = f"{type(error).__name__}: {error}"[:300]
        else:
            outcomes[scene.__name__] = ""
    sys.stdout.write("\n" + json.dumps(outcomes) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
