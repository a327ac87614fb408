"""device-roaming-status, device-reachability-status and connected-network-type: the present state of a device."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.devices import AboutDevice, DeviceResponse, device_identifier, used_device
from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.apis.operation import Operation, Question
from adapters.mock.operator.network.events import NetworkType, Reach, Roaming

NetworkKind = Literal["2G", "3G", "4G", "5G", "UNKNOWN"]
Connectivity = Literal["DATA", "SMS"]


class RoamingStatus(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """``countryCode`` is an MCC, ``countryName`` the countries that it covers; both may be withheld."""

    roaming: bool
    last_status_time: datetime
    country_code: int | UnsetType = UNSET
    country_name: list[str] | UnsetType = UNSET
    device: DeviceResponse | UnsetType = UNSET


class ReachabilityStatus(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """``reachable`` and ``connectivity`` since 1.0.0, ``reachabilityStatus`` before."""

    last_status_time: datetime
    reachable: bool | UnsetType = UNSET
    connectivity: list[Connectivity] | UnsetType = UNSET
    reachability_status: Literal["CONNECTED_DATA", "CONNECTED_SMS", "NOT_CONNECTED"] | UnsetType = UNSET
    device: DeviceResponse | UnsetType = UNSET


class ConnectedNetworkType(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """UNKNOWN is the network type of a device that is in no network."""

    connected_network_type: NetworkKind
    last_status_time: datetime
    device: DeviceResponse | UnsetType = UNSET


def _checked_at(question: Question) -> datetime:
    """When the state was last known; a number that was never in a device has none."""
    if question.line.device_changed_at is None:
        if question.dialect.commonalities == "0.4":
            status = question.dialect.api.removeprefix("device-").replace("-", "_").upper()
            raise CamaraError(422, f"UNABLE_TO_PROVIDE_{status}", "the network knows no device with this number")
        raise CamaraError(*question.dialect.codes.not_applicable, "the number has not been used in a device")
    return question.local(question.line.status_at())


def _roaming(question: Question) -> RoamingStatus:
    state = question.line.state(Roaming)
    return RoamingStatus(
        roaming=state.active,
        last_status_time=_checked_at(question),
        country_code=state.mcc if state.active and state.mcc is not None else UNSET,
        country_name=list(state.countries) if state.active and state.mcc is not None else UNSET,
        device=used_device(question),
    )


def _means(question: Question) -> list[Connectivity]:
    if question.line.detached_at is not None:
        return []
    state = question.line.state(Reach)
    data: list[Connectivity] = ["DATA"] if state.data else []
    return [*data, "SMS"] if state.sms else data


def _reachability(question: Question) -> ReachabilityStatus:
    checked_at, means = _checked_at(question), _means(question)
    if question.dialect.commonalities == "0.4":
        word = f"CONNECTED_{means[0]}" if means else "NOT_CONNECTED"
        return msgspec.convert({"lastStatusTime": checked_at, "reachabilityStatus": word}, ReachabilityStatus)
    return ReachabilityStatus(
        last_status_time=checked_at,
        reachable=bool(means),
        connectivity=means or UNSET,
        device=used_device(question),
    )


def _network_type(question: Question) -> ConnectedNetworkType:
    attached = question.line.detached_at is None
    return ConnectedNetworkType(
        connected_network_type=question.line.state(NetworkType).kind if attached else "UNKNOWN",
        last_status_time=_checked_at(question),
        device=used_device(question),
    )


DEVICE_ROAMING_STATUS = (
    Operation(
        method="POST",
        path="/retrieve",
        name="getRoamingStatus",
        summary="Whether a device is roaming, and where",
        scopes=frozenset({"device-roaming-status:read"}),
        body=AboutDevice,
        identifier=device_identifier,
        answer_type=RoamingStatus,
        answer=_roaming,
    ),
)
DEVICE_REACHABILITY_STATUS = (
    Operation(
        method="POST",
        path="/retrieve",
        name="getReachabilityStatus",
        summary="Whether a device can be reached, and by what",
        scopes=frozenset({"device-reachability-status:read"}),
        body=AboutDevice,
        identifier=device_identifier,
        answer_type=ReachabilityStatus,
        answer=_reachability,
    ),
)
CONNECTED_NETWORK_TYPE = (
    Operation(
        method="POST",
        path="/retrieve",
        name="getConnectedNetworkType",
        summary="The generation of the network that a device uses",
        scopes=frozenset({"connected-network-type:read"}),
        body=AboutDevice,
        identifier=device_identifier,
        answer_type=ConnectedNetworkType,
        answer=_network_type,
    ),
)
