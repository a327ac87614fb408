"""An example of every body that the REST interface takes, as the published contract shows it.

Each can be sent as it stands; where it names a check, a receipt or the like, put one of yours in its place.
"""

from collections.abc import Mapping
from typing import Any

_NUMBER = "+34600000101"
_CHECK = "chk_01KAPM4W6ZJ1R8D3T5V7X9Y2B4"
_RECEIPT = "eyJhbGciOiJFUzI1NiIsInR5cCI6InRydXN0LXJlY2VpcHQrand0In0.eyJjaGVjayI6ImNoa18wMSJ9.c2lnbmF0dXJl"
_PURPOSE = "FraudPreventionAndDetection"
_KEYS = {  # of RFC 7517, appendix A.1
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "kid": "2026-11",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        }
    ]
}
_PAYMENT = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}

_POLICY = """\
id: pin-reset
version: 1
purposes: [FraudPreventionAndDetection]
actions:
  pin.reset: {default: high}
classes:
  high:
    prior: 0.002
    value_at_risk: 5
    wanted: [sim_swap, device_swap, call_forwarding]
    required: [[sim_swap]]
step_up_methods: [network_auth, tenant_factor]
examples:
  - name: a SIM of this morning resets nothing
    action: {type: pin.reset}
    evidence: {sim_swap: 3h, device_swap: 400d, call_forwarding: inactive}
    class: high
    decision: deny
"""

_EVALUATION = {
    "subject": {"type": "phone_number", "id": _NUMBER},
    "action": {"name": "payment.transfer", "properties": {"amount": {"value": "950.00", "currency": "EUR"}}},
    "resource": {"type": "account", "id": "ES91 2100 0418 45"},
    "context": {"purpose": _PURPOSE},
}

