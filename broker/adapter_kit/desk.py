"""The desk: takes orders for one operator's instruments, and guards what tells personal data in clear."""

import logging
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, cast

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara.line import BoundInstrument, Line
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import A, Order, Refused
from broker.adapter_kit.prompts import Prompts
from broker.clock import Clock
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Source, Unavailability

_log = logging.getLogger(__name__)


class Desk:
    """Carries out orders. ``disclosures`` are the APIs that may tell personal data at this operator.

    ``prompts`` asks people on their phone, where the operator does that.
    """

    def __init__(
        self,
        operator: str,
        bound: Iterable[BoundInstrument],
        disclosures: frozenset[str],
        clock: Clock,
        prompts: Prompts | None = None,
    ) -> None:
        self._clock = clock
        self._disclosures = disclosures
        self._bound = {one.version.instrument: one for one in bound}
        self._sources = {
            name: Source(operator, one.version.api, one.version.version) for name, one in self._bound.items()
        }
        self._prompts = prompts
        if prompts is not None:
            self._sources[InstrumentName.OPERATOR_PROMPT] = prompts.source

    @property
    def instruments(self) -> Mapping[InstrumentName, Source]:
        """What can be ordered."""
        return self._sources

    async def carry_out(self, order: Order[A]) -> A | Refused:
        """Do it, or say why not. Only cancellation is raised."""
        source, started_s = self._sources.get(order.instrument), self._clock.monotonic_s()
        if source is None:
            return Refused(order.instrument, Unavailability.UNSUPPORTED, KitCode.NOT_OFFERED)
        try:
            return await self._carry_out(order)
        except OperatorFault as fault:
            why = fault
        except Exception as error:  # noqa: BLE001 - a mistake of ours is no success, and must not end a ceremony
            log_failure(source, error)
            why = OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
        latency_ms = (self._clock.monotonic_s() - started_s) * 1000
        return Refused(order.instrument, why.reason, why.code, source, latency_ms, why.retry_after_s)

    def order_scopes(self, order: Order[Any]) -> tuple[str, ...]:
        """What to ask consent-info about before this order; nothing where its flow asks the person anyway."""
        bound = self._bound.get(order.instrument)
        asks = InstrumentName.CONSENT_STATUS in self._bound and order.instrument is not InstrumentName.CONSENT_STATUS
        if bound is None or not asks or bound.terms.flow.of_openid or self._undisclosed(bound, order) is not None:
            return ()
        return bound.version.scopes_of(bound.terms, order)

    async def _carry_out(self, order: Order[A]) -> A:
        if self._prompts is not None and order.instrument is InstrumentName.OPERATOR_PROMPT:
            return cast("A", await self._prompts.carry_out(order))
        bound = self._bound[order.instrument]
        if (code := self._undisclosed(bound, order)) is not None:
            raise OperatorFault(Unavailability.NOT_PERMITTED, code)
        answer: A = await bound.version.carry_out(Line(bound, order), order)
        return answer

    def _undisclosed(self, bound: BoundInstrument, order: Order[Any]) -> KitCode | None:
        """Two must want what is told in clear: who runs the broker, for this operator; the tenant, for this purpose."""
        if not bound.version.discloses:
            return None
        if bound.version.api not in self._disclosures:
            return KitCode.DISCLOSURE_OFF
        grant = order.grant
        granted = grant is not None and (grant.instrument, grant.purpose) == (order.instrument, order.purpose)
        return None if granted else KitCode.NOT_GRANTED


def log_failure(source: Source, error: Exception) -> None:
    """Type and place only: the message of an exception may quote a number, a token or an operator's text."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    _log.error(
        "asking %(api)s %(version)s at operator %(operator)s failed with %(error)s in %(function)s line %(line)s",
        {
            "api": source.api,
            "version": source.version,
            "operator": source.operator,
            "error": type(error).__name__,
            "function": place.name,
            "line": place.lineno,
        },
    )
