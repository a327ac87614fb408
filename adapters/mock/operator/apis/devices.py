"""The ``device`` object that the device APIs share (Commonalities, ``Device`` and ``DeviceResponse``)."""

import ipaddress
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.mock.operator.apis.operation import Identifier, PhoneNumber, Question


class Ipv4(msgspec.Struct, frozen=True, rename="camel"):
    """The public address with the private one or the public port, as the network address translation shows them."""

    public_address: str
    private_address: str | UnsetType = UNSET
    public_port: Annotated[int, Meta(ge=0, le=65_535)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        ipaddress.IPv4Address(self.public_address)
        if self.private_address is UNSET and self.public_port is UNSET:
            raise ValueError("privateAddress or publicPort is needed")
        if isinstance(self.private_address, str):
            ipaddress.IPv4Address(self.private_address)


class Device(msgspec.Struct, frozen=True, rename="camel"):
    """Identifiers of a device, at least one. This operator can use phone numbers only."""

    phone_number: PhoneNumber | UnsetType = UNSET
    network_access_identifier: str | UnsetType = UNSET
    ipv4_address: Ipv4 | UnsetType = UNSET
    ipv6_address: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        if all(getattr(self, name) is UNSET for name in self.__struct_fields__):
            raise ValueError("a device needs an identifier")
        if isinstance(self.ipv6_address, str):
            ipaddress.IPv6Address(self.ipv6_address)


class AboutDevice(msgspec.Struct, frozen=True, rename="camel"):
    """Which device, for a two-legged token."""

    device: Device | UnsetType = UNSET


class DeviceResponse(msgspec.Struct, frozen=True, rename="camel"):
    """The identifier that was used."""

    phone_number: PhoneNumber


def device_identifier(body: Any) -> Identifier | None:
    """The number of a body's device; no number where this operator can use none of its identifiers."""
    if isinstance(body.device, UnsetType):
        return None
    number = body.device.phone_number
    return Identifier(number if isinstance(number, str) else None)


def used_device(question: Question) -> DeviceResponse | UnsetType:
    """The identifier that an answer names, where the version has it and the token did not name the subject."""
    named = question.dialect.names_device and question.two_legged
    return DeviceResponse(question.phone_number) if named else UNSET
