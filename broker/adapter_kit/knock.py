"""Knock at an operator's token endpoint, to see whether it is there and lets us in. Nobody is asked about."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.assembly import Surroundings, assemble, package_of, tls_context
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.manifest import load_manifest
from broker.adapter_kit.token_endpoint import TokenEndpoint
from broker.adapter_kit.transport import TransportLimits, WireResponse, open_transport

_FORM = {"grant_type": "client_credentials", "scope": "openid"}
_REFUSES_US = frozenset({"invalid_client", "unauthorized_client"})
_TIMEOUT_S = 3.0
_HTTP_ERROR = 500


class Knock(msgspec.Struct, frozen=True):
    """What came of it.

    ``fault`` is a code where nothing usable came back. ``error`` is OAuth's, where it is one of those we know.
    ``skew_s`` is how far its clock is ahead of ours, as far as the whole seconds of its ``Date`` tell.
    """

    fault: str | None = None
    status: int | None = None
    error: str | None = None
    skew_s: float | None = None

    @property
    def refused(self) -> bool:
        """Whether it is there and does not take us for who we are."""
        return self.error in _REFUSES_US


class _Answer(msgspec.Struct):
    error: str | None = None
    access_token: str | None = None


async def knock(operator: str, settings: OperatorSettings, surroundings: Surroundings) -> Knock:
    """Ask for a token about nobody. One that is given is not used; a refusal of the grant shows that we are known.

    Raises:
        Misconfigured: the adapter is unknown, or a credential that it needs is missing or unfit.
    """
    manifest = load_manifest(package_of(settings.adapter))
    limits = TransportLimits(connections_max=1, body_bytes_max=settings.body_bytes_max)
    transport = open_transport(surroundings.http_client, limits, tls=tls_context(operator, settings))
    try:
        parts = assemble(operator, manifest, settings, transport, surroundings)
        endpoint = TokenEndpoint(parts.profile, transport, _TIMEOUT_S)
        response = await endpoint.post(parts.profile.token_url, lambda: dict(_FORM), _TIMEOUT_S)
    except OperatorFault as fault:
        return Knock(fault=str(fault.code), status=fault.status)
    finally:
        await transport.aclose()
    return _read(response, surroundings.clock.now())


def _read(response: WireResponse, now: datetime) -> Knock:
    try:
        answer = msgspec.json.decode(response.body, type=_Answer)
    except (msgspec.DecodeError, ValueError):
        answer = _Answer()
    fault = f"HTTP {response.status}" if response.status >= _HTTP_ERROR or not _speaks(answer) else None
    error = answer.error if answer.error in _KNOWN else None
    return Knock(fault, response.status, error, _skew_s(response.headers.get("date"), now))


_KNOWN = _REFUSES_US | {"invalid_request", "invalid_grant", "unsupported_grant_type", "invalid_scope"}
"""RFC 6749 section 5.2. Anything else is an operator's own text, and stays there."""


def _speaks(answer: _Answer) -> bool:
    return answer.error is not None or answer.access_token is not None


def _skew_s(date: str | None, now: datetime) -> float | None:
    if date is None:
        return None
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (then.astimezone(UTC) - now).total_seconds()
