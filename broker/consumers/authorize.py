"""What a principal may do."""

from broker.domain.check import Principal
from broker.errors import NotPermitted

CHECK = "trust:check"
EXPLAIN = "trust:explain"
REVIEW = "trust:review"
WATCH = "trust:watch"
EVENTS = "events:manage"

POLICY_READ = "policy:read"
POLICY_PUBLISH = "policy:publish"
POLICY_APPROVE = "policy:approve"
POLICY_STOP = "policy:stop"

NETWORK = "network:read"
DISCLOSE = "disclosure:order"
METRICS = "metrics:read"

AUDIT_READ = "audit:read"
TENANT_ADMIN = "tenant:admin"

PRIVACY_READ = "privacy:read"
PRIVACY_WRITE = "privacy:write"
CONSENT_READ = "consent:read"
CONSENT_WRITE = "consent:write"
RIGHTS = "rights:request"

MEANINGS = {
    CHECK: "ask, follow what was asked, start challenges and reviews, use receipts",
    EXPLAIN: "see why: score, signals, gates, the whole explanation",
    REVIEW: "decide for people who wait for a human",
    WATCH: "have people's trust looked at again and again",
    EVENTS: "webhooks",
    NETWORK: "raw facts of the network, through the CAMARA facade",
    DISCLOSE: "order personal data in clear, where a grant permits it",
    METRICS: "figures of the running broker",
    POLICY_READ: "read and try policies",
    POLICY_PUBLISH: "publish policies and run candidates beside live checks",
    POLICY_APPROVE: "approve what somebody else published, and resume what was halted",
    POLICY_STOP: "halt an agent, an action type, a policy or the tenant",
    AUDIT_READ: "export the transparency log",
    TENANT_ADMIN: "tenants, their keys, limits and disclosure grants; the meter",
    PRIVACY_READ: "see what people asked about their data, erasures and retention",
    PRIVACY_WRITE: "answer what people asked; erase, pause",
    CONSENT_READ: "read consents",
    CONSENT_WRITE: "record consents and take them back",
    RIGHTS: "bring what people ask about their data",
}
"""What each scope lets its holder do."""

SCOPES = frozenset(MEANINGS)


# What a credential of one's own tenant may be given: whoever holds these is no second person to anything.
_WORKING = frozenset({CHECK, EXPLAIN, EVENTS, NETWORK, METRICS, POLICY_READ, AUDIT_READ, PRIVACY_READ, CONSENT_READ})


def gift(giver: Principal, tenant: str) -> frozenset[str]:
    """The scopes that an administrator may give to a credential of a tenant: never more than it holds itself.

    Defensive: a looser policy takes two people, so one who can make publishers makes no approvers, at any depth; and
    in its own tenant an administrator makes nobody who could stand beside it.
    """
    held = giver.scopes & _WORKING if giver.tenant == tenant else giver.scopes
    return held - {POLICY_APPROVE} if POLICY_PUBLISH in giver.scopes else held


def require(principal: Principal, scope: str) -> None:
    """Let a principal pass that holds the scope.

    Raises:
        NotPermitted: it does not; the message names the scope to ask for.
    """
    if scope not in principal.scopes:
        raise NotPermitted(f"this credential lacks the scope {scope}", scope=scope)


def require_person(principal: Principal, scope: str) -> None:
    """Let a person pass that holds the scope: what concerns somebody's data is no agent's to change.

    Raises:
        NotPermitted: it does not, or acts through an agent.
    """
    require(principal, scope)
    if principal.agent is not None:
        raise NotPermitted("this is for people: use a credential without an agent")
