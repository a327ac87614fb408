"""iot-sim-fraud-prevention 0.1: a SIM that works in one device only, or in one area only."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.device_identifier import handset_of
from adapters.mock.operator.apis.devices import Device, device_identifier
from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.apis.location_verification import Point
from adapters.mock.operator.apis.operation import Operation, Question
from adapters.mock.operator.network.events import Ties

Kind = Literal["IMEIBIND", "AREALIMIT"]
DEVICE: Kind = "IMEIBIND"


class BindDeviceImeiRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Tie the SIM to the device that it is in, or to the area that it is in; neither is in the request."""

    device: Device | UnsetType = UNSET
    bind_type: Kind


class UnBindDeviceImeiRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Untie it."""

    device: Device | UnsetType = UNSET
    un_bind_type: Kind


class QueryRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Which of the ties to tell about."""

    device: Device | UnsetType = UNSET
    query_type: Kind


class BindDeviceImeiResponse(msgspec.Struct, frozen=True):
    """Whether it is tied now."""

    bound: bool


class UnBindDeviceImeiResponse(msgspec.Struct, frozen=True):
    """Whether it is untied now."""

    unbound: bool


class ImeiBind(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The tie to a device, and to which."""

    bind_status: Literal["BOUND", "UNBOUND"]
    bind_imei: str | UnsetType = UNSET


class LimitArea(msgspec.Struct, frozen=True, rename="camel"):
    """A circle; the definition's base has ``point`` as well, which says the same."""

    area_type: Literal["CIRCLE"]
    center: Point
    radius: int


class AreaLimit(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The tie to an area, and to which."""

    area_limit_status: Literal["RESTRICTED", "UNRESTRICTED"]
    limit_area: LimitArea | UnsetType = UNSET


class QueryFraudPreventionResponse(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One of the two."""

    imei_bind: ImeiBind | UnsetType = UNSET
    area_limit: AreaLimit | UnsetType = UNSET


def _bind(question: Question) -> BindDeviceImeiResponse:
    _tie(question, question.body.bind_type, tied=True)
    return BindDeviceImeiResponse(bound=True)


def _unbind(question: Question) -> UnBindDeviceImeiResponse:
    ties, kind = question.line.state(Ties), question.body.un_bind_type
    if not (ties.device if kind == DEVICE else ties.area):
        code = "UNNECESSARY_UNBIND_IMEI" if kind == DEVICE else "UNNECESSARY_UNBIND_AREALIMIT"
        raise CamaraError(422, code, "there is nothing to untie")
    _tie(question, kind, tied=False)
    return UnBindDeviceImeiResponse(unbound=True)


def _tie(question: Question, kind: Kind, *, tied: bool) -> None:
    ties = question.line.state(Ties)
    changed = Ties(device=tied, area=ties.area) if kind == DEVICE else Ties(device=ties.device, area=tied)
    question.record(changed)


def _query(question: Question) -> QueryFraudPreventionResponse:
    ties = question.line.state(Ties)
    if question.body.query_type == DEVICE:
        imei = handset_of(question).imei if ties.device else UNSET
        return QueryFraudPreventionResponse(
            imei_bind=ImeiBind(bind_status="BOUND" if ties.device else "UNBOUND", bind_imei=imei)
        )
    fix = question.line.fix if ties.area else None
    area = UNSET if fix is None else LimitArea("CIRCLE", Point(fix.latitude, fix.longitude), round(fix.radius_m))
    status: Literal["RESTRICTED", "UNRESTRICTED"] = "RESTRICTED" if ties.area else "UNRESTRICTED"
    return QueryFraudPreventionResponse(area_limit=AreaLimit(area_limit_status=status, limit_area=area))


IOT_SIM_FRAUD_PREVENTION = (
    Operation(
        method="POST",
        path="/bind",
        name="bindDeviceImei",
        summary="Tie a SIM to its device or its area",
        scopes=frozenset({"iot-sim-fraud-prevention:bind"}),
        body=BindDeviceImeiRequest,
        identifier=device_identifier,
        answer_type=BindDeviceImeiResponse,
        answer=_bind,
    ),
    Operation(
        method="POST",
        path="/unbind",
        name="unBindDeviceImei",
        summary="Untie a SIM from its device or its area",
        scopes=frozenset({"iot-sim-fraud-prevention:unbind"}),
        body=UnBindDeviceImeiRequest,
        identifier=device_identifier,
        answer_type=UnBindDeviceImeiResponse,
        answer=_unbind,
    ),
    Operation(
        method="POST",
        path="/query",
        name="query",
        summary="Whether a SIM is tied",
        scopes=frozenset({"iot-sim-fraud-prevention:query"}),
        body=QueryRequest,
        identifier=device_identifier,
        answer_type=QueryFraudPreventionResponse,
        answer=_query,
    ),
)
