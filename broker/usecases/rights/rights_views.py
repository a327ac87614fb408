"""What is told of a person's request."""

from datetime import datetime
from typing import Any

import msgspec

from broker.domain.rights import RequestCode, RequestState, RequestWords, RightKind, SubjectRequest
from broker.usecases.rights.rights_desk import instant


class RequestOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A request. ``proven`` says that the number was shown to be the person's; it holds for a quarter of an hour.

    ``about`` is the check that a dispute or a correction names; ``decided_by`` who closed it.
    """

    id: str
    kind: RightKind
    state: RequestState
    opened_at: datetime
    due_at: datetime
    overdue: bool = False
    proven: bool = False
    proven_by: str | None = None
    vouched_by: str | None = None
    extended_at: datetime | None = None
    about: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    code: RequestCode | None = None


class RequestFile(RequestOut, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """The same with what people wrote, for whoever works on it."""

    statement: str = ""
    fact: str = ""
    vouched: str = ""
    extended: str = ""
    reason: str = ""


class RequestsOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page of requests, the one that is due first at the head; ``next`` is what to send as ``after``."""

    requests: tuple[RequestOut, ...]
    next: str | None = None


def shown(request: SubjectRequest, now_ms: int, method: str | None = None) -> RequestOut:
    """A request for whoever brought it; ``method`` by which it is proven now, where it waits for that."""
    return RequestOut(**_members(request, now_ms, method))


def shown_with(request: SubjectRequest, now_ms: int, words: RequestWords) -> RequestFile:
    """A request for staff."""
    return RequestFile(
        **_members(request, now_ms, None),
        statement=words.statement,
        fact=words.fact,
        vouched=words.vouched,
        extended=words.extended,
        reason=words.closed,
    )


def _members(request: SubjectRequest, now_ms: int, method: str | None) -> dict[str, Any]:
    return {
        "id": request.request_id,
        "kind": request.kind,
        "state": request.state,
        "opened_at": instant(request.opened_ms),
        "due_at": instant(request.due_ms),
        "overdue": request.is_open and now_ms >= request.due_ms,
        "proven": request.proven_ms is not None or method is not None,
        "proven_by": request.proven_by or method,
        "vouched_by": request.vouched_by,
        "extended_at": None if request.extended_ms is None else instant(request.extended_ms),
        "about": request.about,
        "closed_at": None if request.closed_ms is None else instant(request.closed_ms),
        "closed_by": request.closed_by,
        "code": request.code,
    }
