"""What an agent and a reviewer write about somebody, sealed under that person's key: erasing the person erases it."""

import base64

from broker.domain.review import Review
from broker.errors import Erased
from broker.privacy.vault import Vault

_SEALED = "sealed."


class ReviewWords:
    """Seals and opens the free texts of reviews. ``kind`` says which: ``justification`` or ``reason``."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def seal(self, review: Review, kind: str, text: str) -> str:
        """The text as it is kept; no text stays none."""
        if not text:
            return ""
        sealed = await self._vault.seal(
            review.tenant, review.subject, _use(review.review_id, kind), text.encode("utf-8")
        )
        return _SEALED + base64.urlsafe_b64encode(sealed).decode("ascii")

    async def open(self, review: Review, kind: str, kept: str | None) -> str:
        """The text as it was written; empty where there is none, or where the person was erased since."""
        return await _opened(self._vault, review.tenant, review.subject, _use(review.review_id, kind), kept)


async def opened_word(vault: Vault, tenant: str, subject: bytes, review_id: str, kind: str, kept: str | None) -> str:
    """The same for whoever has the row of a review and not the review."""
    return await _opened(vault, tenant, subject, _use(review_id, kind), kept)


async def _opened(vault: Vault, tenant: str, subject: bytes, use: str, kept: str | None) -> str:
    if not kept:
        return ""
    if not kept.startswith(_SEALED):  # from before it was sealed; nobody could write that since
        return kept
    sealed = base64.urlsafe_b64decode(kept.removeprefix(_SEALED))
    try:
        return (await vault.open(tenant, subject, use, sealed)).decode("utf-8")
    except Erased:
        return ""


def _use(review_id: str, kind: str) -> str:
    return f"review.{kind}:{review_id}"
