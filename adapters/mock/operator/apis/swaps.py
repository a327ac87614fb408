"""sim-swap and device-swap: the same two questions about two kinds of change (their OpenAPI definitions)."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument, out_of_range
from adapters.mock.operator.apis.operation import Identifier, Operation, PhoneNumber, Question
from adapters.mock.operator.profile import MAX_AGE_LIMIT_H

DEFAULT_MAX_AGE_H = 240
HOURS_PER_DAY = 24


class RetrieveDate(msgspec.Struct, frozen=True, rename="camel"):
    """When did the last change happen?"""

    phone_number: PhoneNumber | UnsetType = UNSET


class CheckSwap(msgspec.Struct, frozen=True, rename="camel"):
    """Did a change happen within the last ``maxAge`` hours?"""

    phone_number: PhoneNumber | UnsetType = UNSET
    max_age: int | UnsetType = UNSET


class SimSwapInfo(msgspec.Struct, frozen=True, rename="camel"):
    """``monitoredPeriod`` is in days, and says how far back a null reaches."""

    latest_sim_change: datetime | None
    monitored_period: int | UnsetType = UNSET


class DeviceSwapInfo(msgspec.Struct, frozen=True, rename="camel"):
    """``monitoredPeriod`` is in days, and says how far back a null reaches."""

    latest_device_change: datetime | None
    monitored_period: int | UnsetType = UNSET


class CheckSwapInfo(msgspec.Struct, frozen=True):
    """Whether it did."""

    swapped: bool


def _identifier(body: Any) -> Identifier | None:
    return None if body.phone_number is UNSET else Identifier(body.phone_number)


def _check_max_age(dialect: Dialect, body: CheckSwap) -> None:
    if body.max_age is UNSET:
        return
    if body.max_age < 1:
        raise invalid_argument("maxAge must be at least 1 hour")
    if body.max_age > MAX_AGE_LIMIT_H:
        # The schema has a maximum, the feature files of 2.x expect OUT_OF_RANGE, 1.0.0 knows only INVALID_ARGUMENT.
        raise CamaraError(*dialect.codes.period_too_long, f"maxAge must be at most {MAX_AGE_LIMIT_H} hours")


def _swapped(question: Question, changed_at: datetime | None, max_age_h: int) -> CheckSwapInfo:
    horizon = question.now - timedelta(hours=max_age_h)
    return CheckSwapInfo(changed_at is not None and changed_at >= horizon)


def _tellable(question: Question, changed_at: datetime | None) -> tuple[datetime | None, int | UnsetType]:
    """The date if retention allows it, else null, with the period in days where version and operator disclose it."""
    hours = question.retention.hours
    if changed_at is None:
        return None, UNSET
    if hours is None or question.now - changed_at <= timedelta(hours=hours):
        return question.local(changed_at), UNSET
    disclosed = question.retention.disclosed and question.dialect.null_period
    return None, hours // HOURS_PER_DAY if disclosed else UNSET


def _sim_date(question: Question) -> SimSwapInfo:
    return SimSwapInfo(*_tellable(question, question.line.sim_changed_at))


def _sim_check(question: Question) -> CheckSwapInfo:
    asked_h = DEFAULT_MAX_AGE_H if question.body.max_age is UNSET else question.body.max_age
    # The default is no exception: an operator that may look back seven days refuses 240 hours, said or unsaid.
    if question.retention.hours is not None and asked_h > question.retention.hours:
        raise out_of_range(f"the monitored period is {question.retention.hours} hours by local regulation")
    return _swapped(question, question.line.sim_changed_at, asked_h)


def _device_changed_at(question: Question) -> datetime:
    changed_at = question.line.device_changed_at
    if changed_at is None:
        # Unlike sim-swap, which answers null: a number that was never in a device cannot be asked about.
        raise CamaraError(*question.dialect.codes.not_applicable, "the number has not been used in a device")
    return changed_at


def _device_date(question: Question) -> DeviceSwapInfo:
    return DeviceSwapInfo(*_tellable(question, _device_changed_at(question)))


def _device_check(question: Question) -> CheckSwapInfo:
    changed_at, asked_h, kept_h = _device_changed_at(question), question.body.max_age, question.retention.hours
    if asked_h is UNSET:
        # Here the default may reach beyond what is kept; only an explicit period is refused (its test definitions).
        return _swapped(question, changed_at, min(DEFAULT_MAX_AGE_H, kept_h or DEFAULT_MAX_AGE_H))
    if kept_h is not None and asked_h > kept_h:
        raise out_of_range(f"the monitored period is {kept_h} hours by local regulation")
    return _swapped(question, changed_at, asked_h)


SIM_SWAP = (
    Operation(
        method="POST",
        path="/retrieve-date",
        name="retrieveSimSwapDate",
        summary="When the number was last paired with another SIM",
        scopes=frozenset({"sim-swap:retrieve-date", "sim-swap"}),
        body=RetrieveDate,
        identifier=_identifier,
        answer_type=SimSwapInfo,
        answer=_sim_date,
    ),
    Operation(
        method="POST",
        path="/check",
        name="checkSimSwap",
        summary="Whether the number was paired with another SIM within maxAge hours",
        scopes=frozenset({"sim-swap:check", "sim-swap"}),
        body=CheckSwap,
        check=_check_max_age,
        identifier=_identifier,
        answer_type=CheckSwapInfo,
        answer=_sim_check,
    ),
)

DEVICE_SWAP = (
    Operation(
        method="POST",
        path="/retrieve-date",
        name="retrieveDeviceSwapDate",
        summary="When the number was last used in another device",
        scopes=frozenset({"device-swap:retrieve-date", "device-swap"}),
        body=RetrieveDate,
        identifier=_identifier,
        answer_type=DeviceSwapInfo,
        answer=_device_date,
    ),
    Operation(
        method="POST",
        path="/check",
        name="checkDeviceSwap",
        summary="Whether the number was used in another device within maxAge hours",
        scopes=frozenset({"device-swap:check", "device-swap"}),
        body=CheckSwap,
        check=_check_max_age,
        identifier=_identifier,
        answer_type=CheckSwapInfo,
        answer=_device_check,
    ),
)
