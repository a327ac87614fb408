"""A check as a vCon (draft-ietf-vcon-vcon-core-04), for whoever keeps conversations in that form.

The one module that knows the draft, which is still moving. The exchange between agent and broker is a text dialog, the
explanation an analysis of type *report*; the signed receipt and the lawful basis are attachments. Of the person there
is a party with the label of how possession was proven, and no number. Members point at one another by index: parties
and dialogs are never put in another order.
"""

import hashlib
import uuid
from typing import Any, NamedTuple

from broker.domain.record import Check
from broker.domain.signal import Match, SignalName
from broker.domain.tenancy import is_sandbox

VERSION = "0.4.0"
MEDIA_TYPE = "application/vcon+json"
POSSESSION = "camara:number-verification"
"""The label of a party whose number the network itself verified; a label and never its data."""

_PERSON, _AGENT, _BROKER = 0, 1, 2
_DIALOG = 0
_JSON = "application/json"
_SCHEMA = "trust-broker-explanation-1"
_UUID_VERSION, _UUID_VARIANT = 0x8, 0b10


class Told(NamedTuple):
    """What the record of a check does not hold: the explanation as plain values, and the broker's own name."""

    report: dict[str, Any]
    issuer: str


def vcon(check: Check, told: Told) -> dict[str, Any]:
    """The unsigned form, as plain values. The same check at the same revision has the same ``uuid``."""
    return {
        "vcon": VERSION,
        "uuid": str(_uuid(f"{told.issuer} {check.tenant} {check.id} {check.revision}")),
        "extensions": ["lawful_basis"],
        "created_at": check.started_at.isoformat(),
        "updated_at": check.settled_at.isoformat(),
        "subject": f"{'sandbox ' if is_sandbox(check.tenant) else ''}trust check {check.id}",
        "parties": _parties(check, told.issuer),
        "dialog": [_dialog(check)],
        "analysis": [_report(told)],
        "attachments": [_receipt(check), *_bases(check)],
    }


def _parties(check: Check, issuer: str) -> list[dict[str, Any]]:
    person: dict[str, Any] = {"type": "person"}
    verified = check.evidence.observed(SignalName.NUMBER_VERIFICATION)
    if verified is not None and isinstance(verified.value, Match) and verified.value.matched:
        person["validation"] = POSSESSION
    agent = {"type": "bot", "name": check.agent or check.consumer, "org": check.tenant, "dept": check.consumer}
    return [person, agent, {"type": "organization", "name": issuer}]


def _dialog(check: Check) -> dict[str, Any]:
    """What was asked and what was answered, as the agent saw it."""
    return {
        "type": "text",
        "start": check.started_at.isoformat(),
        "duration": round((check.settled_at - check.started_at).total_seconds(), 3),
        "parties": [_AGENT, _BROKER],
        "originator": _AGENT,
        "application": "trust-check",
        "mediatype": _JSON,
        "encoding": "json",
        "body": {
            "action": check.action.type,
            "purpose": check.purpose,
            "decision": check.decision.outcome.wire,
            "verdict": check.decision.verdict,
        },
    }


def _report(told: Told) -> dict[str, Any]:
    return {
        "type": "report",
        "dialog": _DIALOG,
        "vendor": "trust-broker",
        "product": told.issuer,
        "schema": _SCHEMA,
        "mediatype": _JSON,
        "encoding": "json",
        "body": told.report,
    }


def _receipt(check: Check) -> dict[str, Any]:
    return {
        "purpose": "trust-decision",
        "start": check.settled_at.isoformat(),
        "party": _BROKER,
        "dialog": _DIALOG,
        "mediatype": "application/jose",
        "encoding": "none",
        "body": check.receipt,
    }


def _bases(check: Check) -> list[dict[str, Any]]:
    """One attachment for each lawful basis that signals were asked on (draft-howe-vcon-lawful-basis)."""
    bases: dict[str, list[str]] = {}
    for signal in check.evidence.signals:
        basis = check.bases.get(signal.name)
        if basis is not None:
            bases.setdefault(basis, []).append(str(signal.name))
    return [_basis(check, basis, signals) for basis, signals in sorted(bases.items())]


def _basis(check: Check, basis: str, signals: list[str]) -> dict[str, Any]:
    granted_at = check.started_at.isoformat()
    return {
        "purpose": "lawful_basis",
        "start": granted_at,
        "party": _AGENT,
        "dialog": _DIALOG,
        "mediatype": _JSON,
        "encoding": "json",
        "body": {
            "lawful_basis": basis,
            "expiration": None,
            "purpose_grants": [{"purpose": check.purpose, "granted": True, "granted_at": granted_at}],
            "signals": signals,
        },
    }


def _uuid(name: str) -> uuid.UUID:
    """A UUID of version 8 (RFC 9562 section 5.8): the SHA-256 of a name, with version and variant put in."""
    number = int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:16], "big")
    number = number & ~(0xF << 76) | _UUID_VERSION << 76
    number = number & ~(0b11 << 62) | _UUID_VARIANT << 62
    return uuid.UUID(int=number)
