"""What was refused around proofs and reviews is on record, minimised, and in no more rows than there are callers.

The first of an hour is durable, with a leaf of the log, before the caller hears of it; those after it are counted, and
written down together a moment later.
"""

import contextlib
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping

from broker.clock import Clock
from broker.domain.challenge import RefusalCode
from broker.domain.check import Principal
from broker.errors import BrokerError, origin
from broker.storage.refusal_store import Refusal, RefusalStore
from broker.usecases.policy.policies_in_force import entry

_HOUR_MS = 3_600_000
_KNOWN_MAX = 10_000
_ID = re.compile(r"[a-z]{3}_[0-9A-Za-z]{10,40}")
_log = logging.getLogger(__name__)


class Refusals:
    """Notes refusals, and never stands in the way of one."""

    def __init__(self, store: RefusalStore, clock: Clock, new_id: Callable[[str], str]) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._known: set[Refusal] = set()
        self._counted: Counter[Refusal] = Counter()

    async def note(self, code: RefusalCode, about: str = "", *, tenant: str = "", consumer: str = "") -> None:
        """Something was refused, about the check, challenge or review of that id; what is no id is left out."""
        now_ms = self._now_ms()
        refusal = Refusal(tenant, consumer, code.value, now_ms - now_ms % _HOUR_MS)
        if refusal in self._known:
            self._counted[refusal] += 1
            return
        named = about if _ID.fullmatch(about) else "-"
        leaf = entry(
            self._new_id("rfs"), tenant, "proof.refused", f"{named} {code.value}", None, consumer or "-", self._clock
        )
        try:
            if not await self._store.first(refusal, now_ms, leaf):
                self._counted[refusal] += 1
        except BrokerError as error:
            _log.warning(
                "a refusal could not be noted: %(code)s at %(place)s", {"code": error.code, "place": origin(error)}
            )
            return
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known.add(refusal)

    @contextlib.asynccontextmanager
    async def noting(
        self, codes: Mapping[type[BrokerError], RefusalCode], principal: Principal, about: str
    ) -> AsyncIterator[None]:
        """Put on record what is refused within, by the kind of error."""
        try:
            yield
        except BrokerError as error:
            code = codes.get(type(error))
            if code is not None:
                await self.note(code, about, tenant=principal.tenant, consumer=principal.consumer)
            raise

    async def flush(self) -> None:
        """Write down what was counted.

        Raises:
            Unrecorded, Overloaded: not now; it is counted still.
        """
        for refusal in list(self._counted):
            times = self._counted.pop(refusal)
            try:
                await self._store.more(refusal, times, self._now_ms())
            except BrokerError:
                self._counted[refusal] += times
                raise

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
