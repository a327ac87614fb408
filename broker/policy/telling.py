"""Whether an answer says enough to count where a class requires one.

An operator that monitors a single day answers every question about SIM changes with "no", and so says nearly nothing;
so does a tenure since yesterday. Such answers are weighed for what they are and settle no requirement.
"""

from collections.abc import Mapping

from broker.domain.decision import ActionClass
from broker.domain.signal import AgeRange, IdentityMatch, Observed, SignalName, Tenure
from broker.policy import identity, tenure
from broker.policy.ages import DAY_S

Windows = Mapping[SignalName, float]
"""The seconds that an answer has to look back; a signal left out needs none."""

_LOW, _MEDIUM, _HIGH, _CRITICAL = ActionClass
_CHANGES_S = {_LOW: DAY_S, _MEDIUM: 3 * DAY_S, _HIGH: 7 * DAY_S, _CRITICAL: 7 * DAY_S}
_TENURE_S = {_LOW: DAY_S, _MEDIUM: 7 * DAY_S, _HIGH: 30 * DAY_S, _CRITICAL: 30 * DAY_S}

WINDOWS_S: Mapping[ActionClass, Windows] = {
    one: {
        SignalName.SIM_SWAP: _CHANGES_S[one],
        SignalName.DEVICE_SWAP: _CHANGES_S[one],
        SignalName.KYC_TENURE: _TENURE_S[one],
    }
    for one in ActionClass
}
"""The least that a class asks for. Seven days is what operators under the shortest legal limits may still tell."""


def clears(signal: Observed, windows: Windows) -> bool:
    """Whether the answer excludes a change within the window; any comparison that was made counts for other kinds."""
    match signal.value:
        case AgeRange():
            return signal.value.at_least_s >= windows.get(signal.name, 0.0)
        case Tenure():
            return tenure.covered_s(signal.value, signal.observed_at) >= windows.get(signal.name, 0.0)
        case IdentityMatch():
            return identity.likeness(signal.value) is not None
        case _:
            return True


def is_known_change(signal: Observed) -> bool:
    """Whether the answer knows of a change: it tells enough for a requirement without excluding anything."""
    if isinstance(signal.value, AgeRange):
        return signal.value.at_most_s is not None
    return isinstance(signal.value, Tenure) and not signal.value.continuous
