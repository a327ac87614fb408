"""consent-info: what does the person permit, before a paid question is spent on it? Releases 0.1.0 and 0.2.0."""

import ipaddress
import re
from datetime import datetime
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from broker.adapter_kit.camara.line import InstrumentVersion, Line
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import AskConsent, ConsentEntry, ConsentReason, ConsentStatus
from broker.adapter_kit.wire import Reader, later_instant, malformed
from broker.domain.instrument import InstrumentName

_RETRIEVE = "retrieve"
_URL_MAX = 2048
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_REASONS = {
    "PENDING": ConsentReason.PENDING,
    "REQUESTED": ConsentReason.REQUESTED,
    "DENIED": ConsentReason.DENIED,
    "REVOKED": ConsentReason.DENIED,  # the word of 0.1.0
    "EXPIRED": ConsentReason.EXPIRED,
    "OBJECTED": ConsentReason.OBJECTED,
}
_Reason = Literal["PENDING", "REQUESTED", "DENIED", "REVOKED", "EXPIRED", "OBJECTED"]


class _StatusInfo(msgspec.Struct):
    scopes: tuple[str, ...]
    purpose: str
    valid: bool = msgspec.field(name="statusValidForProcessing")
    reason: _Reason | None = msgspec.field(default=None, name="statusReason")
    expires_at: str | None = msgspec.field(default=None, name="expirationDate")


class _ConsentAnswer(msgspec.Struct):
    entries: tuple[_StatusInfo, ...] = msgspec.field(name="statusInfo")
    capture_url: str | None = msgspec.field(default=None, name="captureUrl")


_ANSWERS = Reader(_ConsentAnswer)


async def carry_out(line: Line, order: AskConsent, *, takes_callback: bool) -> ConsentStatus:
    """What the person permits of the order's scopes for its purpose."""
    body: dict[str, object] = {
        **line.phone_body,
        "scopes": order.scopes,
        "purpose": f"dpv:{order.purpose}",
        "requestCaptureUrl": order.capture,
    }
    if takes_callback and order.callback_url is not None:
        body["callbackUrl"] = order.callback_url
    answer = await line.post(_RETRIEVE, body, _ANSWERS)
    now = line.clock.now()
    entries = tuple(_entry(one, order, now) for one in answer.entries)
    hosts = line.terms.capture_hosts
    return ConsentStatus(entries, _capture_url(answer.capture_url, hosts) if order.capture else None)


def _entry(one: _StatusInfo, order: AskConsent, now: datetime) -> ConsentEntry:
    """Defensive: a yes for another purpose, or for what was not asked, permits nothing here."""
    if one.purpose != f"dpv:{order.purpose}" or not one.scopes or not set(one.scopes) <= set(order.scopes):
        raise malformed(KitCode.ABSURD_VALUE)
    if one.valid and one.reason is not None:
        raise malformed(KitCode.ABSURD_VALUE)
    expires_at = None if one.expires_at is None else _expiry(one.expires_at)
    if one.valid and expires_at is not None and expires_at <= now:
        return ConsentEntry(one.scopes, permitted=False, reason=ConsentReason.EXPIRED, expires_at=expires_at)
    reason = None if one.reason is None else _REASONS[one.reason]
    return ConsentEntry(one.scopes, one.valid, reason, expires_at)


def _expiry(text: str) -> datetime:
    """Date and time by the text of the definition; a bare day, which some took it for, ends where it begins."""
    return later_instant(f"{text}T00:00:00Z" if _DAY.match(text) else text)


def _capture_url(url: str | None, hosts: frozenset[str]) -> str | None:
    """Defensive: a person will be sent there, so it is a place of the operator's own."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise malformed(KitCode.ABSURD_VALUE) from error
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _URL_MAX and parts.username is None
    if not plain or host not in hosts or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        raise malformed(KitCode.ABSURD_VALUE)
    return url


def _is_here(host: str) -> bool:
    """This machine, where a pretend operator may be."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _version(version: str, base_path: str, *, takes_callback: bool) -> InstrumentVersion:
    return InstrumentVersion(
        instrument=InstrumentName.CONSENT_STATUS,
        api="consent-info",
        version=version,
        base_path=base_path,
        scopes={_RETRIEVE: "consent-info:retrieve"},
        carry_out=partial(carry_out, takes_callback=takes_callback),
    )


VERSIONS = (
    _version("0.1.0", "/consent-info/v0.1", takes_callback=False),
    _version("0.2.0", "/consent-info/v0.2", takes_callback=True),
)
