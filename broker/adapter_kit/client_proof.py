"""How we prove who we are at an authorization server's endpoints."""

import base64
from urllib.parse import quote_plus

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.headers import Headers
from broker.adapter_kit.oauth import ClientAuth, ClientProfile
from broker.domain.signal import Unavailability

_CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def client_proof(profile: ClientProfile, endpoint: str) -> tuple[Headers, dict[str, str]]:
    """The header fields and form members that prove who we are at ``endpoint``, in the way that this operator wants.

    Raises:
        OperatorFault: *unsupported*, the way is not built; *operator_error*, a credential is not there.
    """
    if not profile.auth.built:
        raise OperatorFault(Unavailability.UNSUPPORTED, KitCode.CLIENT_AUTH_NOT_BUILT)
    if profile.auth is ClientAuth.TLS_CLIENT_AUTH:
        return (), {"client_id": profile.client_id}
    if profile.auth in {ClientAuth.BASIC, ClientAuth.CLIENT_SECRET_POST}:
        if profile.secret is None:
            raise OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
        if profile.auth is ClientAuth.BASIC:
            return ((profile.habits.basic_header, basic(profile.client_id, profile.secret)),), {}
        return (), {"client_id": profile.client_id, "client_secret": profile.secret}
    if profile.signer is None:
        raise OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
    if profile.auth is ClientAuth.APPLICATION_JWT:
        statement = profile.signer.application_statement(profile.client_id, endpoint)
        return ((b"authorization", b"Bearer " + statement.encode("ascii")),), {}
    assertion = profile.signer.client_assertion(profile.client_id, endpoint)
    kind = {"client_id": profile.client_id, "client_assertion_type": _CLIENT_ASSERTION}
    return (), {**kind, "client_assertion": assertion}


def basic(client_id: str, secret: str) -> bytes:
    """An ``Authorization`` value whose two parts are form-encoded first, as RFC 6749 2.3.1 asks and many forget."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return b"Basic " + base64.b64encode(pair.encode("ascii"))
