"""A watch: somebody's trust looked at again and again, until a day. Instants are milliseconds, UTC."""

from enum import StrEnum

import msgspec

from broker.domain.decision import Outcome, TrustBand, Verdict

_BANDS = tuple(TrustBand)


class WatchState(StrEnum):
    """Where a watch stands; nothing follows the last two."""

    WATCHING = "watching"
    EXPIRED = "expired"
    ENDED = "ended"


class WatchCode(StrEnum):
    """Why the last look told nothing, or why there will be no more."""

    PAUSED = "PAUSED"
    """The person is to be left alone, and nobody was asked."""
    STOPPED = "STOPPED"
    """Somebody halted the action, the agent or the policy."""
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    """A quota or a budget is used up."""
    FAILED = "FAILED"
    """The broker could not look; it tries again soon."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """The tenant is suspended, or no policy lets this be asked any more."""
    ERASED = "ERASED"
    """The person was erased: nobody knows the number any more."""
    NO_CREDENTIAL = "NO_CREDENTIAL"
    """The consumer that wanted to know holds no key and no client any more."""
    WITHDRAWN = "WITHDRAWN"
    """Whoever wanted to know does not any more."""


class Look(msgspec.Struct, frozen=True):
    """What one check found. ``missing`` counts what was wanted, could be had, and was not."""

    check_id: str
    decision: Outcome
    band: TrustBand
    verdict: Verdict
    missing: int


class News(StrEnum):
    """What a look means to whoever watches."""

    NOTHING = "nothing"
    WORSENED = "worsened"
    UNSURE = "unsure"
    """Less can be seen than before: nobody can tell whether it is still well, and nothing says that it is not."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """One watch of a consumer, and the ``agent`` it acts through.

    ``sealed`` is the number, under its subject's key. ``decision``, ``band`` and ``missing`` are those of the last look
    that could see as much as the one before; there are none before the first. ``unsure`` since one could not.
    ``due_ms`` is when somebody looks next, or takes over from a node that died; empty when it is over.
    """

    tenant: str
    watch_id: str
    subject: bytes
    consumer: str
    agent: str | None
    action_type: str
    purpose: str
    every_s: int
    state: WatchState
    version: int
    opened_ms: int
    expires_ms: int
    due_ms: int | None
    sealed: bytes
    looks: int = 0
    looked_ms: int | None = None
    check_id: str | None = None
    decision: str | None = None
    band: str | None = None
    missing: int = 0
    unsure: int = 0
    closed_ms: int | None = None
    code: WatchCode | None = None

    def __repr__(self) -> str:
        return f"Watch({self.tenant}, {self.watch_id}, {self.state})"


def taken(watch: Watch, now_ms: int, lease_ms: int) -> Watch:
    """The watch while a node looks: due again when that node must have died."""
    return msgspec.structs.replace(watch, version=watch.version + 1, due_ms=now_ms + lease_ms)


def looked(watch: Watch, look: Look, now_ms: int) -> tuple[Watch, News]:
    """The watch after a look, and what is to be told."""
    news = _news(watch, look)
    blind = watch.decision is not None and look.missing > watch.missing
    after = msgspec.structs.replace(
        _next(watch, now_ms, watch.every_s * 1000),
        looks=watch.looks + 1,
        looked_ms=now_ms,
        check_id=look.check_id,
        unsure=int(blind and news is not News.WORSENED),
        code=None,
    )
    if after.unsure:
        return after, news
    seen = {"decision": look.decision.wire, "band": str(look.band), "missing": look.missing}
    return msgspec.structs.replace(after, **seen), news


def untold(watch: Watch, code: WatchCode, now_ms: int, pause_ms: int) -> Watch:
    """The watch after a look that told nothing; the next one comes after a pause."""
    return msgspec.structs.replace(_next(watch, now_ms, pause_ms), code=code)


def over(watch: Watch, state: WatchState, code: WatchCode | None, now_ms: int) -> Watch:
    """The watch when it is over."""
    ended = msgspec.structs.replace(watch, state=state, version=watch.version + 1, due_ms=None, sealed=b"")
    return msgspec.structs.replace(ended, closed_ms=now_ms, code=code)


def _next(watch: Watch, now_ms: int, pause_ms: int) -> Watch:
    """At the end of its time it is due once more, to be closed."""
    return msgspec.structs.replace(
        watch, version=watch.version + 1, due_ms=min(now_ms + pause_ms, max(now_ms, watch.expires_ms))
    )


def _news(watch: Watch, look: Look) -> News:
    """Worse is stricter, or a lower band.

    What is missing accuses nobody: where less was seen, worse is news only if what was seen is suspicious by itself.
    """
    if watch.decision is None or watch.band is None:
        return News.NOTHING
    before, band = Outcome[watch.decision.upper()], TrustBand(watch.band)
    blind = look.missing > watch.missing
    worse = look.decision > before or _BANDS.index(look.band) < _BANDS.index(band)
    if worse and (not blind or look.verdict is Verdict.SUSPICIOUS):
        return News.WORSENED
    return News.UNSURE if blind and not watch.unsure else News.NOTHING
