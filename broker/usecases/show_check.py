"""Show a check again."""

from typing import Protocol

import msgspec

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.evidence import Evidence
from broker.domain.record import Check, CheckStatus
from broker.errors import NotFound
from broker.storage.records import StoredCheck
from broker.storage.review_store import Standing
from broker.usecases.view import CheckView, view


class CheckReader(Protocol):
    """Where checks are kept."""

    async def find_check(self, tenant: str, check_id: str) -> StoredCheck | None:
        """The check with its evidence, or ``None``."""
        ...


class Standings(Protocol):
    """Where it can be seen how checks stand."""

    async def standing(self, tenant: str, check_id: str) -> Standing:
        """How a check stands; an unknown one stands at nothing."""
        ...


class ShowCheck:
    """Reads a check of the caller's own tenant; its status says whether anything is pending that may move it."""

    def __init__(self, store: CheckReader, standings: Standings) -> None:
        self._store = store
        self._standings = standings

    async def __call__(self, principal: Principal, check_id: str, accept_language: str | None = None) -> CheckView:
        """The check, minimised for the caller.

        Raises:
            NotPermitted: the caller lacks the scope.
            NotFound: no such check, or another tenant's; without ``trust:explain`` also another agent's.
        """
        authorize.require(principal, authorize.CHECK)
        check = await own_check(self._store, principal, check_id)
        standing = await self._standings.standing(principal.tenant, check_id)
        if standing.revision != check.revision:  # it settled again between the two reads
            check = await own_check(self._store, principal, check_id)
        if standing.pending:
            check = msgspec.structs.replace(check, status=CheckStatus.PENDING)
        return view(check, principal, accept_language)


async def own_check(store: CheckReader, principal: Principal, check_id: str) -> Check:
    """A check that this caller may see, with its evidence.

    Raises:
        NotFound: no such check, or another tenant's; without ``trust:explain`` also another agent's.
    """
    stored = await store.find_check(principal.tenant, check_id)
    if stored is None or not stored.record:
        raise NotFound("no such check")
    check = msgspec.json.decode(stored.record, type=Check)
    ours = (check.consumer, check.agent) == (principal.consumer, principal.agent)
    if not ours and authorize.EXPLAIN not in principal.scopes:
        raise NotFound("no such check")
    # Retention may have taken the evidence already, and left what was decided.
    evidence = msgspec.json.decode(stored.evidence, type=Evidence) if stored.evidence else Evidence(())
    return msgspec.structs.replace(check, evidence=evidence)
