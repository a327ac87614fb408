"""Reviews: built from settings, and swept for as long as the broker runs."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from broker.bootstrap.background import repeating
from broker.settings.sections import ReviewSettings
from broker.storage.store import Store
from broker.usecases.audit.refusals import Refusals
from broker.usecases.resettle import Resettle, ResettleTools
from broker.usecases.reviews.follow_review import FollowReview
from broker.usecases.reviews.review_checks import ReviewChecks, ReviewLimits, ReviewTools
from broker.usecases.reviews.review_words import ReviewWords

_SWEEP_S = 1.0


def review_checks(
    resettling: ResettleTools,
    store: Store,
    new_id: Callable[[str], str],
    settings: ReviewSettings,
    refusals: Refusals,
) -> ReviewChecks:
    """The reviews of this deployment, and how their checks settle again."""
    limits = ReviewLimits(**settings.model_dump())
    follow = FollowReview(Resettle(resettling), refusals)
    return ReviewChecks(
        ReviewTools(
            store=store.reviews,
            checks=resettling.checks,
            clock=resettling.clock,
            new_id=new_id,
            follow=follow,
            compose=resettling.compose,
            stir=resettling.stir,
            words=ReviewWords(resettling.vault),
            refusals=refusals,
            limits=limits,
        )
    )


def sweeping_reviews(reviews: ReviewChecks) -> AbstractAsyncContextManager[None]:
    """Let time decide where nobody did, every second."""
    return repeating("reviews", reviews.sweep, _SWEEP_S)