BODIES: Mapping[str, Any] = {
    "CheckIn": {
        "subject": {
            "phoneNumber": _NUMBER,
            "location": {"latitude": 40.4168, "longitude": -3.7038, "radiusM": 5000},
            "boundSince": "2024-05-01",
        },
        "action": {**_PAYMENT, "resource": "ES91 2100 0418 45", "attributes": {"newPayee": True}},
        "purpose": _PURPOSE,
        "context": {"channel": "voice", "conversationId": "call-7f3a"},
        "deadlineMs": 1500,
    },
    "OutcomeIn": {"outcome": "fraud", "foundAt": "2026-11-29T10:00:00Z"},
    "ChallengeIn": {"method": "network_auth", "phoneNumber": _NUMBER},
    "AnswerIn": {"code": "482913"},
    "ReviewIn": {"justification": "The customer says that the old handset was lost."},
    "RulingIn": {"ruling": "approve", "code": "CUSTOMER_CONFIRMED", "reason": "Called back on the number on file."},
    "ConsumeIn": {"receipt": _RECEIPT, "action": _PAYMENT, "proof": True},
    "RevokeIn": {"check": _CHECK, "reason": "ORDER_CANCELLED"},
    "DocumentIn": {"document": _POLICY},
    "RollbackIn": {"version": 1},
    "BacktestIn": {"document": _POLICY, "since": "2026-11-01T00:00:00Z", "limit": 1000},
    "StopIn": {"kind": "agent", "value": "till-agent", "reason": "It asks about numbers in a row."},
    "WebhookIn": {"url": "https://hooks.example.com/trust", "events": ["check.settled", "check.revised"]},
    "EvaluationIn": _EVALUATION,
    "EvaluationsIn": {
        **{name: _EVALUATION[name] for name in ("subject", "resource", "context")},
        "evaluations": [
            {"action": _EVALUATION["action"]},
            {"action": {"name": "sign_in.hint"}},
        ],
        "options": {"evaluations_semantic": "deny_on_first_deny"},
    },
    "AccessRequestIn": {
        **{name: _EVALUATION[name] for name in ("subject", "action", "resource")},
        "denial": {"evaluation_id": _CHECK, "expires_at": "2026-11-22T20:05:00Z"},
        "context": {"purpose": _PURPOSE, "business_justification": "The customer waits."},
    },
    "ConsentIn": {
        "phoneNumber": _NUMBER,
        "purpose": _PURPOSE,
        "noticeVersion": "2026-09",
        "method": "checkbox",
        "channel": "app",
        "signals": ["location"],
        "jurisdiction": "ES",
    },
    "BatchIn": {
        "checks": [
            {"request": {"subject": {"phoneNumber": _NUMBER}, "action": _PAYMENT, "purpose": _PURPOSE}},
            {
                "request": {"subject": {"phoneNumber": "+34600000102"}, "action": _PAYMENT, "purpose": _PURPOSE},
                "idempotencyKey": "order-77",
            },
        ]
    },
    "WatchIn": {"phoneNumber": _NUMBER, "actionType": "payment.transfer", "purpose": _PURPOSE, "everyS": 86_400},
    "SubjectRefIn": {"phoneNumber": _NUMBER},
    "SwitchIn": {"phoneNumber": _NUMBER, "on": True},
    "PersonRequestIn": {"phoneNumber": _NUMBER, "kind": "access"},
    "DisputeIn": {"phoneNumber": _NUMBER, "checkId": _CHECK, "statement": "I changed my SIM in the shop myself."},
    "NumberProofIn": {"phoneNumber": _NUMBER, "method": "network_auth"},
    "ReasonIn": {"reason": "Known in the branch since 2011, showed the passport."},
    "RefusalIn": {"code": "NOT_IDENTIFIED", "reason": "Did not show whose number it is."},
    "DisputeRulingIn": {"upheld": True, "reason": "The shop confirms the change of SIM.", "outcome": "genuine"},
    "GrantIn": {
        "disclosure": "location_area",
        "purpose": "FraudPreventionAndDetection",
        "reason": "Emergency desk, agreed with the data protection officer.",
        "expiresAt": "2027-01-31T00:00:00Z",
    },
    "LocateIn": {"phoneNumber": _NUMBER, "purpose": _PURPOSE, "maxAgeS": 60},
    "IdentifyIn": {"phoneNumber": _NUMBER, "purpose": _PURPOSE, "attributes": ["givenName", "familyName"]},
    "TenantIn": {"name": "bakery", "limits": {"checksPerMinute": 600, "budget": {"EUR": "100.00"}}},
    "Limits": {"checksPerMinute": 600, "checksPerDay": 50_000, "budget": {"EUR": "100.00"}},
    "KeyIn": {"consumer": "till", "scopes": ["trust:check"], "agent": "till-agent", "days": 90},
    "RotateIn": {"overlapS": 86_400},
    "ClientIn": {"consumer": "till", "scopes": ["trust:check"], "agent": "till-agent", "jwks": _KEYS},
    "ClientKeysIn": {"jwks": _KEYS},
    "IssuerIn": {"issuer": "https://idp.bakery.example", "jwks": _KEYS},
}
"""By the name of the schema."""

ANSWER: Mapping[str, Any] = {
    "id": _CHECK,
    "status": "settled",
    "decision": "step_up",
    "verdict": "suspicious",
    "trustBand": "high",
    "confidence": "medium",
    "reasons": [{"code": "LINE_RISK", "effect": "worse"}],
    "nextSteps": [
        {
            "type": "challenge",
            "method": "network_auth",
            "href": f"/v1/trust-checks/{_CHECK}/challenges",
            "expiresAt": "2026-11-22T20:15:00Z",
        },
        {"type": "review", "href": f"/v1/trust-checks/{_CHECK}/reviews"},
    ],
    "policy": {"id": "payment", "version": 1, "actionClass": "medium"},
    "degraded": False,
    "calibrated": False,
    "validUntil": "2026-11-22T20:05:00Z",
    "receipt": _RECEIPT,
    "withheld": [{"method": "sms_otp", "code": "LINE_RISK"}],
}
"""Of a check, as an agent sees it."""

FORMS: Mapping[str, Mapping[str, str]] = {
    "grant_type": {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJjbGllbnQifQ.c2lnbmF0dXJl",
        "scope": "trust:check",
    },
    "token": {
        "token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJqdGkiOiJ0b2tfMDEifQ.c2lnbmF0dXJl",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJjbGllbnQifQ.c2lnbmF0dXJl",
    },
}
"""By the parameter that only that form has."""
