"""What a person asked for, by the tenant's pseudonym for them."""

from enum import StrEnum

import msgspec


class Erasure(msgspec.Struct, frozen=True):
    """Somebody was erased: every key of theirs that was made until ``erased_ms`` is destroyed.

    ``cleared_ms`` is when what these keys had sealed was taken out of the tables, too.
    """

    tenant: str
    erasure_id: str
    subject: bytes
    erased_ms: int
    erased_by: str
    cleared_ms: int | None = None

    def __repr__(self) -> str:
        return f"Erasure({self.tenant}, {self.erasure_id})"


class ChangeOf(StrEnum):
    """What has changed about a subject."""

    ERASED = "erased"
    CONSENT = "consent"
    STANDING = "standing"


class SubjectChange(msgspec.Struct, frozen=True):
    """News of a subject for every node; ``ref`` is the id of what changed."""

    tenant: str
    change_id: str
    subject: bytes
    kind: ChangeOf
    ref: str
    at_ms: int

    def __repr__(self) -> str:
        return f"SubjectChange({self.tenant}, {self.change_id}, {self.kind})"


class Standing(msgspec.Struct, frozen=True):
    """Whether operators may be asked about a subject at all. ``None`` is no restriction; instants in milliseconds."""

    paused_ms: int | None = None
    objected_ms: int | None = None


class RetentionMark(msgspec.Struct, frozen=True):
    """Of everything in a category that is older than ``until_ms``, nothing is left."""

    tenant: str
    category: str
    until_ms: int
    ran_ms: int
