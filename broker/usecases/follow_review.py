"""A check follows its review: approved is allow, denied or nobody in time is deny."""

import logging

from broker.domain.decision import Outcome
from broker.domain.record import Cause, HumanRuling
from broker.domain.review import Review, Ruling
from broker.usecases.resettle import Change, Resettle, Superseded

_log = logging.getLogger(__name__)


class FollowReview:
    """Settles the check of a closed review again. Doing it twice is harmless."""

    def __init__(self, resettle: Resettle) -> None:
        self._resettle = resettle

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
            _log.warning("the approval %s counts for nothing: its check has settled again since", review.review_id)
