"""What will be asked for a check, and how."""

import msgspec

from broker.domain.decision import ActionClass
from broker.domain.signal import SignalName, Unavailable


class PlanItem(msgspec.Struct, frozen=True):
    """One signal wanted. ``max_age_s`` is how old an earlier answer may be to be used again; 0 asks anew.

    ``adverse_max_age_s`` is how old one may be that speaks against the line: used again where others may be at all, and
    in any case where the operator now has no answer, so that nobody gets rid of bad news by silencing who told it.
    """

    signal: SignalName
    required: bool
    max_age_s: float
    adverse_max_age_s: float = 0.0


class Plan(msgspec.Struct, frozen=True):
    """The signals to ask, those already known to be unavailable, and the time there is.

    ``items`` shrink as hops 5 to 7 find that something cannot be asked; each loss moves into ``unavailable`` with its
    reason, so nothing that the policy wanted is ever forgotten.
    """

    policy_id: str
    policy_version: int
    action_class: ActionClass
    items: tuple[PlanItem, ...]
    unavailable: tuple[Unavailable, ...]
    deadline_ms: int
