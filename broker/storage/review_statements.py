"""Queries and writes of reviews; text for drivers as in :mod:`statements`."""

from sqlalchemy import bindparam, exists, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from broker.storage.statements import literal
from broker.storage.tables import challenges, checks, outcomes, reviews

INSERT_REVIEW = insert(reviews).on_conflict_do_nothing()
"""Touches no row where the check has a review already."""

CHANGING = (
    "state",
    "version",
    "due_ms",
    "claimed_by",
    "claimed_until_ms",
    "closed_by",
    "closed_ms",
    "ruling",
    "code",
    "reason",
)
"""What a review can change of itself."""

MOVE_REVIEW = (
    update(reviews)
    .values({name: bindparam(f"to_{name}") for name in CHANGING})
    .where(
        reviews.c.tenant == bindparam("of_tenant"),
        reviews.c.review_id == bindparam("of_review"),
        reviews.c.version == bindparam("seen"),
    )
)
"""The guard of every change: whoever moves the version from what they read owns the change, on any number of nodes."""

SELECT_REVIEW = select(reviews).where(
    reviews.c.tenant == bindparam("tenant"), reviews.c.review_id == bindparam("review_id")
)

SELECT_REVIEW_OF_CHECK = select(reviews).where(
    reviews.c.tenant == bindparam("tenant"), reviews.c.check_id == bindparam("check_id")
)

_ANY = literal("")

# An empty text stands for "any": a statement is compiled once, whatever is asked.
SELECT_REVIEWS = (
    select(reviews)
    .where(
        reviews.c.tenant == bindparam("tenant"),
        tuple_(reviews.c.opened_ms, reviews.c.review_id) > tuple_(bindparam("after_ms"), bindparam("after_id")),
        or_(bindparam("state") == _ANY, reviews.c.state == bindparam("state")),
        or_(bindparam("action_class") == _ANY, reviews.c.action_class == bindparam("action_class")),
        or_(bindparam("action_type") == _ANY, reviews.c.action_type == bindparam("action_type")),
        or_(bindparam("claimed_by") == _ANY, reviews.c.claimed_by == bindparam("claimed_by")),
    )
    .order_by(reviews.c.opened_ms, reviews.c.review_id)
    .limit(bindparam("rows"))
)
"""The queue, oldest first."""

SELECT_DUE_REVIEWS = (
    select(reviews).where(reviews.c.due_ms <= bindparam("now_ms")).order_by(reviews.c.due_ms).limit(bindparam("rows"))
)
"""Of all tenants: those whose time is over, and those whose check has not followed."""

_OPEN_ABOUT = (
    select(reviews.c.review_id)
    .where(
        reviews.c.tenant == bindparam("tenant"),
        reviews.c.subject == bindparam("subject"),
        reviews.c.closed_ms.is_(None),
    )
    .limit(bindparam("rows"))
    .subquery()
)
COUNT_OPEN_ABOUT = select(func.count()).select_from(_OPEN_ABOUT)
"""How many reviews about a subject are open, as far as ``rows``."""

_LAST_WORD = (
    select(outcomes.c.outcome)
    .where(outcomes.c.tenant == checks.c.tenant, outcomes.c.check_id == checks.c.check_id)
    .order_by(outcomes.c.reported_ms.desc())
    .limit(1)
    .correlate(checks)
    .scalar_subquery()
)

SELECT_SUBJECT_HISTORY = (
    select(
        checks.c.check_id,
        checks.c.settled_ms,
        checks.c.consumer,
        checks.c.agent,
        checks.c.action_type,
        checks.c.action_class,
        checks.c.decision,
        _LAST_WORD,
    )
    .where(
        checks.c.tenant == bindparam("tenant"),
        checks.c.subject == bindparam("subject"),
        checks.c.status == literal("settled"),
    )
    .order_by(checks.c.settled_ms.desc(), checks.c.check_id.desc())
    .limit(bindparam("rows"))
)
"""What was asked about a subject and how it turned out, latest first; in the order of a :class:`PastAsking`."""

# A closed review counts until its check has followed it.
_REVIEW = exists(
    select(reviews.c.review_id)
    .where(
        reviews.c.tenant == checks.c.tenant,
        reviews.c.check_id == checks.c.check_id,
        reviews.c.due_ms.is_not(None),
        or_(reviews.c.closed_ms.is_(None), reviews.c.revision == checks.c.revision),
    )
    .correlate(checks)
)
_CHALLENGE = exists(
    select(challenges.c.challenge_id)
    .where(
        challenges.c.tenant == checks.c.tenant,
        challenges.c.check_id == checks.c.check_id,
        challenges.c.closed_ms.is_(None),
    )
    .correlate(checks)
)
SELECT_STANDING = select(checks.c.revision, or_(_REVIEW, _CHALLENGE)).where(
    checks.c.tenant == bindparam("tenant"), checks.c.check_id == bindparam("check_id")
)
"""How often a check has settled again, and whether anything is open that may make it do so."""
