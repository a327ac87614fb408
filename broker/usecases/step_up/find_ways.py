"""Hop 11: which methods a person can really begin, at the operators of their number and under the law."""

from collections.abc import Callable, Mapping
from datetime import datetime

from broker.adapter_kit.adapter import Adapter, OperatorFault
from broker.adapter_kit.authorization_code import HoldsCeremonies
from broker.consent.gate import ConsentGate
from broker.domain.decision import Decision
from broker.domain.evidence import Evidence
from broker.domain.instrument import Category, InstrumentName
from broker.domain.route import Route
from broker.domain.signal import SignalName
from broker.domain.ways import Ways
from broker.errors import Misconfigured
from broker.policy.rules import ON_THE_PHONE_NETWORK, ON_THE_SIM, StepUpMethod
from broker.step_up.offer import Lifetimes, Surroundings, ways

_KEPT_MAX = 1000
_NOBODY = frozenset({str(StepUpMethod.TENANT_FACTOR)})
_AT_THE_OPERATOR = frozenset(str(method) for method in ON_THE_SIM | ON_THE_PHONE_NETWORK)


class FindWays:
    """Looks for ways. What operators can do stands in their manifests, so it is looked up once for each purpose."""

    def __init__(
        self,
        through: Callable[[tuple[str, ...]], Adapter | None],
        ceremonies: Mapping[str, HoldsCeremonies],
        gate: ConsentGate,
        lifetimes: Lifetimes,
    ) -> None:
        self._through = through
        self._ceremonies = ceremonies
        self._gate = gate
        self._lifetimes = lifetimes
        self._kept: dict[tuple[tuple[str, ...], str], Surroundings] = {}

    def __call__(
        self,
        decision: Decision,
        evidence: Evidence,
        route: Route | None,
        purpose: str,
        settled_at: datetime,
        *,
        forbidden: bool = False,
    ) -> Ways:
        """The ways after a decision. ``forbidden``: the person lets nobody ask their operator about them."""
        around = self._around(route.sources if route else (), purpose)
        if forbidden:
            around = Surroundings(around.able, _AT_THE_OPERATOR)
        return ways(decision, evidence, around, settled_at, self._lifetimes)

    def host(self, sources: tuple[str, ...], purpose: str) -> str | None:
        """The most preferred operator to whom a person's browser can be sent; ``None`` where there is none."""
        return next((name for name in sources if self._holds(name, purpose)), None)

    def prompter(self, sources: tuple[str, ...]) -> str | None:
        """The most preferred operator who asks people on their phone for each thing anew; ``None`` without one."""
        return next((name for name in sources if self._prompts(name)), None)

    def _around(self, sources: tuple[str, ...], purpose: str) -> Surroundings:
        found = self._kept.get((sources, purpose))
        if found is None:
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            found = self._kept[sources, purpose] = Surroundings(self._able(sources, purpose), self._barred(purpose))
        return found

    def _able(self, sources: tuple[str, ...], purpose: str) -> frozenset[str]:
        adapter = self._through(sources)
        if adapter is None:
            return _NOBODY
        able = {
            StepUpMethod.NETWORK_AUTH: self.host(sources, purpose) is not None,
            StepUpMethod.OPERATOR_TOKEN: any(self._takes_token(name) for name in sources),
            StepUpMethod.OPERATOR_PROMPT: self.prompter(sources) is not None,
            StepUpMethod.SMS_OTP: InstrumentName.ONE_TIME_PASSWORD in adapter.instruments,
        }
        return _NOBODY | {str(method) for method, can in able.items() if can}

    def _barred(self, purpose: str) -> frozenset[str]:
        asked: dict[Category, frozenset[StepUpMethod]] = {
            SignalName.NUMBER_VERIFICATION: ON_THE_SIM,
            InstrumentName.ONE_TIME_PASSWORD: ON_THE_PHONE_NETWORK - ON_THE_SIM,
            InstrumentName.OPERATOR_PROMPT: frozenset({StepUpMethod.OPERATOR_PROMPT}),
        }
        barred = [methods for named, methods in asked.items() if self._gate.basis(purpose, named) is None]
        return frozenset(str(method) for methods in barred for method in methods)

    def _prompts(self, operator: str) -> bool:
        one = self._through((operator,))
        return one is not None and InstrumentName.OPERATOR_PROMPT in one.instruments

    def _takes_token(self, operator: str) -> bool:
        one = self._ceremonies.get(operator)
        return one is not None and one.takes_operator_token(SignalName.NUMBER_VERIFICATION)

    def _holds(self, operator: str, purpose: str) -> bool:
        try:
            self._ceremonies[operator].start_ceremony(SignalName.NUMBER_VERIFICATION, purpose)
        except (KeyError, OperatorFault, Misconfigured):
            return False
        return True
