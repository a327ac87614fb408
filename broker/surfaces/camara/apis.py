"""The network APIs that the facade speaks: API, version, operation."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from broker.domain.signal import Observed, SignalName
from broker.surfaces.camara import answers, questions
from broker.surfaces.camara.questions import Parts
from broker.usecases.operators.ask_network import NetworkQuestion


class Operation(NamedTuple):
    """One operation of one API: which signal answers it, how its body is read, and how the signal is told."""

    signal: SignalName
    read: Callable[[Any], Parts]
    tell: Callable[[Observed, Parts], dict[str, Any]]


def question_of(call: str, operation: Operation, parts: Parts, purpose: str) -> NetworkQuestion:
    """What the use case is asked."""
    return NetworkQuestion(
        call=call,
        signal=operation.signal,
        phone=parts.phone,
        purpose=purpose,
        window_s=parts.window_s,
        location=parts.location,
        bound_since=parts.bound_since,
        claims=parts.claims,
        age_threshold_years=parts.age_threshold_years,
    )


_SIM = {
    "check": Operation(SignalName.SIM_SWAP, questions.within, answers.swapped),
    "retrieve-date": Operation(SignalName.SIM_SWAP, questions.about, answers.swap_date("latestSimChange")),
}
_DEVICE = {
    "check": Operation(SignalName.DEVICE_SWAP, questions.within, answers.swapped),
    "retrieve-date": Operation(SignalName.DEVICE_SWAP, questions.about, answers.swap_date("latestDeviceChange")),
}
_FORWARDING = {"unconditional-call-forwardings": Operation(SignalName.CALL_FORWARDING, questions.about, answers.active)}
_LOCATION = {"verify": Operation(SignalName.LOCATION, questions.placed, answers.place)}
_MATCH = {"match": Operation(SignalName.KYC_MATCH, questions.claimed, answers.matched)}
_TENURE = {"check-tenure": Operation(SignalName.KYC_TENURE, questions.held_since, answers.tenure)}
_AGE = {"verify": Operation(SignalName.KYC_AGE, questions.aged, answers.age)}
_RECYCLING = {"check": Operation(SignalName.NUMBER_RECYCLING, questions.since, answers.recycled)}
_ROAMING = {"retrieve": Operation(SignalName.ROAMING, questions.of_device, answers.roaming)}
_REACHABILITY = {"retrieve": Operation(SignalName.REACHABILITY, questions.of_device, answers.reachable)}

APIS: Mapping[str, Mapping[str, Mapping[str, Operation]]] = {
    "sim-swap": {"v0": _SIM, "v1": _SIM, "v2": _SIM},
    "device-swap": {"v0.1": _DEVICE, "v0.2": _DEVICE, "v1": _DEVICE},
    "call-forwarding-signal": {"v0.3": _FORWARDING, "v0.4": _FORWARDING},
    "location-verification": {"v0": _LOCATION, "v1": _LOCATION, "v2": _LOCATION, "v3": _LOCATION},
    "kyc-match": {"v0.3": _MATCH, "v0.4": _MATCH},
    "kyc-tenure": {"v0.1": _TENURE, "v0.2": _TENURE},
    "kyc-age-verification": {"v0.1": _AGE, "v0.2": _AGE},
    "number-recycling": {"v0.2": _RECYCLING},
    "device-roaming-status": {"v1": _ROAMING},
    "device-reachability-status": {"v1": _REACHABILITY},
}
"""API, version in its URL, operation."""


def find(path: str) -> tuple[str, Operation] | None:
    """The operation of a path, whatever a gateway's own prefix in front of it is; with its name for the record.

    Some gateways have no version in their paths; that is the newest one.
    """
    parts = [part for part in path.split("/") if part]
    match parts[-3:]:
        case [*_, api, version, name] if name in APIS.get(api, {}).get(version, {}):
            return f"{api}/{name}", APIS[api][version][name]
        case [*_, api, name] if api in APIS and name in (newest := [*APIS[api].values()][-1]):
            return f"{api}/{name}", newest[name]
        case _:
            return None
