"""Against a clever caller: what was asked about a subject lately counts for what is asked now.

Whoever is refused something sensitive and comes back with something smaller, with the same again, or with the same in
parts, is still the one who was refused. All three rules only ever tighten.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from broker.domain.check import Action, Amount
from broker.domain.decision import ActionClass, Outcome
from broker.policy.document import PolicyDocument
from broker.policy.reasons import ReasonCode

ADVERSE_STANDS = ReasonCode.ADVERSE_STANDS.value
"""The very same action was refused, or left to a human, a short while ago."""

CLASS_RAISED = ReasonCode.CLASS_RAISED.value
"""Something more sensitive was asked about this subject a short while ago."""

AMOUNT_ACCUMULATED = ReasonCode.AMOUNT_ACCUMULATED.value
"""Together with what was allowed lately the amount is of a more sensitive class."""


RAISING = frozenset({CLASS_RAISED, AMOUNT_ACCUMULATED})
"""The codes with which a check has another class than its action by itself."""


class Recent(msgspec.Struct, frozen=True):
    """A check of the same tenant and subject: settled, or under way, where ``outcome`` is not known yet."""

    at: datetime
    action_type: str
    action_class: ActionClass
    action_digest: bytes
    outcome: Outcome | None
    amount: Amount | None = None


class CautionLimits(msgspec.Struct, frozen=True):
    """How long each rule remembers; zero forgets at once."""

    class_window: timedelta = timedelta(minutes=15)
    adverse_window: timedelta = timedelta(hours=1)
    amount_window: timedelta = timedelta(hours=24)

    @property
    def longest(self) -> timedelta:
        """How far back anybody has to look."""
        return max(self.class_window, self.adverse_window, self.amount_window)


class Caution(msgspec.Struct, frozen=True):
    """What recent checks ask for: at least this class, at least this outcome, and the codes that say why."""

    action_class: ActionClass
    floor: Outcome = Outcome.ALLOW
    codes: tuple[str, ...] = ()


def caution(
    document: PolicyDocument, action: Action, ours: Recent, recent: Iterable[Recent], limits: CautionLimits
) -> Caution:
    """The class that applies and the least that is to be done, given what was asked before.

    Args:
        document: the policy of the action; a class that it does not define becomes its strictest one.
        action: as asked.
        ours: the same as others see it: when, of which class by itself, and its digest, to know it again.
        recent: checks of this tenant about this subject, in any order; older ones than the limits are passed over.
        limits: how long each rule remembers.
    """
    known, now, asked = tuple(recent), ours.at, ours.action_class
    whole = _accumulated(action, known, now - limits.amount_window)
    # Classifying is the dearest part of it, and most actions are the first of their day.
    together = asked if whole == action else document.actions[action.type].classify(whole)
    earlier = {one.action_class for one in known if one.at > now - limits.class_window}
    highest = max([asked, together, *(defined(document, one) for one in earlier)])
    stands = _adverse(ours.action_digest, known, now - limits.adverse_window)
    codes = (
        (CLASS_RAISED, highest > max(asked, together)),
        (AMOUNT_ACCUMULATED, together > asked),
        (ADVERSE_STANDS, stands > Outcome.ALLOW),
    )
    return Caution(highest, stands, tuple(code for code, holds in codes if holds))


def defined(document: PolicyDocument, action_class: ActionClass) -> ActionClass:
    """The class itself where the document has it, else the nearest stricter, else its strictest."""
    stricter = [one for one in document.classes if one >= action_class]
    return min(stricter) if stricter else max(document.classes)


def _accumulated(action: Action, recent: Iterable[Recent], since: datetime) -> Action:
    """The action with all that was allowed, or is being decided, of its type and currency added to its amount."""
    if action.amount is None:
        return action
    currency = action.amount.currency
    before = sum(
        (
            one.amount.value
            for one in recent
            if one.amount is not None
            and one.amount.currency == currency
            and one.action_type == action.type
            and one.at > since
            and one.outcome in {Outcome.ALLOW, None}
        ),
        Decimal(0),
    )
    return msgspec.structs.replace(action, amount=Amount(action.amount.value + before, currency))


def _adverse(digest: bytes, recent: Iterable[Recent], since: datetime) -> Outcome:
    """The strictest of review and deny that was said of this very action."""
    said = [one.outcome for one in recent if one.action_digest == digest and one.at > since and one.outcome is not None]
    return max((outcome for outcome in said if outcome >= Outcome.REVIEW), default=Outcome.ALLOW)
