"""A check follows its review: approved is allow, denied or nobody in time is deny."""

from broker.domain.challenge import RefusalCode
from broker.domain.decision import Outcome
from broker.domain.record import Cause, HumanRuling
from broker.domain.review import Review, Ruling
from broker.usecases.audit.refusals import Refusals
from broker.usecases.resettle import Change, Resettle, Superseded


class FollowReview:
    """Settles the check of a closed review again. Doing it twice is harmless."""

    def __init__(self, resettle: Resettle, refusals: Refusals) -> None:
        self._resettle = resettle
        self._refusals = refusals

    async def __call__(self, review: Review) -> None:
        """Have the ruling count.

        An approval counts for the revision that the reviewer saw and for no other: where something new came meanwhile,
        nobody has looked at that. A denial counts whatever came.

        Raises:
            NotFound, Conflict, Erased, Unrecorded, Overloaded: as :class:`Resettle`.
        """
        approved = review.ruling is Ruling.APPROVE
        ruling = HumanRuling(Outcome.ALLOW if approved else Outcome.DENY, str(review.code))
        change = Change(cause=Cause.REVIEW, by=review.review_id, ruling=ruling)
        try:
            await self._resettle(review.tenant, review.check_id, change, seen=review.revision if approved else None)
        except Superseded:
            whose = {"tenant": review.tenant, "consumer": review.closed_by or ""}
            await self._refusals.note(RefusalCode.APPROVAL_STALE, review.review_id, **whose)
