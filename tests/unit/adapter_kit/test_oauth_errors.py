"""Every error that the specifications of our grants know is a reason of ours, and nothing else is a code."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow, TokenWanted
from broker.adapter_kit.oauth_answers import OAUTH_ERRORS, error_in
from broker.adapter_kit.transport import WireResponse
from broker.domain.signal import Unavailability
from tests.unit.adapter_kit.pretend import PretendOperator

U = Unavailability
CHECK = TokenWanted(Flow.CLIENT_CREDENTIALS, None, "FraudPreventionAndDetection", ("sim-swap:check",))

# Each as its document defines it for a token, an authorization or a backchannel endpoint, or a protected resource.
REGISTERED = {
    "RFC 6749 section 5.2": (
        *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client"),
        *("unsupported_grant_type", "invalid_scope"),
    ),
    "RFC 6749 section 4.1.2.1": (
        *("invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope"),
        *("server_error", "temporarily_unavailable"),
    ),
    "RFC 6750 section 3.1": ("invalid_request", "invalid_token", "insufficient_scope"),
    "RFC 7009 section 2.2.1": ("unsupported_token_type",),
    "RFC 7521 section 4, RFC 7523 section 3": ("invalid_grant", "invalid_client"),
    "RFC 8707 section 2": ("invalid_target",),
    "RFC 9101 section 7": (
        *("invalid_request_uri", "invalid_request_object", "request_not_supported", "request_uri_not_supported"),
    ),
    "RFC 9396 section 5": ("invalid_authorization_details",),
    "RFC 9449 sections 5, 8": ("invalid_dpop_proof", "use_dpop_nonce"),
    "RFC 9470 section 3": ("insufficient_user_authentication",),
    "OpenID Connect Core section 3.1.2.6": (
        *("interaction_required", "login_required", "account_selection_required", "consent_required"),
        *("invalid_request_uri", "invalid_request_object", "request_not_supported", "request_uri_not_supported"),
        "registration_not_supported",
    ),
    "OpenID Connect Core: Unmet Authentication Requirements": ("unmet_authentication_requirements",),
    "CIBA Core section 11": (
        *("authorization_pending", "slow_down", "expired_token", "access_denied", "invalid_grant"),
        *("invalid_request", "unauthorized_client"),
    ),
    "CIBA Core section 12": ("transaction_failed", "expired_token", "access_denied"),
    "CIBA Core section 13": (
        *("invalid_request", "invalid_scope", "expired_login_hint_token", "unknown_user_id", "unauthorized_client"),
        *("missing_user_code", "invalid_user_code", "invalid_binding_message", "invalid_client", "access_denied"),
    ),
    "ICM profile, authorization code": (
        *("invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope"),
        *("consent_required", "server_error", "temporarily_unavailable", "invalid_request_object"),
        "request_uri_not_supported",
    ),
    "ICM profile, CIBA": (
        *("invalid_request", "unauthorized_client", "unknown_user_id", "invalid_scope", "invalid_request_object"),
        *("invalid_client", "access_denied"),
    ),
}
NOT_OURS = {
    "invalid_grant": U.NOT_PERMITTED,
    "access_denied": U.NOT_PERMITTED,
    "consent_required": U.NOT_PERMITTED,
    "expired_token": U.NOT_PERMITTED,
    "insufficient_scope": U.NOT_PERMITTED,
    "insufficient_user_authentication": U.NOT_PERMITTED,
    "unmet_authentication_requirements": U.NOT_PERMITTED,
    "login_required": U.NOT_APPLICABLE,
    "interaction_required": U.NOT_APPLICABLE,
    "account_selection_required": U.NOT_APPLICABLE,
    "unknown_user_id": U.UNKNOWN_SUBSCRIBER,
    "authorization_pending": U.LATE,
    "slow_down": U.LATE,
}
"""Those that say something about the person; every other one is trouble between two companies."""


@pytest.mark.parametrize("document", REGISTERED)
def test_no_error_of_a_document_is_left_out(document: str) -> None:
    assert set(REGISTERED[document]) <= set(OAUTH_ERRORS)


def test_no_error_of_ours_is_of_no_document() -> None:
    assert set(OAUTH_ERRORS) == {code for codes in REGISTERED.values() for code in codes}


@pytest.mark.parametrize("status", [200, 400, 401, 403])
@pytest.mark.parametrize("error", sorted(OAUTH_ERRORS))
async def test_each_is_a_reason_whatever_status_it_comes_with(error: str, status: int) -> None:
    operator = PretendOperator()
    operator.token_answers = [
        httpx.Response(status, json={"error": error, "error_description": "prose", "access_token": "t"})
    ]
    with pytest.raises(OperatorFault) as caught:
        await operator.tokens().token(CHECK, deadline_s=1001.0)
    assert (caught.value.reason, caught.value.code) == (NOT_OURS.get(error, U.OPERATOR_ERROR), error)


CODES = {*OAUTH_ERRORS, *KitCode, "TOO_MANY_REQUESTS"}


@given(st.integers(200, 599), st.binary(max_size=60) | st.text().map(lambda word: json.dumps({"error": word}).encode()))
def test_an_operators_own_words_never_become_a_code(status: int, body: bytes) -> None:
    fault = error_in(WireResponse(status, {}, body))
    assert fault is None or fault.code in CODES
    assert fault is not None or status == 200
