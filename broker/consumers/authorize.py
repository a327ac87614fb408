"""What a principal may do."""

from broker.domain.check import Principal
from broker.errors import NotPermitted

CHECK = "trust:check"
EXPLAIN = "trust:explain"
REVIEW = "trust:review"
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

SCOPES = frozenset(
    {
        CHECK,
        EXPLAIN,
        REVIEW,
        EVENTS,
        NETWORK,
        DISCLOSE,
        METRICS,
        POLICY_READ,
        POLICY_PUBLISH,
        POLICY_APPROVE,
        POLICY_STOP,
        AUDIT_READ,
        TENANT_ADMIN,
        PRIVACY_READ,
        PRIVACY_WRITE,
        CONSENT_READ,
        CONSENT_WRITE,
        RIGHTS,
    }
)


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
