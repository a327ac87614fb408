"""How well what a person claims agrees with the operator's file, as one of three states.

Name, date of birth and document count. An address that differs is common and weak, and what is not on file is no
evidence either way.
"""

from broker.domain.signal import Confirmation, IdentityMatch
from broker.policy.scenarios import IdentitySteps

NOTHING_COMPARED = "nothing_compared"
"""The state of an answer that compared nothing which counts: it is there, and says as little as none."""

_COUNTED = frozenset({"name", "givenName", "familyName", "birthdate", "idDocument"})
_PERCENT_MAX = 100


def likeness(value: IdentityMatch) -> int | None:
    """The least likeness among what counts, in percent; ``None`` where nothing of it was compared.

    Raises:
        ValueError: a score that is no percentage.
    """
    scores = [
        _PERCENT_MAX if one.confirmation is Confirmation.AGREES else one.score or 0
        for one in value.attributes
        if one.attribute in _COUNTED and one.confirmation is not Confirmation.NOT_ON_FILE
    ]
    if any(not 0 <= score <= _PERCENT_MAX for score in scores):
        raise ValueError("a likeness is 0 to 100 percent")
    return min(scores, default=None)


def state(value: IdentityMatch, steps: IdentitySteps) -> str:
    """``low``, ``mid`` or ``high``; an answer that compared nothing is for the caller to set aside."""
    found = likeness(value) or 0
    if found >= steps.high_from:
        return "high"
    return "mid" if found >= steps.mid_from else "low"
