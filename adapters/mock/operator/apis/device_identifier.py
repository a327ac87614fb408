"""device-identifier 0.2 to 0.4: the IMEI, the model, or a pseudonym of the device that a number is used in."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.devices import AboutDevice, Device, DeviceResponse, device_identifier, used_device
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, invalid_argument
from adapters.mock.operator.apis.operation import Operation, Question

TAC_DIGITS = 8
SERIAL_DIGITS = 6
DIGITS = {"IMEI": 15, "IMEISV": 16, "TAC": TAC_DIGITS}
SOFTWARE_VERSION = "02"
MODELS = (
    ("35710001", "Faro 3", "Pretend Phones"),
    ("35710002", "Faro 4 Mini", "Pretend Phones"),
    ("86420017", "Nube X", "Imaginary Devices"),
)
"""Type allocation code, model and manufacturer of the devices that the operator makes up. No real maker has these."""


class DeviceIdentity(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """``imei`` has 15 digits, the last one a check digit; ``imeisv`` ends in the software's version instead."""

    last_checked: datetime
    imei: str
    imeisv: str | UnsetType = UNSET
    tac: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    manufacturer: str | UnsetType = UNSET
    device: DeviceResponse | UnsetType = UNSET


class DeviceType(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What kind of device it is."""

    last_checked: datetime
    tac: str
    model: str | UnsetType = UNSET
    manufacturer: str | UnsetType = UNSET
    device: DeviceResponse | UnsetType = UNSET


class DevicePpid(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A pseudonym of the device for this client: another client gets another one."""

    last_checked: datetime
    ppid: str
    device: DeviceResponse | UnsetType = UNSET


class ClaimedIdentifier(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An identifier that somebody says the device has."""

    provided_identifier_type: Literal["IMEI", "IMEISV", "TAC"]
    provided_identifier: Annotated[str, Meta(pattern=r"^[0-9]{8,16}$(?!\n)", max_length=16)]
    device: Device | UnsetType = UNSET


class IdentifierMatch(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Whether it has it."""

    last_checked: datetime
    match: bool
    device: DeviceResponse | UnsetType = UNSET


class Handset(msgspec.Struct, frozen=True):
    """A single device."""

    imei: str
    model: str | UnsetType
    manufacturer: str | UnsetType

    @property
    def tac(self) -> str:
        """Its type allocation code."""
        return self.imei[:TAC_DIGITS]


def handset_of(question: Question) -> Handset:
    """The device on record, or one made up for this number and this change of device, always the same."""
    changed_at, known = question.line.device_changed_at, question.line.device
    if changed_at is None:
        raise CamaraError(*question.dialect.codes.not_applicable, "the number has not been used in a device")
    if known.imei is not None:
        return Handset(known.imei, known.model or UNSET, known.manufacturer or UNSET)
    seed = hashlib.sha256(f"{question.phone_number} {changed_at.timestamp():.3f}".encode()).digest()
    tac, model, manufacturer = MODELS[seed[0] % len(MODELS)]
    serial = int.from_bytes(seed[1:5]) % 10**SERIAL_DIGITS
    digits = f"{tac}{serial:0{SERIAL_DIGITS}}"
    return Handset(digits + check_digit(digits), known.model or model, known.manufacturer or manufacturer)


def check_digit(digits: str) -> str:
    """The Luhn digit that ends an IMEI (3GPP TS 23.003, annex B)."""
    doubled = [int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(digits)]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def _identity(question: Question) -> DeviceIdentity:
    handset = handset_of(question)
    return DeviceIdentity(
        last_checked=question.local(question.line.status_at()),
        imei=handset.imei,
        imeisv=handset.imei[:-1] + SOFTWARE_VERSION,
        tac=handset.tac,
        model=handset.model,
        manufacturer=handset.manufacturer,
        device=used_device(question),
    )


def _type(question: Question) -> DeviceType:
    handset = handset_of(question)
    return DeviceType(
        last_checked=question.local(question.line.status_at()),
        tac=handset.tac,
        model=handset.model,
        manufacturer=handset.manufacturer,
        device=used_device(question),
    )


def _ppid(question: Question) -> DevicePpid:
    material = f"{question.around.issuer} {question.client_id} {handset_of(question).imei}"
    return DevicePpid(
        last_checked=question.local(question.line.status_at()),
        ppid=hashlib.sha256(material.encode()).hexdigest(),
        device=used_device(question),
    )


def _check_claim(_dialect: Dialect, body: ClaimedIdentifier) -> None:
    if len(body.provided_identifier) != DIGITS[body.provided_identifier_type]:
        raise invalid_argument("providedIdentifier has not the digits of its type")


def _match(question: Question) -> IdentifierMatch:
    """Whether the claimed identifier is the one on record."""
    body, handset = question.body, handset_of(question)
    known = {"IMEI": handset.imei, "IMEISV": handset.imei[:-1] + SOFTWARE_VERSION, "TAC": handset.tac}
    return IdentifierMatch(
        last_checked=question.local(question.line.status_at()),
        match=body.provided_identifier == known[body.provided_identifier_type],
        device=used_device(question),
    )


DEVICE_IDENTIFIER = (
    Operation(
        method="POST",
        path="/retrieve-identifier",
        name="retrieveIdentifier",
        summary="The IMEI of the device that a number is used in",
        scopes=frozenset({"device-identifier:retrieve-identifier"}),
        body=AboutDevice,
        identifier=device_identifier,
        answer_type=DeviceIdentity,
        answer=_identity,
    ),
    Operation(
        method="POST",
        path="/retrieve-type",
        name="retrieveType",
        summary="The kind of device that a number is used in",
        scopes=frozenset({"device-identifier:retrieve-type"}),
        body=AboutDevice,
        identifier=device_identifier,
        answer_type=DeviceType,
        answer=_type,
    ),
    Operation(
        method="POST",
        path="/retrieve-ppid",
        name="retrievePPID",
        absent_in=frozenset({"0.2.0"}),
        summary="A pseudonym of the device, for this client alone",
        scopes=frozenset({"device-identifier:retrieve-ppid"}),
        body=AboutDevice,
        identifier=device_identifier,
        answer_type=DevicePpid,
        answer=_ppid,
    ),
    Operation(
        method="POST",
        path="/match-identifier",
        name="matchIdentifier",
        summary="Whether a device has the identifier that somebody says it has",
        scopes=frozenset({"device-identifier:match-identifier"}),
        body=ClaimedIdentifier,
        check=_check_claim,
        identifier=device_identifier,
        absent_in=frozenset({"0.2.0", "0.3.0"}),
        answer_type=IdentifierMatch,
        answer=_match,
    ),
)
